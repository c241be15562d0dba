package probe

import (
	"context"
	"slices"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/notification"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

// maxBuckets bounds the buckets of a connection that are looked at.
const maxBuckets = 10

// Source is what a probe has learnt of a connection's end in AWS.
type Source struct {
	// Caller is the effective identity, empty when it is not known.
	Caller string
	// Blocked says why AWS could not be called at all; empty: it could.
	Blocked string
	Queues  []Queue
	// Buckets are those that the connection reads, as far as they are known:
	// named by it, by a queue's policy or by a message.
	Buckets []string
}

// Source tries a connection's end in AWS, adds what it finds to the report, and
// returns what it has learnt.
func (p *Probe) Source(ctx context.Context, r *check.Report, c connection.Connection) Source {
	s := steps{report: r, subject: "connection " + c.Name}
	if len(c.Queues()) == 0 {
		return p.history(&s)
	}
	who := p.session(ctx, &s, c)
	found := Source{Caller: who.arn, Blocked: s.blocked}
	for _, url := range c.Queues() {
		found.Queues = append(found.Queues, p.queue(ctx, s, who, url))
	}
	found.Buckets = bucketsOf(c, found.Queues)
	announced := announcedOf(c, found.Queues)
	if len(found.Buckets) == 0 {
		s.subject = "connection " + c.Name
		p.nowhere(&s)
		return found
	}
	for _, name := range found.Buckets {
		p.bucket(ctx, s, who, name, announced[name])
	}
	return found
}

// history says that there is no queue to try. Whether an event history can be
// read is told by the service that reads it: calls to try it would take from the
// two a second that the account has.
func (p *Probe) history(s *steps) Source {
	const why = "it reads an event history and has no queue; the log and the metrics of the lookup service tell whether it can"
	s.try("aws.lookup", "read the event history", func() check.Outcome { return check.Skip(why) })
	return Source{Blocked: why}
}

// nowhere says that there is nothing to read.
func (p *Probe) nowhere(s *steps) {
	s.try("aws.s3.get", "read an object", func() check.Outcome {
		return check.Skip("no bucket is known: no message was there, the queue's policy names none, and neither does the connection's buckets")
	})
}

func bucketsOf(c connection.Connection, queues []Queue) []string {
	names := slices.Clone(c.Buckets)
	for _, q := range queues {
		names = append(names, q.Buckets()...)
		if q.Message != nil {
			for _, o := range q.Message.Says.Objects {
				names = append(names, o.Bucket)
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !c.Reads(name) })
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxBuckets)]
}

// announcedOf returns the first object of each bucket that a message announces.
func announcedOf(c connection.Connection, queues []Queue) map[string]notification.Object {
	first := map[string]notification.Object{}
	for _, q := range queues {
		if q.Message == nil {
			continue
		}
		for _, o := range q.Message.Says.Objects {
			if _, known := first[o.Bucket]; !known {
				first[o.Bucket] = o
			}
		}
	}
	return first
}
