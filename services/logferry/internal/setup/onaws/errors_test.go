package onaws

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
)

func answer(service, operation, code, message string) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: message}}
}

// A refusal names the permission as policies do.
func TestExplain(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		denied, ok := errors.AsType[*DeniedError](explain(err, "arn:x"))
		got := ""
		if ok {
			got = denied.Action + " " + denied.ARN
		}
		if got != want {
			t.Errorf("%v: got %q; want %q", err, got, want)
		}
	}
	f(answer("S3", "HeadBucket", "Forbidden", ""), "s3:ListBucket arn:x")
	f(answer("S3", "PutBucketNotificationConfiguration", "AccessDenied", ""), "s3:PutBucketNotification arn:x")
	f(answer("SQS", "CreateQueue", "AccessDeniedException", ""), "sqs:CreateQueue arn:x")
	f(answer("SNS", "CreateTopic", "AuthorizationError", ""), "sns:CreateTopic arn:x")
	f(answer("EC2", "CreateFlowLogs", "UnauthorizedOperation", ""), "ec2:CreateFlowLogs arn:x")
	f(answer("EventBridge", "PutRule", "AccessDeniedException", ""), "events:PutRule arn:x")
	f(answer("IAM", "GetRole", "NoSuchEntity", ""), "")
	f(errors.New("no route"), "")
}

// What AWS does not see yet is called again, for a bounded time.
func TestSettled(t *testing.T) {
	f := func(err error, failures int, wantErr bool, wantCalls int, wantTime time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			calls, start := 0, time.Now()
			got := settled(t.Context(), 0, func(context.Context) error {
				calls++
				if calls <= failures {
					return err
				}
				return nil
			})
			if (got != nil) != wantErr || calls != wantCalls || time.Since(start) != wantTime {
				t.Errorf("%v: got %v after %d calls and %v; want an error %t after %d and %v", err, got, calls, time.Since(start), wantErr, wantCalls, wantTime)
			}
		})
	}
	principal := answer("KMS", "PutKeyPolicy", "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.")
	f(nil, 0, false, 1, 0)
	f(principal, 1, false, 2, time.Second)
	f(principal, 3, false, 4, 7*time.Second)
	f(principal, 100, true, 7, 63*time.Second)
	f(answer("SQS", "CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently", ""), 2, false, 3, 3*time.Second)
	f(answer("S3", "PutBucketPolicy", "MalformedPolicy", "Invalid principal in policy"), 1, false, 2, time.Second)
	f(answer("S3", "PutBucketNotificationConfiguration", "InvalidArgument", "Unable to validate the following destination configurations"), 1, false, 2, time.Second)
	// what waiting does not mend
	f(answer("S3", "PutBucketPolicy", "MalformedPolicy", "Missing required field Effect"), 1, true, 1, 0)
	f(answer("S3", "PutBucketPolicy", "AccessDenied", ""), 1, true, 1, 0)
	f(errors.New("no route"), 1, true, 1, 0)
}

// Waiting ends with the context.
func TestSettledEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := settled(ctx, time.Hour, func(context.Context) error {
		cancel()
		return answer("CloudTrail", "CreateTrail", "InsufficientS3BucketPolicyException", "")
	})
	if !errors.Is(err, context.Canceled) || !hasCode(err, "InsufficientS3BucketPolicy") {
		t.Errorf("got %v; want the answer and the end", err)
	}
}
