package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/notification"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

const (
	// fewReceives is how often a queue should hand a message out before it goes
	// to the dead-letter queue: a restart of Logferry costs one.
	fewReceives = 3
	// shortRetention is how long a queue should keep messages at least: what an
	// outage takes to be noticed and mended.
	shortRetention = 24 * time.Hour
	// oneMatters is the redrive limit at which a probe receives nothing.
	oneMatters = 2
	// noReceipt is a receipt that no message has.
	noReceipt = "logferry-probe"
)

// Queue is what a probe has learnt of a queue.
type Queue struct {
	URL, ARN string
	// Attributes are all of the queue's, nil when they cannot be read.
	Attributes map[string]string
	// Message is one that was there to receive; nil: there was none, or it
	// could not be received.
	Message *Message
}

// Message is what a probe has seen in a queue and left there.
type Message struct {
	// Says is what the message announces; Wrong, if not nil, why that cannot be
	// told.
	Says  notification.Notification
	Wrong error
	// Sent is when it was sent, Receives how often it was received, with this
	// time.
	Sent     time.Time
	Receives int
}

// Number returns a numeric attribute, 0 when it is not known.
func (q Queue) Number(attribute string) int {
	n, _ := strconv.Atoi(q.Attributes[attribute])
	return n
}

// Seconds returns an attribute that counts seconds.
func (q Queue) Seconds(attribute string) time.Duration {
	return time.Duration(q.Number(attribute)) * time.Second
}

// Redrive returns the dead-letter queue and after how many receives a message
// goes there; empty and 0 when there is none.
func (q Queue) Redrive() (arn string, receives int) {
	var policy struct {
		Target string `json:"deadLetterTargetArn"`
		Most   any    `json:"maxReceiveCount"` // a number, or its text
	}
	if json.Unmarshal([]byte(q.Attributes["RedrivePolicy"]), &policy) != nil {
		return "", 0
	}
	receives, _ = strconv.Atoi(fmt.Sprint(policy.Most))
	return policy.Target, receives
}

// Policy returns the queue's policy, empty when it has none.
func (q Queue) Policy() (policy.Document, error) { return policy.Parse(q.Attributes["Policy"]) }

// Buckets returns the buckets that the queue's policy lets send, by their names.
func (q Queue) Buckets() []string {
	document, err := q.Policy()
	if err != nil {
		return nil
	}
	var names []string
	for _, s := range document.Statement {
		for _, keys := range s.Condition {
			for key, values := range keys {
				if !strings.EqualFold(key, "aws:SourceArn") {
					continue
				}
				for _, arn := range values {
					if _, name, ok := strings.Cut(arn, ":s3:::"); ok && !strings.ContainsAny(name, "*?/") {
						names = append(names, name)
					}
				}
			}
		}
	}
	return names
}

// queueARN works the ARN of a queue out of its URL, for policies.
func queueARN(queueURL, region string) string {
	u, err := url.Parse(queueURL)
	if err != nil {
		return queueURL
	}
	account, name, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	return "arn:" + connection.Partition(region) + ":sqs:" + region + ":" + account + ":" + name
}

// attempt is the trial of one queue.
type attempt struct {
	steps
	who    caller
	client *sqs.Client
	queue  Queue
}

// queue tries what the poller asks of a queue.
func (p *Probe) queue(ctx context.Context, s steps, who caller, queueURL string) Queue {
	region := connection.QueueRegion(queueURL)
	a := attempt{steps: s, who: who, queue: Queue{URL: queueURL}}
	a.subject = "queue " + queueURL
	if cfg, err := p.aws.Config(ctx, who.conn, region); err == nil {
		a.client, a.queue.ARN = awscred.Queue(cfg, queueURL), queueARN(queueURL, cfg.Region)
	} else if a.blocked == "" {
		a.blocked = err.Error()
	}
	a.try("aws.sqs.queue", "queue", func() check.Outcome { return a.attributes(ctx) })
	a.try("aws.sqs.receive", "receive a message", func() check.Outcome { return a.receive(ctx) })
	a.try("aws.sqs.visibility", "change the visibility", func() check.Outcome {
		return a.allowed(ctx, "sqs:ChangeMessageVisibility", func(ctx context.Context) error {
			_, err := a.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
				QueueUrl: &queueURL, ReceiptHandle: aws.String(noReceipt), VisibilityTimeout: 0})
			return err
		})
	})
	a.try("aws.sqs.delete", "delete a message", func() check.Outcome {
		return a.allowed(ctx, "sqs:DeleteMessage", func(ctx context.Context) error {
			_, err := a.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &queueURL, ReceiptHandle: aws.String(noReceipt)})
			return err
		})
	})
	return a.queue
}

// refused says what a refusal of the queue means. One that concerns more than
// the action ends the attempt.
func (a *attempt) refused(err error, action string) check.Outcome {
	switch code := codeOf(err); {
	case code == "QueueDoesNotExist", code == "NonExistentQueue":
		a.blocked = "the queue does not exist"
		return check.Fail("check the connection's queue_url; a queue that was deleted is made again by `logferry setup aws apply`", "%s", said(err))
	case code == "":
		a.blocked = "the queue cannot be reached"
		return check.Fail("see that this machine reaches SQS: DNS, routes, proxy, VPC endpoint", "%v", err)
	case code == "KmsAccessDenied", code == "KmsDisabled", code == "KmsNotFound", code == "KmsInvalidState":
		key := a.queue.Attributes["KmsMasterKeyId"]
		return check.Fail(fmt.Sprintf("the queue is encrypted with the key %s: see that it is enabled, and %s", orUnknown(key), a.who.grant(err, "kms:Decrypt", orUnknown(key))), "%s", said(err))
	case denied(err):
		return check.Fail(a.who.grant(err, action, a.queue.ARN), "%s", said(err))
	}
	return check.Fail("see the answer of SQS", "%s", said(err))
}

func orUnknown(key string) string {
	if key == "" {
		return "<the queue's key>"
	}
	return key
}

// attributes reads the queue's attributes and looks for those that will cost
// messages.
func (a *attempt) attributes(ctx context.Context) check.Outcome {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := a.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &a.queue.URL, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if denied(err) { // the services do without
		return check.Doubt(a.who.grant(err, "sqs:GetQueueAttributes", a.queue.ARN),
			"%s; logs are carried without it, but nobody sees how many messages wait", said(err))
	}
	if err != nil {
		return a.refused(err, "sqs:GetQueueAttributes")
	}
	a.queue.Attributes = out.Attributes
	if arn := out.Attributes["QueueArn"]; arn != "" {
		a.queue.ARN = arn
	}
	return a.settings()
}

// settings judges the queue's attributes.
func (a *attempt) settings() check.Outcome {
	q := a.queue
	seen := q.describe()
	dead, most := q.Redrive()
	switch keep := q.Seconds("MessageRetentionPeriod"); {
	case q.Attributes["FifoQueue"] == "true":
		return check.Fail("make a standard queue: S3 sends to no other", "%s", seen)
	case keep > 0 && keep < shortRetention:
		return check.Doubt(fmt.Sprintf("aws sqs set-queue-attributes --queue-url %s --attributes MessageRetentionPeriod=345600", q.URL),
			"%s: messages are lost after %s", seen, keep)
	case dead != "" && most < fewReceives:
		return check.Doubt(fmt.Sprintf("let the queue hand a message out more often before it moves it to %s: maxReceiveCount 10", dead),
			"%s: a restart or two and a message is set aside", seen)
	}
	return check.Pass("%s", seen)
}

// describe tells the attributes in a line.
func (q Queue) describe() string {
	encryption := "not encrypted"
	if key := q.Attributes["KmsMasterKeyId"]; key != "" {
		encryption = "encrypted with " + key
	} else if q.Attributes["SqsManagedSseEnabled"] == "true" {
		encryption = "SSE-SQS"
	}
	redrive := "no dead-letter queue"
	if arn, most := q.Redrive(); arn != "" {
		redrive = fmt.Sprintf("after %d receives to %s", most, arn)
	}
	return fmt.Sprintf("%d messages wait, %d in flight; kept %s, hidden %s, long poll %s, %s, %s",
		q.Number("ApproximateNumberOfMessages"), q.Number("ApproximateNumberOfMessagesNotVisible"),
		q.Seconds("MessageRetentionPeriod"), q.Seconds("VisibilityTimeout"), q.Seconds("ReceiveMessageWaitTimeSeconds"), encryption, redrive)
}

// receive receives a message, which stays visible.
func (a *attempt) receive(ctx context.Context) check.Outcome {
	if arn, most := a.queue.Redrive(); arn != "" && most <= oneMatters {
		return check.Skip("nothing was received: the queue moves a message to %s after %d receives, and a probe would cost one", arn, most)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := a.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &a.queue.URL, MaxNumberOfMessages: 1,
		WaitTimeSeconds: 1, // so that all of the queue's hosts are asked
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount, types.MessageSystemAttributeNameSentTimestamp},
	}, visible)
	if err != nil {
		return a.refused(err, "sqs:ReceiveMessage")
	}
	if len(out.Messages) == 0 {
		return check.Pass("allowed; there was no message")
	}
	m := read(out.Messages[0])
	a.queue.Message = m
	if m.Wrong != nil {
		return check.Doubt("find out who else sends to the queue; Logferry keeps such a message as a dead letter", "a message that was sent at %s is not understood: %v", m.Sent.Format(time.RFC3339), m.Wrong)
	}
	return check.Pass("%s, sent at %s, received %d times so far", m.summary(), m.Sent.Format(time.RFC3339), m.Receives)
}

func read(from types.Message) *Message {
	attribute := func(name types.MessageSystemAttributeName) int64 {
		n, _ := strconv.ParseInt(from.Attributes[string(name)], 10, 64)
		return n
	}
	m := &Message{
		Sent:     time.UnixMilli(attribute(types.MessageSystemAttributeNameSentTimestamp)).UTC(),
		Receives: int(attribute(types.MessageSystemAttributeNameApproximateReceiveCount)),
	}
	m.Says, m.Wrong = notification.Parse([]byte(aws.ToString(from.Body)))
	return m
}

// summary says what a message announces.
func (m *Message) summary() string {
	if len(m.Says.Objects) == 0 {
		return fmt.Sprintf("a message of the shape %s without objects (%v)", m.Says.Shape, m.Says.Ignored)
	}
	o := m.Says.Objects[0]
	return fmt.Sprintf("a message of the shape %s with %d objects, the first s3://%s/%s", m.Says.Shape, len(m.Says.Objects), o.Bucket, o.Key)
}

// allowed makes a call with a receipt that no message has, and tells by the
// answer whether one with a good receipt would be done.
func (a *attempt) allowed(ctx context.Context, action string, call func(context.Context) error) check.Outcome {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := call(ctx)
	switch code := codeOf(err); {
	case err == nil:
		return check.Pass("allowed")
	case code == "ReceiptHandleIsInvalid", strings.HasPrefix(code, "InvalidParameterValue"):
		return check.Pass("allowed: a receipt that no message has is answered with %s", code)
	case errors.Is(err, context.DeadlineExceeded):
		return check.Fail("see that this machine reaches SQS", "no answer in %s", callTime)
	}
	return a.refused(err, action)
}
