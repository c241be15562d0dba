package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/bucket"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/probe"
)

const (
	// lately is how far back the newest logs are looked for. All services that
	// write logs into buckets do it within hours, if there is anything to log.
	lately = 24 * time.Hour
	// maxPages bounds a listing, at 1000 objects a page.
	maxPages = 5
	// maxKeys is how many keys are compared with the notifications' filters.
	maxKeys = 1000
)

// bucket looks whether there are logs in a bucket, and whether they are told
// to the connection.
func (e *examination) bucket(ctx context.Context, c connection.Connection, found probe.Source, name string) {
	subject := "bucket " + name
	var keys []string
	e.report.Look("aws.s3.logs", subject, "logs of the last day", func() (o check.Outcome) {
		keys, o = e.logs(ctx, c, name)
		return o
	})
	e.report.Look("aws.s3.notifications", subject, "notifications", func() check.Outcome {
		out, err := e.notifications(ctx, c, name)
		switch code := codeOf(err); {
		case code == "AccessDenied":
			return check.Skip("%s; running services do without it: to see it here, allow s3:GetBucketNotification on arn:%s:s3:::%s", said(err), connection.Partition(regionOf(c)), name)
		case err != nil:
			return check.Skip("%s", said(err))
		}
		return feed(name, out, found.Queues, keys)
	})
}

// regionOf returns a region of the connection, which tells its partition.
func regionOf(c connection.Connection) string {
	if queues := c.Queues(); c.Region == "" && len(queues) > 0 {
		return connection.QueueRegion(queues[0])
	}
	return c.Region
}

// codeOf returns the code of AWS's refusal, empty when nothing was refused.
func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// errSeen ends a listing that has seen enough.
var errSeen = errors.New("enough objects are seen")

// logs looks for the newest objects of a bucket, and returns keys of them.
func (e *examination) logs(ctx context.Context, c connection.Connection, name string) (keys []string, o check.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, 3*callTime)
	defer cancel()
	var newest bucket.Object
	pages := 0
	walk := bucket.Walk{Bucket: name, Span: bucket.Span{From: e.now.Add(-lately).Truncate(lately)}}
	err := bucket.New(e.aws, c).Walk(ctx, walk, func(p bucket.Page) error {
		for _, one := range p.Objects {
			if strings.HasSuffix(one.Key, "/") || one.Size == 0 {
				continue
			}
			if len(keys) < maxKeys {
				keys = append(keys, one.Key)
			}
			if one.LastModified.After(newest.LastModified) {
				newest = one
			}
		}
		if pages++; pages >= maxPages {
			return errSeen
		}
		return nil
	})
	stopped := errors.Is(err, errSeen) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case newest.Key != "" && (stopped || err == nil):
		return keys, check.Pass("the newest of those looked at was written %s ago: %s", max(e.now.Sub(newest.LastModified), 0).Round(time.Second), newest.Key)
	case stopped:
		return nil, check.Skip("the bucket is too large to find them in reasonable time")
	case codeOf(err) == "AccessDenied":
		return nil, check.Skip("the bucket cannot be listed")
	case err != nil:
		return nil, check.Skip("%v", err)
	}
	return nil, check.Doubt("see that the source still writes into this bucket: the trail, the flow logs, the findings' export; where little is logged this may be right",
		"no object of the last day")
}

// notifications asks whom the bucket tells of new objects.
func (e *examination) notifications(ctx context.Context, c connection.Connection, name string) (*s3.GetBucketNotificationConfigurationOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var regions awscred.BucketRegions
	var out *s3.GetBucketNotificationConfigurationOutput
	_, _, err := regions.Follow(name, regionOf(c), func(region string) error {
		in := c
		if region != "" {
			in.Region = region
		}
		cfg, err := e.aws.Config(ctx, in, region)
		if err != nil {
			return err
		}
		out, err = awscred.S3(cfg).GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: &name})
		return err
	})
	return out, err
}

// entry is one that may feed a queue.
type entry struct {
	what, prefix, suffix string
	events               []string
}

func newEntry(what string, events []types.Event, filter *types.NotificationConfigurationFilter) entry {
	e := entry{what: what}
	for _, event := range events {
		e.events = append(e.events, string(event))
	}
	if filter == nil || filter.Key == nil {
		return e
	}
	for _, rule := range filter.Key.FilterRules {
		switch strings.ToLower(string(rule.Name)) {
		case "prefix":
			e.prefix = aws.ToString(rule.Value)
		case "suffix":
			e.suffix = aws.ToString(rule.Value)
		}
	}
	return e
}

// announces reports whether an object with that key is announced.
func (e entry) announces(key string) bool {
	return strings.HasPrefix(key, e.prefix) && strings.HasSuffix(key, e.suffix)
}

func (e entry) String() string {
	text := e.what
	if e.prefix != "" {
		text += ", prefix " + e.prefix
	}
	if e.suffix != "" {
		text += ", suffix " + e.suffix
	}
	return text
}

// feed judges a bucket's notifications: whether they lead to one of the queues,
// and whether the keys that lie there are told of.
func feed(name string, out *s3.GetBucketNotificationConfigurationOutput, queues []probe.Queue, keys []string) check.Outcome {
	entries := entriesTo(out, queues)
	if len(entries) == 0 {
		fix := "logferry setup aws apply, or send s3:ObjectCreated:* of the bucket to the queue"
		if announced(name, queues) {
			return check.Doubt(fix, "none leads to a queue of the connection, but a message of this bucket is there: it is from before, or from another sender")
		}
		return check.Fail(fix, "none leads to a queue, a topic or EventBridge that could feed the connection")
	}
	var told []string
	for _, e := range entries {
		told = append(told, e.String())
		if lost := e.missedEvents(); lost != "" {
			return check.Doubt("have the entry send s3:ObjectCreated:*", "%s: %s", e, lost)
		}
	}
	seen := strings.Join(told, "; ")
	logs := slices.DeleteFunc(slices.Clone(keys), isNoLog)
	var missed []string
	for _, key := range logs {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.announces(key) }) {
			missed = append(missed, key)
		}
	}
	if len(missed) == 0 {
		return check.Pass("%s", seen)
	}
	return check.Doubt(filterFix(entries, missed[0]), "%s; %d of %d new objects are not announced, such as %s", seen, len(missed), len(logs), missed[0])
}

// entriesTo returns the entries that may lead to one of the queues.
func entriesTo(out *s3.GetBucketNotificationConfigurationOutput, queues []probe.Queue) []entry {
	var entries []entry
	for _, q := range out.QueueConfigurations {
		if slices.ContainsFunc(queues, func(ours probe.Queue) bool { return ours.ARN == aws.ToString(q.QueueArn) }) {
			entries = append(entries, newEntry("to the queue", q.Events, q.Filter))
		}
	}
	for _, t := range out.TopicConfigurations { // who subscribes to it is not told here
		entries = append(entries, newEntry("to the topic "+aws.ToString(t.TopicArn), t.Events, t.Filter))
	}
	if out.EventBridgeConfiguration != nil {
		entries = append(entries, entry{what: "to EventBridge", events: []string{"s3:ObjectCreated:*"}})
	}
	return entries
}

// announced reports whether a message in one of the queues is of the bucket.
func announced(name string, queues []probe.Queue) bool {
	for _, q := range queues {
		if q.Message == nil {
			continue
		}
		for _, o := range q.Message.Says.Objects {
			if o.Bucket == name {
				return true
			}
		}
	}
	return false
}

// missedEvents says which ways to write an object the entry does not tell of.
func (e entry) missedEvents() string {
	has := func(event string) bool { return slices.Contains(e.events, event) }
	switch {
	case has("s3:ObjectCreated:*"):
		return ""
	case !slices.ContainsFunc(e.events, func(event string) bool { return strings.HasPrefix(event, "s3:ObjectCreated:") }):
		return "it does not tell of new objects, only of " + strings.Join(e.events, ", ")
	case !has("s3:ObjectCreated:Put"):
		return "objects written by PutObject are not told of"
	case !has("s3:ObjectCreated:CompleteMultipartUpload"):
		return "objects written in parts, the large ones, are not told of"
	}
	return ""
}

// isNoLog reports whether a key is of what is written beside logs.
func isNoLog(key string) bool {
	return strings.Contains(key, "/CloudTrail-Digest/") || strings.Contains(key, "/CloudTrail-Insight/") ||
		strings.HasSuffix(key, "/AwsSentinelRoleTest") || strings.HasSuffix(key, "ConfigWritabilityCheckFile") || !strings.Contains(key, "AWSLogs/")
}

// filterFix says what is to be changed for a key to be announced.
func filterFix(entries []entry, key string) string {
	for _, e := range entries {
		if strings.HasPrefix(key, e.prefix) {
			return fmt.Sprintf("drop the suffix %s from the entry, or add an entry for %s", e.suffix, key[strings.LastIndexByte(key, '.')+1:])
		}
	}
	folder, _, _ := strings.Cut(key[strings.Index(key, "AWSLogs/")+len("AWSLogs/"):], "/")
	return fmt.Sprintf("if these logs are wanted: no entry's prefix fits them; account, organization or folder is another (%s). Add an entry for their prefix", folder)
}
