package onaws

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// queue is a queue and its attributes, but for the policy.
func (e engine) queue(q Queue) *piece {
	return &piece{
		name: "queue " + q.Name, arn: q.ARN,
		want:   func(ctx context.Context) (work, error) { return e.wantQueue(ctx, q) },
		unwant: func(ctx context.Context) (work, error) { return e.unwantQueue(ctx, q) },
	}
}

// queueURL returns the queue's URL; empty when there is no such queue.
func (e engine) queueURL(ctx context.Context, q Queue) (string, error) {
	out, err := e.clients.sqs().GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &q.Name})
	if isMissing(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(out.QueueUrl), nil
}

// queueAttributes returns all attributes.
func (e engine) queueAttributes(ctx context.Context, url string) (map[string]string, error) {
	out, err := e.clients.sqs().GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	})
	if isMissing(err) { // its URL may outlive it for a minute
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func (e engine) queueOwned(ctx context.Context, url string) (bool, error) {
	out, err := e.clients.sqs().ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
	if err != nil {
		return false, err
	}
	return out.Tags[Tag] == e.Setup, nil
}

func (e engine) wantQueue(ctx context.Context, q Queue) (work, error) {
	url, err := e.queueURL(ctx, q)
	switch {
	case err != nil:
		return work{}, err
	case url == "" && q.Existing:
		return refuse("there is no such queue; drop --existing-queue to make it"), nil
	case url == "":
		return e.newQueue(q), nil
	}
	have, err := e.queueAttributes(ctx, url)
	if err != nil {
		return work{}, err
	}
	w := keep()
	change := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(q.Attributes)) {
		if want := q.Attributes[name]; !sameAttribute(have[name], want) {
			w.differs(name, have[name], want)
			change[name] = want
		}
	}
	if len(change) == 0 {
		return w, nil
	}
	owned, err := e.queueOwned(ctx, url)
	switch {
	case err != nil:
		return work{}, err
	case q.Existing:
		w.why = "others made it, so these attributes stay; they are advice"
		return w, nil
	case !owned:
		w.action = setup.Refuse
		w.why = "others made a queue of that name, with other attributes; --existing-queue uses it as it is, --queue makes another"
		return w, nil
	}
	w.then(func(ctx context.Context) error {
		_, err := e.clients.sqs().SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: change})
		return err
	})
	return w.updated(), nil
}

// sameAttribute compares values of an attribute. Some are JSON, in which SQS
// writes numbers as texts or not, as it was told.
func sameAttribute(have, want string) bool {
	var a, b map[string]any
	if json.Unmarshal([]byte(have), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		return have == want
	}
	return reflect.DeepEqual(texts(a), texts(b))
}

// texts returns the members as texts.
func texts(object map[string]any) map[string]string {
	out := make(map[string]string, len(object))
	for name, value := range object {
		text, err := json.Marshal(value)
		if err == nil {
			out[name] = strings.Trim(string(text), `"`)
		}
	}
	return out
}

func (e engine) newQueue(q Queue) work {
	w := work{action: setup.Create}
	for _, name := range slices.Sorted(maps.Keys(q.Attributes)) {
		w.line("+ %s: %s", name, q.Attributes[name])
	}
	w.then(func(ctx context.Context) error {
		_, err := e.clients.sqs().CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName: &q.Name, Attributes: q.Attributes, Tags: map[string]string{Tag: e.Setup},
		})
		return err
	})
	return w
}

func (e engine) unwantQueue(ctx context.Context, q Queue) (work, error) {
	url, err := e.queueURL(ctx, q)
	if err != nil || url == "" {
		return gone(), err
	}
	owned, err := e.queueOwned(ctx, url)
	switch {
	case err != nil:
		return work{}, err
	case !owned:
		return leave("others made it"), nil
	}
	have, err := e.queueAttributes(ctx, url)
	if err != nil {
		return work{}, err
	}
	w := remove(func(ctx context.Context) error {
		_, err := e.clients.sqs().DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
		return err
	})
	if n := have["ApproximateNumberOfMessages"]; n != "0" && n != "" {
		w.line("- %s messages that nobody has read; the objects that they name stay", n)
	}
	return w, nil
}

// queuePolicy lets bucket, topic or rule send and the role receive.
func (e engine) queuePolicy(q Queue) *piece {
	read := func(ctx context.Context) (string, error) {
		url, err := e.queueURL(ctx, q)
		if err != nil || url == "" {
			return "", err
		}
		have, err := e.queueAttributes(ctx, url)
		return have["Policy"], err
	}
	write := func(ctx context.Context, text string) error {
		url, err := e.queueURL(ctx, q)
		if err != nil {
			return err
		}
		_, err = e.clients.sqs().SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"Policy": text}})
		return err
	}
	p := resourcePolicy{name: "policy of queue " + q.Name, arn: q.ARN, limit: policy.MaxQueue, wanted: q.Statements, read: read, write: write}
	return p.piece()
}
