package onaws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/logferry/logferry/pkg/fault"
)

// hasCode reports whether err is an answer of AWS with one of these codes. SQS
// and others put a namespace before the code, or a word behind it.
func hasCode(err error, codes ...string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.ContainsFunc(codes, func(code string) bool {
		have := strings.TrimSuffix(strings.TrimSuffix(api.ErrorCode(), "Exception"), "Fault")
		return have[strings.LastIndexByte(have, '.')+1:] == code
	})
}

// status returns the HTTP status of an answer of AWS; 0 when there was none.
func status(err error) int {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok {
		return 0
	}
	return answer.HTTPStatusCode()
}

// denials are the codes that services refuse a call with for want of a
// permission. S3 answers a HEAD without a body, whose code is the status's text.
var denials = []string{"AccessDenied", "AuthorizationError", "UnauthorizedOperation", "Forbidden"}

// actions are the permissions that are called otherwise than the operation.
// Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
var actions = map[string]string{
	"HeadBucket": "ListBucket", "ListObjectsV2": "ListBucket", "ListObjectVersions": "ListBucketVersions", "DeleteObjects": "DeleteObjectVersion",
	"GetBucketNotificationConfiguration": "GetBucketNotification", "PutBucketNotificationConfiguration": "PutBucketNotification",
	"GetBucketEncryption": "GetEncryptionConfiguration", "PutBucketEncryption": "PutEncryptionConfiguration",
}

// explain says of a refused call which permission is missing, and where.
func explain(err error, arn string) error {
	if !hasCode(err, denials...) {
		return err
	}
	op, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return err
	}
	return &DeniedError{Action: action(op), ARN: arn, err: err}
}

func action(op *smithy.OperationError) string {
	service, operation := strings.ToLower(op.Service()), op.Operation()
	if service == "eventbridge" {
		service = "events"
	}
	if renamed := actions[operation]; renamed != "" {
		operation = renamed
	}
	return service + ":" + operation
}

// DeniedError says which permission the person who sets up lacks.
type DeniedError struct {
	// Action is the permission as policies name it, and ARN what it is needed on.
	Action, ARN string
	err         error
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("these credentials may not %s on %s; have it allowed (--emit policies writes all that a set-up needs): %v", e.Action, e.ARN, e.err)
}

func (e *DeniedError) Unwrap() error { return e.err }

// unseen reports whether the refusal may be due to something that was made a
// moment ago and is not seen everywhere yet: a role in a policy, a policy of a
// queue, a name that was freed. Bare codes are enough where they mean nothing
// else; others stand for many things, and a word tells.
func unseen(err error) bool {
	if hasCode(err, "QueueDeletedRecently", "OperationAborted", "InsufficientS3BucketPolicy", "InsufficientEncryptionPolicy", "InsufficientSnsTopicPolicy", "ConcurrentModification") {
		return true
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	text := strings.ToLower(api.ErrorMessage())
	switch {
	case hasCode(err, "MalformedPolicy", "MalformedPolicyDocument", "InvalidParameter"):
		return strings.Contains(text, "principal")
	case hasCode(err, "InvalidAttributeValue"): // SQS says no more than this
		return strings.Contains(text, "policy")
	case hasCode(err, "InvalidArgument"): // S3 asks queue and topic whether it may send
		return strings.Contains(text, "destination configuration")
	case hasCode(err, "BadRequest"): // GuardDuty tries bucket and key
		return strings.Contains(text, "permission")
	}
	return false
}

// settled calls until the answer is not one that waiting may change, or the
// patience is at an end.
func settled(ctx context.Context, patience time.Duration, call func(context.Context) error) error {
	if patience == 0 {
		patience = defaultPatience
	}
	for wait, waited := patience/64, time.Duration(0); ; wait, waited = 2*wait, waited+wait {
		err := call(ctx)
		if err == nil || !unseen(err) || waited+wait > patience {
			return err
		}
		if late := fault.Sleep(ctx, wait); late != nil {
			return errors.Join(err, late)
		}
	}
}

// isMissing reports whether what was asked for is not there.
func isMissing(err error) bool {
	return status(err) == http.StatusNotFound || hasCode(err, "NoSuchEntity", "NotFound", "NoSuchBucket", "NoSuchBucketPolicy", "NoSuchTagSet",
		"ResourceNotFound", "TrailNotFound", "NonExistentQueue", "QueueDoesNotExist", "NoSuchKey")
}

// refused is the error of one of several things that a call was about, which
// services answer as a part of their success.
func refused(code, message *string) error {
	return &smithy.GenericAPIError{Code: aws.ToString(code), Message: aws.ToString(message)}
}
