package onaws

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// flowLog is the flow log of one VPC. AWS changes none: one that differs is
// made anew.
func (e engine) flowLog(f FlowLog) *piece {
	return &piece{
		name: "flow log of " + f.VPC + " in " + f.Region, arn: "arn:" + e.Partition + ":ec2:" + f.Region + ":" + e.Account + ":vpc/" + f.VPC,
		want:   func(ctx context.Context) (work, error) { return e.wantFlowLog(ctx, f) },
		unwant: func(ctx context.Context) (work, error) { return e.unwantFlowLog(ctx, f) },
	}
}

// findFlowLogs returns the flow logs of the VPC to S3: the set-up's own, if
// there is one, and those of others.
func (e engine) findFlowLogs(ctx context.Context, f FlowLog) (own *ec2types.FlowLog, others []ec2types.FlowLog, err error) {
	pages := ec2.NewDescribeFlowLogsPaginator(e.clients.ec2(f.Region), &ec2.DescribeFlowLogsInput{
		Filter: []ec2types.Filter{{Name: aws.String("resource-id"), Values: []string{f.VPC}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, have := range page.FlowLogs {
			switch {
			case have.LogDestinationType != ec2types.LogDestinationTypeS3:
			case slices.ContainsFunc(have.Tags, func(t ec2types.Tag) bool { return aws.ToString(t.Key) == Tag && aws.ToString(t.Value) == e.Setup }):
				own = &have
			default:
				others = append(others, have)
			}
		}
	}
	return own, others, nil
}

func (e engine) wantFlowLog(ctx context.Context, f FlowLog) (work, error) {
	own, others, err := e.findFlowLogs(ctx, f)
	if err != nil {
		return work{}, err
	}
	w := work{action: setup.Create}
	switch {
	case own != nil:
		w.action = setup.Update
		if f.differs(&w, *own); len(w.lines) == 0 {
			return keep(), nil
		}
		w.why = "AWS changes no flow log: it is deleted and made anew"
		w.then(func(ctx context.Context) error { return e.deleteFlowLog(ctx, f, own) })
	default:
		for _, have := range others {
			if sameDestination(aws.ToString(have.LogDestination), f.Destination) {
				return f.shared(have), nil
			}
		}
		w.line("+ %s traffic as %s to %s", f.Traffic, f.form(), f.Destination)
	}
	w.then(func(ctx context.Context) error { return e.createFlowLog(ctx, f) })
	return w, nil
}

// shared is the work on a flow log of others to the same place: AWS takes no
// second one, and theirs will do.
func (f FlowLog) shared(have ec2types.FlowLog) work {
	w := keep()
	f.differs(&w, have)
	w.why = "the flow log " + aws.ToString(have.FlowLogId) + " of others writes there already"
	if len(w.lines) > 0 {
		w.why += ", and stays as it is"
	}
	return w
}

func (f FlowLog) form() string {
	form := "text"
	if f.Parquet {
		form = "Parquet"
	}
	if f.Hive {
		form += ", Hive partitions"
	}
	if f.Hourly {
		form += ", by the hour"
	}
	return form
}

// differs adds what differs in a flow log that is there.
func (f FlowLog) differs(w *work, have ec2types.FlowLog) {
	if !sameDestination(aws.ToString(have.LogDestination), f.Destination) {
		w.differs("destination", aws.ToString(have.LogDestination), f.Destination)
	}
	w.differs("traffic", string(have.TrafficType), f.Traffic)
	if f.Format != "" && strings.Join(strings.Fields(aws.ToString(have.LogFormat)), " ") != f.Format {
		w.differs("fields", aws.ToString(have.LogFormat), f.Format)
	}
	if f.Interval != 0 {
		w.differs("interval", strconv.Itoa(int(aws.ToInt32(have.MaxAggregationInterval))), strconv.Itoa(f.Interval))
	}
	now := FlowLog{}
	if o := have.DestinationOptions; o != nil {
		now = FlowLog{Parquet: o.FileFormat == ec2types.DestinationFileFormatParquet, Hive: aws.ToBool(o.HiveCompatiblePartitions), Hourly: aws.ToBool(o.PerHourPartition)}
	}
	w.differs("form", now.form(), f.form())
}

// sameDestination compares bucket ARNs with their prefixes; AWS may add a slash.
func sameDestination(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

func (e engine) createFlowLog(ctx context.Context, f FlowLog) error {
	in := &ec2.CreateFlowLogsInput{
		ResourceIds: []string{f.VPC}, ResourceType: ec2types.FlowLogsResourceTypeVpc,
		TrafficType: ec2types.TrafficType(f.Traffic), LogDestinationType: ec2types.LogDestinationTypeS3, LogDestination: &f.Destination,
		DestinationOptions: &ec2types.DestinationOptionsRequest{
			FileFormat: ec2types.DestinationFileFormatPlainText, HiveCompatiblePartitions: &f.Hive, PerHourPartition: &f.Hourly,
		},
		TagSpecifications: []ec2types.TagSpecification{{
			ResourceType: ec2types.ResourceTypeVpcFlowLog,
			Tags:         tagList(e.Setup, func(key, value *string) ec2types.Tag { return ec2types.Tag{Key: key, Value: value} }),
		}},
	}
	if f.Parquet {
		in.DestinationOptions.FileFormat = ec2types.DestinationFileFormatParquet
	}
	if f.Format != "" {
		in.LogFormat = &f.Format
	}
	if f.Interval != 0 {
		in.MaxAggregationInterval = aws.Int32(int32(f.Interval))
	}
	out, err := e.clients.ec2(f.Region).CreateFlowLogs(ctx, in)
	if err != nil {
		return err
	}
	return unsuccessful(out.Unsuccessful)
}

func (e engine) deleteFlowLog(ctx context.Context, f FlowLog, have *ec2types.FlowLog) error {
	out, err := e.clients.ec2(f.Region).DeleteFlowLogs(ctx, &ec2.DeleteFlowLogsInput{FlowLogIds: []string{aws.ToString(have.FlowLogId)}})
	if err != nil {
		return err
	}
	return unsuccessful(out.Unsuccessful)
}

// unsuccessful is the error of the flow logs that a call did not do.
func unsuccessful(items []ec2types.UnsuccessfulItem) error {
	for _, i := range items {
		if i.Error != nil {
			return fmt.Errorf("%s: %w", aws.ToString(i.ResourceId), refused(i.Error.Code, i.Error.Message))
		}
	}
	return nil
}

func (e engine) unwantFlowLog(ctx context.Context, f FlowLog) (work, error) {
	own, _, err := e.findFlowLogs(ctx, f)
	if err != nil || own == nil {
		return gone(), err
	}
	return remove(func(ctx context.Context) error { return e.deleteFlowLog(ctx, f, own) }), nil
}
