package onaws

import (
	"slices"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// Options are a person's decisions about what others made, and about logs.
type Options struct {
	// Adopt lets an apply change a role, a trail or a publishing destination that
	// others made. It shows how, and a destroy still leaves them.
	Adopt bool
	// DeleteLogs lets a destroy delete a bucket that it made with the logs in it.
	DeleteLogs bool
}

// Resources returns what the blueprint wants, in the order of need: what
// policies name comes before the policies, and what S3 asks for leave before
// what S3 is told.
func Resources(b Blueprint, c Clients, o Options) []setup.Resource {
	e := engine{Blueprint: b, clients: c, options: o}
	pieces := slices.Concat(e.identity(), e.storage(), e.announcing(), e.sources())
	resources := make([]setup.Resource, len(pieces))
	for i, p := range pieces {
		p.patience = c.Patience
		resources[i] = p
	}
	return resources
}

// engine makes the pieces of a blueprint.
type engine struct {
	Blueprint
	clients Clients
	options Options
}

// identity is who may read.
func (e engine) identity() []*piece {
	var pieces []*piece
	for _, p := range e.Providers {
		pieces = append(pieces, e.provider(p))
	}
	return append(pieces, e.role(), e.rolePolicy())
}

// storage is where logs lie, and the queue.
func (e engine) storage() []*piece {
	var pieces []*piece
	if e.Key != nil {
		pieces = append(pieces, e.key(*e.Key), e.keyPolicy(*e.Key))
	}
	pieces = append(pieces, e.bucket())
	if e.Bucket.Encrypted {
		pieces = append(pieces, e.encryption())
	}
	if len(e.Bucket.Statements) > 0 {
		pieces = append(pieces, e.bucketPolicy())
	}
	for _, q := range []Queue{e.DeadQueue, e.Queue} {
		if q.Name == "" {
			continue
		}
		pieces = append(pieces, e.queue(q))
		if len(q.Statements) > 0 {
			pieces = append(pieces, e.queuePolicy(q))
		}
	}
	return pieces
}

// announcing is how the queue learns of new objects.
func (e engine) announcing() []*piece {
	var pieces []*piece
	if e.Topic != nil {
		pieces = append(pieces, e.topic(*e.Topic), e.topicPolicy(*e.Topic), e.subscription(*e.Topic))
	}
	if e.Rule != nil {
		pieces = append(pieces, e.rule(*e.Rule), e.target(*e.Rule))
	}
	if e.Notification != nil {
		pieces = append(pieces, e.notification(*e.Notification))
	}
	return pieces
}

// sources is what writes the logs.
func (e engine) sources() []*piece {
	var pieces []*piece
	if e.Trail != nil {
		pieces = append(pieces, e.trail(*e.Trail), e.logging(*e.Trail))
		if len(e.Trail.DataEvents) > 0 {
			pieces = append(pieces, e.dataEvents(*e.Trail))
		}
	}
	for _, f := range e.FlowLogs {
		pieces = append(pieces, e.flowLog(f))
	}
	for _, d := range e.Detectors {
		pieces = append(pieces, e.detector(d), e.publishing(d))
	}
	return pieces
}
