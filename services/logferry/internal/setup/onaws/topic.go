package onaws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// topic is the topic between bucket and queue.
func (e engine) topic(t Topic) *piece {
	want := func(ctx context.Context) (work, error) {
		have, err := e.topicAttributes(ctx, t)
		switch {
		case err != nil:
			return work{}, err
		case have != nil:
			return keep(), nil
		case t.Existing:
			return refuse("there is no such topic; drop --existing-topic to make it"), nil
		}
		w := work{action: setup.Create}
		w.then(func(ctx context.Context) error {
			_, err := e.clients.sns().CreateTopic(ctx, &sns.CreateTopicInput{
				Name: &t.Name, Tags: tagList(e.Setup, func(key, value *string) snstypes.Tag { return snstypes.Tag{Key: key, Value: value} }),
			})
			return err
		})
		return w, nil
	}
	unwant := func(ctx context.Context) (work, error) {
		have, err := e.topicAttributes(ctx, t)
		if err != nil || have == nil {
			return gone(), err
		}
		owned, err := e.topicOwned(ctx, t)
		if err != nil {
			return work{}, err
		}
		if !owned {
			return leave("others made it"), nil
		}
		others, err := e.subscriptions(ctx, t)
		if err != nil {
			return work{}, err
		}
		for _, s := range others {
			if aws.ToString(s.Endpoint) != e.Queue.ARN {
				return leave("others read from it: %s", aws.ToString(s.Endpoint)), nil
			}
		}
		return remove(func(ctx context.Context) error {
			_, err := e.clients.sns().DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &t.ARN})
			return err
		}), nil
	}
	return &piece{name: "topic " + t.Name, arn: t.ARN, want: want, unwant: unwant}
}

// topicAttributes returns the topic's attributes; nil when there is none.
func (e engine) topicAttributes(ctx context.Context, t Topic) (map[string]string, error) {
	out, err := e.clients.sns().GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &t.ARN})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func (e engine) topicOwned(ctx context.Context, t Topic) (bool, error) {
	out, err := e.clients.sns().ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: &t.ARN})
	if err != nil {
		return false, err
	}
	for _, tag := range out.Tags {
		if aws.ToString(tag.Key) == Tag {
			return aws.ToString(tag.Value) == e.Setup, nil
		}
	}
	return false, nil
}

// topicPolicy lets the bucket publish.
func (e engine) topicPolicy(t Topic) *piece {
	read := func(ctx context.Context) (string, error) {
		have, err := e.topicAttributes(ctx, t)
		return have["Policy"], err
	}
	write := func(ctx context.Context, text string) error {
		_, err := e.clients.sns().SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{
			TopicArn: &t.ARN, AttributeName: aws.String("Policy"), AttributeValue: &text,
		})
		return err
	}
	p := resourcePolicy{name: "policy of topic " + t.Name, arn: t.ARN, limit: policy.MaxTopic, wanted: t.Statements, read: read, write: write}
	return p.piece()
}

// subscriptions returns all subscriptions of the topic.
func (e engine) subscriptions(ctx context.Context, t Topic) ([]snstypes.Subscription, error) {
	var all []snstypes.Subscription
	pages := sns.NewListSubscriptionsByTopicPaginator(e.clients.sns(), &sns.ListSubscriptionsByTopicInput{TopicArn: &t.ARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isMissing(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, page.Subscriptions...)
	}
	return all, nil
}

// rawDelivery is the attribute of a subscription that passes messages on as
// they are.
const rawDelivery = "RawMessageDelivery"

// subscription has the topic send to the queue.
func (e engine) subscription(t Topic) *piece {
	find := func(ctx context.Context) (string, error) {
		all, err := e.subscriptions(ctx, t)
		for _, s := range all {
			if aws.ToString(s.Endpoint) == e.Queue.ARN {
				return aws.ToString(s.SubscriptionArn), nil
			}
		}
		return "", err
	}
	want := func(ctx context.Context) (work, error) {
		have, err := find(ctx)
		if err != nil {
			return work{}, err
		}
		if have != "" {
			return e.rawSubscription(ctx, have)
		}
		w := work{action: setup.Create}
		w.line("+ %s: true", rawDelivery)
		w.then(func(ctx context.Context) error {
			_, err := e.clients.sns().Subscribe(ctx, &sns.SubscribeInput{
				TopicArn: &t.ARN, Protocol: aws.String("sqs"), Endpoint: &e.Queue.ARN, Attributes: map[string]string{rawDelivery: "true"},
			})
			return err
		})
		return w, nil
	}
	unwant := func(ctx context.Context) (work, error) {
		have, err := find(ctx)
		if err != nil || have == "" {
			return gone(), err
		}
		return e.unsubscribe(ctx, have)
	}
	return &piece{name: "subscription of queue " + e.Queue.Name + " to topic " + t.Name, arn: t.ARN, want: want, unwant: unwant}
}

// rawSubscription leaves a subscription that is there as it is: Logferry reads
// either form, and it may be of others.
func (e engine) rawSubscription(ctx context.Context, arn string) (work, error) {
	out, err := e.clients.sns().GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	if err != nil {
		return work{}, err
	}
	w := keep()
	if out.Attributes["FilterPolicy"] != "" {
		return refuse("it has a filter policy, which keeps objects from the queue; remove that"), nil
	}
	return w, nil
}

// unsubscribe ends the subscription of a queue that the set-up made. A
// subscription has no tags of its own.
func (e engine) unsubscribe(ctx context.Context, arn string) (work, error) {
	url, err := e.queueURL(ctx, e.Queue)
	if err != nil {
		return work{}, err
	}
	if url != "" {
		owned, err := e.queueOwned(ctx, url)
		if err != nil {
			return work{}, err
		}
		if !owned {
			return leave("the queue is of others, and so may be this"), nil
		}
	}
	return remove(func(ctx context.Context) error {
		_, err := e.clients.sns().Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &arn})
		return err
	}), nil
}
