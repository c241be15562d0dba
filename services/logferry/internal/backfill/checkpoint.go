package backfill

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/bus"
)

const (
	checkpointVersion = 1
	// saveTimeout bounds the last save of a backfill that is to end.
	saveTimeout = 10 * time.Second
)

// checkpoint is what is saved of a backfill.
type checkpoint struct {
	Version int `json:"version"`
	// Parameters say, in words, which backfill it is of.
	Parameters string `json:"parameters"`
	// After is the key up to which everything is done, and Tally what was
	// counted up to there.
	After string    `json:"after"`
	Tally Tally     `json:"tally"`
	Time  time.Time `json:"time"`
}

// saver keeps a backfill's checkpoint. One without checkpoint, such as that of
// a list, has no store.
type saver struct {
	store *bus.Checkpoints
	key   string
	last  checkpoint
}

// newSaver loads the checkpoint. One that cannot be used is refused: to begin
// anew is for the user to decide.
func (r *run) newSaver(ctx context.Context) (*saver, error) {
	if r.Keys != nil {
		return &saver{}, nil
	}
	store, err := r.env.Bus.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	s := &saver{store: store, key: r.Options.key()}
	fresh := checkpoint{Version: checkpointVersion, Parameters: r.parameters()}
	if r.Restart {
		s.last = fresh
		return s, store.Remove(ctx, s.key)
	}
	found, err := store.Load(ctx, s.key, &s.last, func() error { return r.check(s.last) })
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w; begin again with --restart: what is done stays done", err)
	case !found:
		s.last = fresh
		return s, nil
	}
	r.notes.Say("backfill: going on after %q, where it was at %s", "s3://"+r.Bucket+"/"+s.last.After, s.last.Time.Format(time.RFC3339))
	return s, nil
}

// check says why a checkpoint cannot be gone on from.
func (o Options) check(c checkpoint) error {
	switch {
	case c.Version != checkpointVersion:
		return fmt.Errorf("it is of version %d; this program knows version %d", c.Version, checkpointVersion)
	case c.Parameters != o.parameters():
		return fmt.Errorf("it is of another backfill (%s)", c.Parameters)
	case c.After == "" || !strings.HasPrefix(c.After, o.Prefix):
		return fmt.Errorf("its key %q is none of the prefix %q", c.After, o.Prefix)
	}
	return nil
}

// parameters say what the backfill carries. How fast is not among them.
func (o Options) parameters() string {
	to := "open"
	if !o.Span.To.IsZero() {
		to = o.Span.To.Format(time.RFC3339)
	}
	return fmt.Sprintf("connection %s, bucket %s, prefix %q, from %s, to %s", o.Connection.Name, o.Bucket, o.Prefix, o.Span.From.Format(time.RFC3339), to)
}

// key is the checkpoint's key.
func (o Options) key() string {
	sum := sha256.Sum256([]byte(o.parameters()))
	return "backfill." + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:26])
}

// save stores how far the backfill is, if it is further than before.
func (s *saver) save(ctx context.Context, p *progress) error {
	mark, total := p.finished()
	if s.store == nil || mark == s.last.After {
		return nil
	}
	next := s.last
	next.After, next.Tally, next.Time = mark, total, time.Now().UTC()
	if err := s.store.Save(ctx, s.key, next); err != nil {
		return err
	}
	s.last = next
	return nil
}

// finish saves for the last time or, when everything is done, drops the
// checkpoint, even though ctx has ended.
func (s *saver) finish(ctx context.Context, p *progress, all bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if !all || s.store == nil {
		return s.save(ctx, p)
	}
	return s.store.Remove(ctx, s.key)
}
