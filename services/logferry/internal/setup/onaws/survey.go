package onaws

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/logferry/logferry/pkg/connection"
)

// Survey asks AWS what [New] needs to know of where the spec is to be made:
// whose the credentials are, and, where the spec leaves it open, the
// organisation, the VPCs and the external ID that the role has already.
func (c Clients) Survey(ctx context.Context, s Spec) (Site, error) {
	who, err := c.Caller(ctx)
	if err != nil {
		return Site{}, err
	}
	where := Site{Partition: who.Partition, Account: who.Account, Region: c.Config.Region}
	s = s.filled(where)
	if err := s.check(where); err != nil && s.Type != VPCFlowType { // its VPCs are not known yet
		return Site{}, err
	}
	if s.Type == CloudTrailType && s.CloudTrail.Organization != "" {
		if where.Management, err = c.management(ctx, s.CloudTrail.Organization); err != nil {
			return Site{}, err
		}
	}
	if s.Type == VPCFlowType && (len(s.VPCFlow.Regions) > 1 || slices.Contains(s.VPCFlow.VPCs, allVPCs)) {
		where.VPCs = map[string][]string{}
		for _, region := range s.VPCFlow.Regions {
			if where.VPCs[region], err = c.vpcs(ctx, region); err != nil {
				return Site{}, err
			}
		}
	}
	if s.ExternalID == "" && s.Tenant == "" {
		where.ExternalID, err = c.externalID(ctx, s, where)
	}
	return where, err
}

// management returns the management account of the credentials' organisation,
// which must be the one that is wanted.
func (c Clients) management(ctx context.Context, organization string) (string, error) {
	out, err := organizations.NewFromConfig(c.Config).DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	if err != nil {
		return "", fmt.Errorf("ask for the organisation: %w", explain(err, "*"))
	}
	if id := aws.ToString(out.Organization.Id); id != organization {
		return "", fmt.Errorf("organization: the credentials are of the organisation %s and not of %s", id, organization)
	}
	return aws.ToString(out.Organization.MasterAccountId), nil
}

func (c Clients) vpcs(ctx context.Context, region string) ([]string, error) {
	var ids []string
	pages := ec2.NewDescribeVpcsPaginator(c.ec2(region), &ec2.DescribeVpcsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the VPCs of %s: %w", region, explain(err, "*"))
		}
		for _, vpc := range page.Vpcs {
			ids = append(ids, aws.ToString(vpc.VpcId))
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// externalID returns the one that the role asks for already; empty when there
// is no such role.
func (c Clients) externalID(ctx context.Context, s Spec, where Site) (string, error) {
	role, err := engine{Blueprint: Blueprint{Role: Role{Name: s.Role}}, clients: c}.findRole(ctx)
	if err != nil || role == nil {
		return "", explain(err, draft{Spec: s, where: where}.roleARN())
	}
	trust, err := decoded(role.AssumeRolePolicyDocument)
	if err != nil {
		return "", fmt.Errorf("read the trust policy of role %s: %w", s.Role, err)
	}
	return ExternalID(trust), nil
}

// Connection returns the connection that a set-up is for. It has no name and
// no destination yet.
func (c Clients) Connection(ctx context.Context, b Blueprint) (connection.Connection, error) {
	out, err := c.sqs().GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &b.Queue.Name})
	if err != nil {
		return connection.Connection{}, fmt.Errorf("ask for the URL of queue %s: %w", b.Queue.Name, explain(err, b.Queue.ARN))
	}
	conn := connection.Connection{
		RoleARN: b.Role.ARN, ExternalID: b.ExternalID, QueueURL: aws.ToString(out.QueueUrl),
		Buckets: []string{b.Bucket.Name}, Table: b.Table,
	}
	if connection.QueueRegion(conn.QueueURL) == "" {
		conn.Region = b.Region
	}
	return conn, nil
}
