// Package samplelog makes log objects as AWS writes them: CloudTrail events,
// VPC flow records and GuardDuty findings, in the right containers under the
// right keys, and broken ones. The same seed makes the same objects. It is
// fast enough to feed a load test: events are put together from templates.
package samplelog

import "time"

// Object is one object of a bucket.
type Object struct {
	Key  string
	Body []byte
	// Records can be read from the object, each of which is a row of Table.
	Records int
	Table   string
	// RawBytes is the size of the content before compression.
	RawBytes int
}

// Generator makes objects. It is not safe for concurrent use.
type Generator struct {
	now time.Time
}

// New returns a Generator whose logs lie in the quarter of an hour before now.
func New(seed uint64, now time.Time) *Generator { return &Generator{now: now} }
