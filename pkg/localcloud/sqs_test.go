package localcloud_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/inject"
)

func TestQueueOfTheSDK(t *testing.T) {
	c := start(t, localcloud.Options{})
	q, ctx := sqsClient(t, c), t.Context()
	created, err := q.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("work"), Attributes: map[string]string{"VisibilityTimeout": "60"}})
	if err != nil {
		t.Fatal(err)
	}
	url := created.QueueUrl

	// Creating again: the same, and something else.
	_, err = q.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("work"), Attributes: map[string]string{"VisibilityTimeout": "60"}})
	if code(err) != "ok" {
		t.Errorf("create again: got %v", err)
	}
	_, err = q.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("work"), Attributes: map[string]string{"VisibilityTimeout": "61"}})
	if code(err) != "QueueAlreadyExists" {
		t.Errorf("create with other attributes: got %v; want QueueAlreadyExists", err)
	}

	// By name and by list.
	found, err := q.GetQueueUrl(ctx, &awssqs.GetQueueUrlInput{QueueName: aws.String("work")})
	if err != nil || *found.QueueUrl != *url {
		t.Errorf("got %v, %v; want %s", found, err, *url)
	}
	listed, err := q.ListQueues(ctx, &awssqs.ListQueuesInput{QueueNamePrefix: aws.String("wo")})
	if err != nil || !slices.Equal(listed.QueueUrls, []string{*url}) {
		t.Errorf("got %v, %v; want %s", listed, err, *url)
	}

	// Send, receive, delete; the SDK checks the digests.
	if _, err := q.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("first <&> ü"),
		MessageAttributes: map[string]types.MessageAttributeValue{"trace": {DataType: aws.String("String"), StringValue: aws.String("1-2-3")}}}); err != nil {
		t.Fatal(err)
	}
	var entries []types.SendMessageBatchRequestEntry
	for i := range 9 {
		entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(fmt.Sprint("body ", i))})
	}
	if _, err := q.SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil {
		t.Fatal(err)
	}
	got, err := q.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"}})
	if err != nil || len(got.Messages) != 10 {
		t.Fatalf("got %v, %v; want 10 messages", got, err)
	}
	first := got.Messages[0]
	if *first.Body != "first <&> ü" || first.Attributes["ApproximateReceiveCount"] != "1" ||
		first.Attributes["SentTimestamp"] == "" || first.Attributes["ApproximateFirstReceiveTimestamp"] == "" ||
		aws.ToString(first.MessageAttributes["trace"].StringValue) != "1-2-3" {
		t.Errorf("got %+v; want the first message with all its attributes", first)
	}
	attributes, err := q.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil || attributes.Attributes["ApproximateNumberOfMessagesNotVisible"] != "10" || attributes.Attributes["VisibilityTimeout"] != "60" {
		t.Errorf("got %v, %v; want 10 messages in flight", attributes, err)
	}
	if _, err := q.ChangeMessageVisibility(ctx, &awssqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: first.ReceiptHandle, VisibilityTimeout: 0}); err != nil {
		t.Errorf("change visibility: %v", err)
	}
	if depth, err := c.SQS.Depth("work"); err != nil || depth.Visible != 1 || depth.InFlight != 9 {
		t.Errorf("got %+v, %v; want 1 visible, 9 in flight", depth, err)
	}
}

func TestQueueErrors(t *testing.T) {
	c := start(t, localcloud.Options{})
	url := feed(t, c)
	q, ctx := sqsClient(t, c), t.Context()
	f := func(err error, want string) {
		t.Helper()
		if got := code(err); got != want {
			t.Errorf("got %s; want %s", got, want)
		}
	}
	none := aws.String(c.AWSEndpoint() + "/123456789012/none")
	_, err := q.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: none})
	f(err, "AWS.SimpleQueueService.NonExistentQueue")
	_, err = q.GetQueueUrl(ctx, &awssqs.GetQueueUrlInput{QueueName: aws.String("none")})
	f(err, "AWS.SimpleQueueService.NonExistentQueue")
	_, err = q.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 11})
	f(err, "InvalidParameterValue")
	_, err = q.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: aws.String("garbage")})
	f(err, "ReceiptHandleIsInvalid")
	_, err = q.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: []types.DeleteMessageBatchRequestEntry{}})
	f(err, "AWS.SimpleQueueService.EmptyBatchRequest")
	_, err = q.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("no spaces")})
	f(err, "InvalidParameterValue")
	_, err = q.SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:none","maxReceiveCount":3}`}})
	f(err, "InvalidAttributeValue")
	_, err = q.TagQueue(ctx, &awssqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{"a": "b"}})
	f(err, "InvalidAction")
}

func TestBatchFailsInPart(t *testing.T) {
	c := start(t, localcloud.Options{})
	url := feed(t, c)
	q, ctx := sqsClient(t, c), t.Context()
	for i := range 3 {
		if err := c.SQS.Send("logs-queue", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := q.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
	if err != nil || len(got.Messages) != 3 {
		t.Fatalf("got %v, %v; want 3 messages", got, err)
	}
	entries := []types.DeleteMessageBatchRequestEntry{{Id: aws.String("bad"), ReceiptHandle: aws.String("garbage")}}
	for i, m := range got.Messages {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
	}
	rule := c.Faults.Fail(inject.Match{Service: inject.SQS, Operation: "DeleteMessageBatch/entry"},
		inject.Fault{Times: 2, Status: 500, Code: "InternalError"})
	out, err := q.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: entries})
	if err != nil || len(out.Successful) != 2 || len(out.Failed) != 2 || *out.Failed[0].Code != "InternalError" || out.Failed[0].SenderFault {
		t.Errorf("got %+v, %v; want 2 entries of 4 to fail", out, err)
	}
	if rule.Hits() != 2 {
		t.Errorf("got %d hits; want 2", rule.Hits())
	}
	out, err = q.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: entries})
	if err != nil || len(out.Failed) != 1 || *out.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("got %+v, %v; want only the bad receipt to fail", out, err)
	}
	if depth, err := c.SQS.Depth("logs-queue"); err != nil || depth != (struct{ Visible, InFlight, Delayed int }{}) {
		t.Errorf("got %+v, %v; want nothing left", depth, err)
	}
}

// BenchmarkSQS measures receives and deletes of ten messages through the SDK.
func BenchmarkSQS(b *testing.B) {
	c := start(b, localcloud.Options{})
	url, err := c.Feed("logs", "logs-queue")
	if err != nil {
		b.Fatal(err)
	}
	for range 100_000 {
		if err := c.SQS.Send("logs-queue", "body"); err != nil {
			b.Fatal(err)
		}
	}
	q, ctx := sqsClient(b, c), b.Context()
	for b.Loop() {
		got, err := q.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		if err != nil {
			b.Fatal(err)
		}
		entries := make([]types.DeleteMessageBatchRequestEntry, len(got.Messages))
		for i, m := range got.Messages {
			entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle}
			if err := c.SQS.Send("logs-queue", "body"); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := q.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: entries}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*10/b.Elapsed().Seconds(), "msg/s")
}
