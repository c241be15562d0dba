package lookup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"

	"github.com/logferry/logferry/pkg/awscred"
)

// callTime is how long a call may take.
const callTime = 30 * time.Second

// api is what a reader asks of CloudTrail.
type api interface {
	LookupEvents(context.Context, *cloudtrail.LookupEventsInput, ...func(*cloudtrail.Options)) (*cloudtrail.LookupEventsOutput, error)
}

// newAPI returns CloudTrail's client. It tries nothing twice by itself: every
// try counts against the quota.
func newAPI(cfg aws.Config) api {
	return cloudtrail.NewFromConfig(cfg, func(o *cloudtrail.Options) { o.Retryer = aws.NopRetryer{} })
}

// page is one answer of LookupEvents.
type page struct {
	events []types.Event
	token  *string // of the next page; nil: it is the last
	at     time.Time
}

// ask asks for a page of the events from one second to another, both included.
func ask(ctx context.Context, client api, category types.EventCategory, from, to int64, token *string) (page, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := client.LookupEvents(ctx, &cloudtrail.LookupEventsInput{
		StartTime: aws.Time(time.Unix(from, 0)), EndTime: aws.Time(time.Unix(to, 0)),
		EventCategory: category, MaxResults: aws.Int32(50), NextToken: token,
	})
	if err != nil {
		return page{}, fmt.Errorf("look up events: %w", err)
	}
	at, _ := awsmiddleware.GetServerTime(out.ResultMetadata)
	if aws.ToString(out.NextToken) == "" {
		out.NextToken = nil
	}
	return page{out.Events, out.NextToken, at}, nil
}

// What may be wrong with a call, as labels of metrics.
const (
	throttled = "throttled"
	expired   = "token"
	denied    = "denied"
	disabled  = "region"
	failed    = "failed"
)

// kindOf says what is wrong with a call; of none that anything is.
func kindOf(err error) string {
	if _, ok := errors.AsType[*awscred.RoleError](err); ok {
		return denied
	}
	if _, ok := errors.AsType[*awscred.BaseError](err); ok {
		return denied
	}
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return failed
	}
	switch e.ErrorCode() {
	case "Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded":
		return throttled
	case "InvalidNextTokenException", "InvalidNextToken":
		return expired
	case "UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "OptInRequired":
		// What a region that is not enabled says to credentials that are good
		// elsewhere.
		return disabled
	case "AccessDenied", "AccessDeniedException", "InvalidAccessKeyId", "ExpiredToken", "ExpiredTokenException",
		"SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired":
		return denied
	}
	return failed
}
