// Package stage runs the steps of the pipeline. Every service is a [Stage]:
// take a delivery, handle it, pass on what comes out, settle.
//
//	Source ──take──▶ Handle ──emit──▶ Publisher
//	   ▲                │                 │ stored
//	   └────settle──────┴──dead──▶ Graveyard
//
// The runner does what the stages have in common, so that their authors write
// none of it: workers, retries, dead letters, panics, drain, metrics, traces,
// logs.
package stage

import (
	"context"
	"log/slog"
	"time"

	"github.com/logferry/logferry/pkg/fault"
)

// Source gives a stage its work.
type Source[T any] interface {
	// Next blocks until there is a delivery. It returns the context's error
	// when ctx ends and [io.EOF] when there will be no more. Any other error is
	// transient: the runner waits and calls again. It is called from one
	// goroutine.
	Next(ctx context.Context) (Delivery[T], error)
}

// Delivery is one thing to do. It is settled exactly once, by one of Ack,
// Retry and Reject (invariant 5). Until then its source keeps its lease: no
// other worker gets it. Its methods may be called from any goroutine, one at a
// time.
type Delivery[T any] interface {
	// Value returns what was delivered; the caller owns it. An error means
	// that it cannot be decoded, now or ever.
	Value() (T, error)
	// Letter returns the dead letter of the delivery: its origin and original
	// bytes, without stage, reason and error.
	Letter() DeadLetter
	// Attempt is 1 on the first delivery.
	Attempt() int
	// Context returns ctx with the trace the delivery belongs to.
	Context(ctx context.Context) context.Context
	// Ack settles the delivery as done.
	Ack(ctx context.Context) error
	// Retry gives the delivery back, to be delivered again after wait.
	Retry(ctx context.Context, wait time.Duration) error
	// Reject settles the delivery as never to be done. The dead letter is
	// stored before (invariant 3).
	Reject(ctx context.Context, cause error) error
}

// Sized is a delivery that tells about how much memory its value takes, in
// bytes. Others count for nothing.
type Sized interface{ Size() int64 }

// Publisher passes on what a stage makes.
type Publisher[T any] interface {
	// Publish takes v over, puts it on its way and returns; it blocks while
	// the way is full. wait returns once v is stored, or says why it is not;
	// it must be called.
	Publish(ctx context.Context, v T) (wait func(context.Context) error, err error)
}

// Graveyard keeps dead letters.
type Graveyard interface {
	// Bury returns once the letter is stored. Burying the same letter again
	// has no effect.
	Bury(ctx context.Context, l DeadLetter) error
}

// Handler does the work of a stage. It owns in. It emits what comes out, in
// any number, and buries what cannot be processed; what it returns settles the
// delivery:
//
//   - nil: acknowledged, after everything emitted is stored (invariant 2)
//   - a permanent fault (see package fault): dead-lettered whole
//   - any other error: delivered again after the wait the error asks for, as
//     often as it allows
type Handler[In, Out any] func(ctx context.Context, in In, out *Emitter[Out]) error

// DeadLetter is what could not be processed, kept with the reason.
type DeadLetter struct {
	// ID is the same for the same failure of the same input.
	ID     string
	Stage  string
	Reason fault.Reason
	Error  string

	Connection, Destination, Table, Format string
	// Object is the object's id, with where it lies; empty when the delivery
	// names no object.
	Object, Bucket, Key, Version, ETag string
	// Part is the part of the object, -1 for none.
	Part int
	// Offset is where the record begins in the decompressed object, -1 when
	// unknown.
	Offset int64
	// Layout is the header line the record needs to be read.
	Layout   string
	Attempts int
	Time     time.Time
	// ContentType and Body are the original bytes. BodySize is their full
	// size: a body that fits no message is cut, and the object, or the offset
	// in it, says where the rest is.
	ContentType string
	Body        []byte
	BodySize    int64
	// ContentEncoding is how Body is compressed: snappy, or empty. BodySize is
	// that of the plain body.
	ContentEncoding string
	// Records is how many records or rows Body holds, 0 for a whole object or
	// message; SentRecords how many records of an object were sent on before
	// it was given up.
	Records, SentRecords int64
	// Whole is the number of the object's records if the part is all there is
	// of it, else 0. It is for the ledger; the letter is not stored with it.
	Whole int64
	// Dead and Filtered count the records of the part that became no rows
	// before. They are for the ledger; the letter is not stored with them.
	Dead, Filtered int
}

// Stage is one step of the pipeline. All fields are required but Out, which a
// stage that emits nothing leaves nil, Rejected and Room.
type Stage[In, Out any] struct {
	// Name is the stage's name in metrics, logs and dead letters.
	Name   string
	Source Source[In]
	Out    Publisher[Out]
	Dead   Graveyard
	Handle Handler[In, Out]
	// Rejected enters a rejected delivery in the ledger: it is called when the
	// delivery's letter is stored and before the delivery is settled, with the
	// letter and its cause. An error gives the delivery back.
	Rejected func(ctx context.Context, l DeadLetter, cause error) error
	// Workers is how many deliveries are handled at a time.
	Workers int
	// Room is how many bytes of deliveries are handled at a time, one that is
	// larger alone; 0: as the workers can.
	Room int64
	// Grace is how long work in flight may go on after the context has ended.
	Grace   time.Duration
	Log     *slog.Logger
	Metrics *Metrics
}
