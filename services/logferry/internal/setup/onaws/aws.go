package onaws

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/logferry/logferry/pkg/awscred"
)

// defaultPatience is how long something that was just made may take to be seen
// everywhere in AWS: seconds mostly, and a minute for a queue whose name was
// freed by a deletion.
const defaultPatience = 64 * time.Second

// Clients call AWS as the person who sets up.
type Clients struct {
	// Config holds that person's credentials, and the region of bucket and queue.
	Config aws.Config
	// Patience is how long to call again what AWS refuses because something made
	// a moment ago is not seen everywhere yet; 0: about a minute.
	Patience time.Duration
}

// in returns the configuration for a region.
func (c Clients) in(region string) aws.Config {
	cfg := c.Config.Copy()
	if region != "" {
		cfg.Region = region
	}
	return cfg
}

func (c Clients) s3() *s3.Client                   { return awscred.S3(c.Config) }
func (c Clients) sqs() *sqs.Client                 { return awscred.SQS(c.Config) }
func (c Clients) sns() *sns.Client                 { return sns.NewFromConfig(c.Config) }
func (c Clients) iam() *iam.Client                 { return iam.NewFromConfig(c.Config) }
func (c Clients) kms() *kms.Client                 { return kms.NewFromConfig(c.Config) }
func (c Clients) sts() *sts.Client                 { return sts.NewFromConfig(c.Config) }
func (c Clients) events() *eventbridge.Client      { return eventbridge.NewFromConfig(c.Config) }
func (c Clients) trails() *cloudtrail.Client       { return cloudtrail.NewFromConfig(c.Config) }
func (c Clients) ec2(r string) *ec2.Client         { return ec2.NewFromConfig(c.in(r)) }
func (c Clients) guard(r string) *guardduty.Client { return guardduty.NewFromConfig(c.in(r)) }

// Caller is whom AWS takes the credentials for.
type Caller struct {
	Partition, Account, ARN string
}

// Caller asks AWS whose the credentials are. Nobody can be forbidden to.
func (c Clients) Caller(ctx context.Context) (Caller, error) {
	out, err := c.sts().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Caller{}, fmt.Errorf("ask AWS whose the credentials are: %w", err)
	}
	who, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return Caller{}, fmt.Errorf("ask AWS whose the credentials are: %w", err)
	}
	return Caller{Partition: who.Partition, Account: aws.ToString(out.Account), ARN: who.String()}, nil
}

// tagList returns the tag of the set-up in a service's own words.
func tagList[T any](setup string, tag func(key, value *string) T) []T {
	return []T{tag(aws.String(Tag), aws.String(setup))}
}
