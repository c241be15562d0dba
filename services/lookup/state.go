package lookup

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logferry/logferry/pkg/bus"
)

// state is how far a reader is, as its checkpoint holds it.
type state struct {
	// Begun is when the reader first ran, in seconds since 1970.
	Begun    int64    `json:"begun"`
	Coverage coverage `json:"coverage"`
	// Chunks say where the ids of events are that may be met again.
	Chunks []chunk `json:"chunks,omitempty"`
	// Sent is how many objects were sent; it tells them apart.
	Sent   int64   `json:"sent"`
	Intent *intent `json:"intent,omitempty"`
}

// intent is an object that is being sent. It is stored before anything of it is,
// so that the same events become the same parts, whoever sends them.
type intent struct {
	// From and To are the window that is read when the object is done, Reads how
	// often; 0: it has more new events than an object may.
	From  int64 `json:"from"`
	To    int64 `json:"to"`
	Reads int   `json:"reads"`
	// Low and High are the times of the first and the last event.
	Low  int64 `json:"low"`
	High int64 `json:"high"`
	At   int64 `json:"at"` // when it was read, in milliseconds
	// IDs name the events, in the order of the records; Parts is how many of them
	// each part has; Bytes is the size of all.
	IDs   ids   `json:"ids"`
	Parts []int `json:"parts"`
	Bytes int64 `json:"bytes"`
	// Dead name the events that are kept as dead letters, beside the object.
	Dead ids `json:"dead,omitempty"`
}

func (i *intent) window() window { return window{i.From, i.To} }

// isOnePart reports whether one part holds all of the object.
func (i *intent) isOnePart() bool { return len(i.Parts) == 1 }

// ids are event ids in short: the first 64 bits of a hash of each. Two events
// within some hours have the same with a probability of 1 in 10^15.
type ids []id

type id uint64

// MarshalJSON packs ids, to 8 bytes each.
func (s ids) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 8*len(s))
	for _, v := range s {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return json.Marshal(b)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (s *ids) UnmarshalJSON(text []byte) error {
	var b []byte
	if err := json.Unmarshal(text, &b); err != nil {
		return err
	}
	if len(b)%8 != 0 {
		return fmt.Errorf("%d bytes are no list of ids", len(b))
	}
	*s = make(ids, 0, len(b)/8)
	for ; len(b) > 0; b = b[8:] {
		*s = append(*s, id(binary.LittleEndian.Uint64(b)))
	}
	return nil
}

// check says why a state cannot be one.
func (s *state) check() error {
	if s.Begun <= 0 || len(s.Coverage) == 0 {
		return errors.New("it has no beginning")
	}
	for i, span := range s.Coverage {
		if span.From > span.To || i > 0 && span.From != s.Coverage[i-1].To || span.Reads < 0 {
			return fmt.Errorf("its coverage is broken at %s", time.Unix(span.From, 0).UTC())
		}
	}
	if in := s.Intent; in != nil {
		sum := 0
		for _, n := range in.Parts {
			sum += n
		}
		if sum != len(in.IDs) {
			return fmt.Errorf("its parts have %d events and its ids are %d", sum, len(in.IDs))
		}
	}
	return nil
}

const (
	// chunkIDs is how many ids a chunk holds at most, chunkSpan how many seconds
	// of events.
	chunkIDs  = 8192
	chunkSpan = int64(6 * time.Hour / time.Second)
	// maxChunks bounds how much is remembered: more than a reader that keeps up
	// needs at the highest rate of the API.
	maxChunks = 2048
)

// chunk is a stretch of time with a list of ids, which lies under a key of its
// own. Slots are used again, so the bucket does not grow.
type chunk struct {
	Slot int   `json:"slot"`
	From int64 `json:"from"`
	To   int64 `json:"to"`
	N    int   `json:"n"`
}

// memory is what a reader remembers of events that it has sent: as long as their
// time may be read again.
type memory struct {
	store *bus.Checkpoints
	key   string
}

// list is a chunk's ids.
type list struct {
	IDs ids `json:"ids"`
}

func (m memory) slot(slot int) string { return fmt.Sprintf("%s.%d", m.key, slot) }

func (m memory) load(ctx context.Context, slot int) (ids, error) {
	var l list
	_, err := m.store.Load(ctx, m.slot(slot), &l, func() error { return nil })
	return l.IDs, err
}

// known returns the ids of the events that were sent, of a window and what lies
// around it.
func (m memory) known(ctx context.Context, chunks []chunk, w window) (map[id]struct{}, error) {
	known := map[id]struct{}{}
	for _, c := range chunks {
		if c.To <= w.from || w.to <= c.From {
			continue
		}
		has, err := m.load(ctx, c.Slot)
		if err != nil {
			return nil, err
		}
		for _, id := range has {
			known[id] = struct{}{}
		}
	}
	return known, nil
}

// add remembers ids of events of a window and returns the chunks with them. It
// may be called again with the same.
func (m memory) add(ctx context.Context, chunks []chunk, w window, added ids) ([]chunk, error) {
	chunks = slices.Clone(chunks)
	i := slices.IndexFunc(chunks, func(c chunk) bool {
		return c.N+len(added) <= chunkIDs && max(c.To, w.to)-min(c.From, w.from) <= chunkSpan
	})
	var has ids
	if i >= 0 {
		var err error
		if has, err = m.load(ctx, chunks[i].Slot); err != nil {
			return nil, err
		}
	} else {
		i = len(chunks)
		chunks = append(chunks, chunk{Slot: free(chunks), From: w.from, To: w.to})
	}
	c := &chunks[i]
	all := slices.Concat(has, added)
	slices.Sort(all)
	all = slices.Compact(all)
	c.From, c.To, c.N = min(c.From, w.from), max(c.To, w.to), len(all)
	return chunks, m.store.Save(ctx, m.slot(c.Slot), list{all})
}

// free returns the lowest slot that no chunk has.
func free(chunks []chunk) int {
	for slot := 0; ; slot++ {
		if !slices.ContainsFunc(chunks, func(c chunk) bool { return c.Slot == slot }) {
			return slot
		}
	}
}

// needed returns the chunks whose time may be read again.
func needed(chunks []chunk, c coverage, all int) []chunk {
	return slices.DeleteFunc(slices.Clone(chunks), func(k chunk) bool { return c.isRead(window{k.From, k.To}, all) })
}
