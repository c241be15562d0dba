package poller

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/logferry/logferry/pkg/awscred"
)

// callTime is how long a call may take; a receive gets its long poll besides.
const callTime = 10 * time.Second

// errGone says that a receipt is no longer good for anything.
var errGone = errors.New("the receipt is no longer valid")

// api is what the poller asks of SQS.
type api interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

// receive makes one long poll for up to n messages.
func receive(ctx context.Context, client api, url string, n int, wait, visibility time.Duration) ([]types.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+callTime)
	defer cancel()
	out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:            &url,
		MaxNumberOfMessages: int32(n),
		WaitTimeSeconds:     seconds(wait),
		VisibilityTimeout:   seconds(visibility),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount,
			types.MessageSystemAttributeNameSentTimestamp,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", url, err)
	}
	return out.Messages, nil
}

// changeVisibility returns the call that changes how long messages stay
// hidden.
func changeVisibility(client api, url string) batchCall {
	return func(ctx context.Context, entries []entry) []error {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url}
		for i, e := range entries {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(e.receipt), VisibilityTimeout: seconds(e.visibility),
			})
		}
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		out, err := client.ChangeMessageVisibilityBatch(ctx, in)
		if err != nil {
			return slices.Repeat([]error{fmt.Errorf("change visibility in %s: %w", url, err)}, len(entries))
		}
		ok := make([]*string, len(out.Successful))
		for i, s := range out.Successful {
			ok[i] = s.Id
		}
		return outcomes(len(entries), ok, out.Failed)
	}
}

// deleteMessages returns the call that deletes messages.
func deleteMessages(client api, url string) batchCall {
	return func(ctx context.Context, entries []entry) []error {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &url}
		for i, e := range entries {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(e.receipt),
			})
		}
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		out, err := client.DeleteMessageBatch(ctx, in)
		if err != nil {
			return slices.Repeat([]error{fmt.Errorf("delete from %s: %w", url, err)}, len(entries))
		}
		ok := make([]*string, len(out.Successful))
		for i, s := range out.Successful {
			ok[i] = s.Id
		}
		return outcomes(len(entries), ok, out.Failed)
	}
}

// outcomes sorts the answer of a batched call by entry. An entry that is in
// neither list has failed too.
func outcomes(n int, ok []*string, failed []types.BatchResultErrorEntry) []error {
	errs := slices.Repeat([]error{errors.New("SQS did not say what became of the entry")}, n)
	note := func(id *string, outcome error) {
		if i, err := strconv.Atoi(aws.ToString(id)); err == nil && i >= 0 && i < n {
			errs[i] = outcome
		}
	}
	for _, id := range ok {
		note(id, nil)
	}
	for _, f := range failed {
		note(f.Id, entryError(aws.ToString(f.Code), aws.ToString(f.Message)))
	}
	return errs
}

func entryError(code, message string) error {
	err := error(&smithy.GenericAPIError{Code: code, Message: message})
	switch shortCode(code) {
	case "ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight":
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}

// What may be wrong with a call, as labels of metrics.
const (
	throttled = "throttled"
	missing   = "missing"
	denied    = "denied"
	failed    = "failed"
)

// kindOf says what is wrong.
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
	switch shortCode(e.ErrorCode()) {
	case "OverLimit", "RequestThrottled", "KmsThrottled", "Throttling", "ThrottlingException", "TooManyRequestsException":
		return throttled
	case "QueueDoesNotExist", "NonExistentQueue":
		return missing
	case "AccessDenied", "AccessDeniedException", "KmsAccessDenied", "InvalidClientTokenId", "InvalidAccessKeyId",
		"UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSecurity", "ExpiredToken":
		return denied
	}
	return failed
}

// shortCode takes the service's name off an error code.
func shortCode(code string) string { return code[strings.LastIndexByte(code, '.')+1:] }

// seconds rounds up to the whole seconds that SQS counts in.
func seconds(d time.Duration) int32 { return int32(math.Ceil(max(d, 0).Seconds())) }
