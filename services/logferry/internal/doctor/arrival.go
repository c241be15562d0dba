package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/probe"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

const (
	// callTime bounds a call of AWS with all its tries.
	callTime = 20 * time.Second
	// taken is how long a message may lie in its queue before somebody who works
	// has taken it.
	taken = 15 * time.Minute
)

// queue looks whether messages get into a queue, and out of it.
func (e *examination) queue(ctx context.Context, c connection.Connection, q probe.Queue) {
	subject := "queue " + q.URL
	e.report.Look("aws.sqs.policy", subject, "who may send", func() check.Outcome { return senders(q) })
	e.report.Look("aws.sqs.flow", subject, "messages are taken", func() check.Outcome { return e.taken(c, q) })
	e.report.Look("aws.sqs.dead", subject, "dead-letter queue", func() check.Outcome { return e.deadQueue(ctx, c, q) })
}

// senders says which services the queue's policy lets send.
func senders(q probe.Queue) check.Outcome {
	if q.Attributes == nil {
		return check.Skip("the queue's policy cannot be read")
	}
	document, err := q.Policy()
	if err != nil {
		return check.Skip("%v", err)
	}
	var names []string
	for _, s := range document.Statement {
		if s.Effect == "Allow" && slices.ContainsFunc(s.Action, sends) {
			names = append(names, principals(s.Principal)...)
		}
	}
	if len(names) == 0 {
		return check.Fail("logferry setup aws apply, or add a statement that allows s3.amazonaws.com (or the SNS topic, or events.amazonaws.com) sqs:SendMessage on "+q.ARN,
			"the queue's policy lets nobody send")
	}
	slices.Sort(names)
	return check.Pass("%s", strings.Join(slices.Compact(names), ", "))
}

// sends reports whether an action of a policy is, or holds, sqs:SendMessage.
func sends(action string) bool {
	switch strings.ToLower(action) {
	case "*", "sqs:*", "sqs:send*", "sqs:sendmessage", "sqs:sendmessage*":
		return true
	}
	return false
}

func principals(p policy.Principal) []string {
	var names []string
	for kind, values := range p {
		if kind == "*" {
			return []string{"anybody whom the statement's conditions allow"}
		}
		names = append(names, values...)
	}
	return names
}

// taken judges how long messages lie in the queue.
func (e *examination) taken(c connection.Connection, q probe.Queue) check.Outcome {
	waiting, flight := q.Number("ApproximateNumberOfMessages"), q.Number("ApproximateNumberOfMessagesNotVisible")
	seen := fmt.Sprintf("%d wait, %d are in work", waiting, flight)
	if q.Attributes == nil {
		seen = "how many wait cannot be read"
	}
	if q.Message != nil {
		seen += fmt.Sprintf("; one waits since %s and was received %d times before", q.Message.Sent.Format(time.RFC3339), max(q.Message.Receives-1, 0))
	}
	_, most := q.Redrive()
	switch {
	case q.Message != nil && most > 0 && q.Message.Receives >= most-1:
		return check.Doubt("see why it is not carried; to look at it again costs it another receive, and after "+fmt.Sprint(most)+" SQS moves it to the dead-letter queue",
			"%s", seen)
	case c.Paused:
		return check.Doubt("logferry connection resume --config "+e.File+" "+c.Name, "the connection is paused: %s", seen)
	case q.Message != nil && e.now.Sub(q.Message.Sent) > taken && flight == 0:
		return check.Doubt("see that a poller runs with this connection, and what its log says", "%s: nobody takes them", seen)
	case q.Message != nil && e.now.Sub(q.Message.Sent) > taken:
		return check.Doubt("see the backlog below, and what fails; else give the services more room", "%s: they come faster than they are taken, or one cannot be carried", seen)
	}
	return check.Pass("%s", seen)
}

// deadQueue looks what the queue itself has set aside.
func (e *examination) deadQueue(ctx context.Context, c connection.Connection, q probe.Queue) check.Outcome {
	target, _ := q.Redrive()
	if target == "" {
		return check.Skip("the queue has none, or it cannot be read; Logferry keeps dead letters itself")
	}
	at, err := arn.Parse(target)
	if err != nil {
		return check.Skip("%s: %v", target, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	cfg, err := e.aws.Config(ctx, c, at.Region)
	if err != nil {
		return check.Skip("%v", err)
	}
	address := q.URL[:strings.LastIndexByte(q.URL, '/')+1] + at.Resource // it is of the same account and region
	out, err := awscred.Queue(cfg, address).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &address, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages}})
	if err != nil {
		return check.Skip("%s cannot be read: %s", target, said(err))
	}
	n := out.Attributes["ApproximateNumberOfMessages"]
	if n == "0" {
		return check.Pass("%s is empty", target)
	}
	return check.Doubt("see what they are, mend the cause, then move them back: aws sqs start-message-move-task --source-arn "+target,
		"%s messages in %s: SQS handed them out too often", n, target)
}

// arrivals tells when something of the connection was last carried.
func (e *examination) arrivals(ctx context.Context, c connection.Connection) {
	if e.Bus == nil {
		return
	}
	e.report.Look("connection.arrivals", "connection "+c.Name, "last object done", func() check.Outcome {
		at, err := e.Bus.LastDone(ctx, c.Name)
		switch {
		case err != nil:
			return check.Skip("%v", err)
		case at.IsZero():
			return check.Skip("the bus remembers none (bus.history: %s)", e.Config.Bus.History)
		}
		return check.Pass("at %s, %s ago", at.Format(time.RFC3339), max(e.now.Sub(at), 0).Round(time.Second))
	})
}

// said tells what AWS has answered.
func said(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return err.Error()
}
