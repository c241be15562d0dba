package onaws

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// created are the events that announce objects.
const created = s3types.Event("s3:ObjectCreated:*")

// notification is one entry of the bucket's event notifications, or the switch
// that sends them to EventBridge. S3 takes all entries at once; those of others
// are given back as they were read.
func (e engine) notification(n Notification) *piece {
	p := &piece{name: "notification " + n.ID + " of bucket " + e.Bucket.Name, arn: e.Bucket.ARN}
	p.want = func(ctx context.Context) (work, error) { return e.wantEntry(ctx, n) }
	p.unwant = func(ctx context.Context) (work, error) { return e.unwantEntry(ctx, n) }
	if n.TargetARN == "" {
		p.name = "EventBridge switch of bucket " + e.Bucket.Name
		p.want, p.unwant = e.wantSwitch, e.unwantSwitch
	}
	return p
}

// notifications returns the bucket's event notifications; none when there is no
// bucket.
func (e engine) notifications(ctx context.Context) (*s3types.NotificationConfiguration, error) {
	out, err := e.clients.s3().GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: &e.Bucket.Name})
	if isMissing(err) {
		return &s3types.NotificationConfiguration{}, nil
	}
	if err != nil {
		return nil, err
	}
	return &s3types.NotificationConfiguration{
		EventBridgeConfiguration:     out.EventBridgeConfiguration,
		LambdaFunctionConfigurations: out.LambdaFunctionConfigurations,
		QueueConfigurations:          out.QueueConfigurations,
		TopicConfigurations:          out.TopicConfigurations,
	}, nil
}

func (e engine) putNotifications(ctx context.Context, all *s3types.NotificationConfiguration) error {
	_, err := e.clients.s3().PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: &e.Bucket.Name, NotificationConfiguration: all,
	})
	return err
}

// entry is a notification entry of any kind.
type entry struct {
	kind, id, target string
	events           []s3types.Event
	prefix, suffix   string
}

func (n entry) String() string {
	events := make([]string, len(n.events))
	for i, event := range n.events {
		events[i] = string(event)
	}
	text := strings.Join(events, ", ") + " to " + n.target
	if n.prefix != "" {
		text += ", prefix " + n.prefix
	}
	if n.suffix != "" {
		text += ", suffix " + n.suffix
	}
	return text
}

// filters reads prefix and suffix. S3 takes their names in any case.
func (n entry) filters(f *s3types.NotificationConfigurationFilter) entry {
	if f == nil || f.Key == nil {
		return n
	}
	for _, rule := range f.Key.FilterRules {
		switch strings.ToLower(string(rule.Name)) {
		case "prefix":
			n.prefix = aws.ToString(rule.Value)
		case "suffix":
			n.suffix = aws.ToString(rule.Value)
		}
	}
	return n
}

// entries lists the entries of all kinds.
func entries(all *s3types.NotificationConfiguration) []entry {
	var list []entry
	for _, c := range all.QueueConfigurations {
		n := entry{kind: "queue", id: aws.ToString(c.Id), target: aws.ToString(c.QueueArn), events: c.Events}
		list = append(list, n.filters(c.Filter))
	}
	for _, c := range all.TopicConfigurations {
		n := entry{kind: "topic", id: aws.ToString(c.Id), target: aws.ToString(c.TopicArn), events: c.Events}
		list = append(list, n.filters(c.Filter))
	}
	for _, c := range all.LambdaFunctionConfigurations {
		n := entry{kind: "function", id: aws.ToString(c.Id), target: aws.ToString(c.LambdaFunctionArn), events: c.Events}
		list = append(list, n.filters(c.Filter))
	}
	return list
}

// overlaps reports whether S3 refuses the two entries beside each other: an
// event of both, and keys that both may match.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
func (n entry) overlaps(o entry) bool {
	events := slices.ContainsFunc(n.events, func(a s3types.Event) bool {
		return slices.ContainsFunc(o.events, func(b s3types.Event) bool { return covers(a, b) || covers(b, a) })
	})
	prefixes := strings.HasPrefix(n.prefix, o.prefix) || strings.HasPrefix(o.prefix, n.prefix)
	suffixes := strings.HasSuffix(n.suffix, o.suffix) || strings.HasSuffix(o.suffix, n.suffix)
	return events && prefixes && suffixes
}

// covers reports whether event a stands for b: "s3:ObjectCreated:*" does for
// "s3:ObjectCreated:Put".
func covers(a, b s3types.Event) bool {
	whole, wild := strings.CutSuffix(string(a), "*")
	return a == b || wild && strings.HasPrefix(string(b), whole)
}

// entry returns what the set-up wants.
func (n Notification) entry() entry {
	kind := "queue"
	if target, err := arn.Parse(n.TargetARN); err == nil && target.Service == "sns" {
		kind = "topic"
	}
	return entry{kind: kind, id: n.ID, target: n.TargetARN, events: []s3types.Event{created}, prefix: n.Prefix, suffix: n.Suffix}
}

func (n entry) equal(o entry) bool {
	return n.kind == o.kind && n.target == o.target && slices.Equal(n.events, o.events) && n.prefix == o.prefix && n.suffix == o.suffix
}

func (e engine) wantEntry(ctx context.Context, n Notification) (work, error) {
	all, err := e.notifications(ctx)
	if err != nil {
		return work{}, err
	}
	want := n.entry()
	w := work{action: setup.Create}
	for _, have := range entries(all) {
		switch {
		case have.id == want.id && have.equal(want):
			return keep(), nil
		case have.id == want.id:
			w.action = setup.Update
			w.line("- %s", have)
		case have.equal(want):
			w = keep()
			w.why = "the entry " + have.id + " of others does the same"
			return w, nil
		case have.overlaps(want):
			return refuse("S3 takes no two entries for the same event and overlapping keys, and there is the %s entry %s (%s): "+
				"use --via eventbridge, have that entry send to a topic that both read (--via topic), or choose apart with --notify-prefix", have.kind, have.id, have), nil
		}
	}
	w.line("+ %s", want)
	w.then(func(ctx context.Context) error { return e.putNotifications(ctx, with(without(all, n.ID), want)) })
	return w, nil
}

// without returns the notifications without the entry of that id.
func without(all *s3types.NotificationConfiguration, id string) *s3types.NotificationConfiguration {
	rest := *all
	rest.QueueConfigurations = slices.DeleteFunc(slices.Clone(all.QueueConfigurations), func(c s3types.QueueConfiguration) bool { return aws.ToString(c.Id) == id })
	rest.TopicConfigurations = slices.DeleteFunc(slices.Clone(all.TopicConfigurations), func(c s3types.TopicConfiguration) bool { return aws.ToString(c.Id) == id })
	return &rest
}

// with adds the entry to the notifications and returns them.
func with(all *s3types.NotificationConfiguration, n entry) *s3types.NotificationConfiguration {
	var rules []s3types.FilterRule
	if n.prefix != "" {
		rules = append(rules, s3types.FilterRule{Name: s3types.FilterRuleNamePrefix, Value: &n.prefix})
	}
	if n.suffix != "" {
		rules = append(rules, s3types.FilterRule{Name: s3types.FilterRuleNameSuffix, Value: &n.suffix})
	}
	var filter *s3types.NotificationConfigurationFilter
	if len(rules) > 0 {
		filter = &s3types.NotificationConfigurationFilter{Key: &s3types.S3KeyFilter{FilterRules: rules}}
	}
	if n.kind == "topic" {
		all.TopicConfigurations = append(all.TopicConfigurations, s3types.TopicConfiguration{Id: &n.id, TopicArn: &n.target, Events: n.events, Filter: filter})
		return all
	}
	all.QueueConfigurations = append(all.QueueConfigurations, s3types.QueueConfiguration{Id: &n.id, QueueArn: &n.target, Events: n.events, Filter: filter})
	return all
}

func (e engine) unwantEntry(ctx context.Context, n Notification) (work, error) {
	all, err := e.notifications(ctx)
	if err != nil {
		return work{}, err
	}
	at := slices.IndexFunc(entries(all), func(have entry) bool { return have.id == n.ID })
	if at < 0 {
		return gone(), nil
	}
	w := remove(func(ctx context.Context) error { return e.putNotifications(ctx, without(all, n.ID)) })
	w.line("- %s", entries(all)[at])
	return w, nil
}

// wantSwitch turns on that the bucket sends its events to EventBridge.
func (e engine) wantSwitch(ctx context.Context) (work, error) {
	all, err := e.notifications(ctx)
	if err != nil || all.EventBridgeConfiguration != nil {
		return keep(), err
	}
	w := work{action: setup.Create}
	w.line("+ all events go to EventBridge; rules choose among them")
	w.then(func(ctx context.Context) error {
		all.EventBridgeConfiguration = &s3types.EventBridgeConfiguration{}
		return e.putNotifications(ctx, all)
	})
	return w, nil
}

// unwantSwitch leaves the switch: it has no mark that tells who turned it on,
// and rules of others may need it.
func (e engine) unwantSwitch(ctx context.Context) (work, error) {
	all, err := e.notifications(ctx)
	if err != nil || all.EventBridgeConfiguration == nil {
		return gone(), err
	}
	return leave("rules of others may need it; without rules it does nothing and costs nothing"), nil
}
