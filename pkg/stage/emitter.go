package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/fault"
)

// maxUnstored bounds what one delivery may have on its way at a time, so that
// the emitter holds a handful of receipts however much a handler emits.
const maxUnstored = 32

// Emitter is how a handler passes on what it made. It belongs to one call of
// the handler and may be used from several goroutines.
type Emitter[T any] struct {
	stage   string
	out     Publisher[T]
	dead    Graveyard
	metrics *Metrics
	letter  func() DeadLetter // of the delivery
	attempt int               // of the delivery

	mu     sync.Mutex
	waits  []func(context.Context) error // of what is not known to be stored
	buried map[string]int                // letters by their distinguishing marks
}

// Redelivered reports whether the delivery came before, to this worker or
// another.
func (e *Emitter[T]) Redelivered() bool { return e.attempt > 1 }

// Emit takes v over and puts it on its way, blocking while the way is full.
// An error ends the handler's work: return it.
func (e *Emitter[T]) Emit(ctx context.Context, v T) error {
	wait, err := e.out.Publish(ctx, v)
	if err != nil {
		return fmt.Errorf("emit: %w", err)
	}
	e.metrics.emitted.WithLabelValues(e.stage).Inc()
	e.mu.Lock()
	e.waits = append(e.waits, wait)
	var oldest func(context.Context) error
	if len(e.waits) > maxUnstored {
		oldest, e.waits = e.waits[0], e.waits[1:]
	}
	e.mu.Unlock()
	if oldest == nil {
		return nil
	}
	return oldest(ctx)
}

// Flush returns once everything emitted so far is stored, or with the first
// error. The runner calls it when the handler has returned.
func (e *Emitter[T]) Flush(ctx context.Context) (err error) {
	e.mu.Lock()
	waits := e.waits
	e.waits = nil
	e.mu.Unlock()
	for _, wait := range waits { // every one must be called
		if werr := wait(ctx); werr != nil && err == nil {
			err = fmt.Errorf("store what was emitted: %w", werr)
		}
	}
	return err
}

// Bury stores a dead letter. The emitter fills in the stage, the time, the id
// and, where they are empty, the fields of the delivery's origin. It returns
// once the letter is stored; an error ends the handler's work: return it.
func (e *Emitter[T]) Bury(ctx context.Context, l DeadLetter) error {
	origin := e.letter()
	l = l.from(origin)
	l.Stage, l.Time = e.stage, time.Now()
	if l.ID == "" {
		l.ID = e.letterID(origin.ID, l)
	}
	if l.BodySize == 0 {
		l.BodySize = int64(len(l.Body))
	}
	if err := e.dead.Bury(ctx, l); err != nil {
		return fmt.Errorf("store dead letter: %w", err)
	}
	e.metrics.dead.WithLabelValues(e.stage, l.Connection, string(l.Reason)).Inc()
	return nil
}

// letterID names a letter by what it holds, so that a redelivery buries the
// same letters under the same ids; letters of one delivery that are alike in
// everything are counted through.
func (e *Emitter[T]) letterID(delivery string, l DeadLetter) string {
	sum := sha256.Sum256(l.Body)
	mark := fmt.Sprintf("%s.%s.%d.%s", e.stage, delivery, l.Offset, hex.EncodeToString(sum[:8]))
	if l.SentRecords > 0 { // it holds what follows them, and stands for no other rest
		mark += fmt.Sprintf(".%d", l.SentRecords)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.buried == nil {
		e.buried = make(map[string]int)
	}
	n := e.buried[mark]
	e.buried[mark] = n + 1
	return fmt.Sprintf("%s.%d", mark, n)
}

// reject buries the whole delivery for cause.
func (e *Emitter[T]) reject(ctx context.Context, cause error) error {
	l := e.letter()
	l.ID, l.Offset = "", -1
	l.Reason, l.Error = fault.ReasonOf(cause), cause.Error()
	if sent, ok := errors.AsType[interface {
		error
		SentRecords() int64
	}](cause); ok {
		l.SentRecords = sent.SentRecords()
	}
	return e.Bury(ctx, l)
}

// from fills the empty fields of l that tell its origin.
func (l DeadLetter) from(origin DeadLetter) DeadLetter {
	for _, f := range []struct{ to, from *string }{
		{&l.Connection, &origin.Connection}, {&l.Destination, &origin.Destination},
		{&l.Table, &origin.Table}, {&l.Format, &origin.Format},
		{&l.Object, &origin.Object}, {&l.Bucket, &origin.Bucket}, {&l.Key, &origin.Key},
		{&l.Version, &origin.Version}, {&l.ETag, &origin.ETag}, {&l.Layout, &origin.Layout},
	} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	if l.Part == 0 {
		l.Part = origin.Part
	}
	if l.Attempts == 0 {
		l.Attempts = origin.Attempts
	}
	return l
}
