// Package dead is what people do with dead letters: list them, look into one,
// take them out, close them, or have what they hold carried after all.
//
//	DEAD ──▶ choose ──▶ list, show, export
//	            │
//	            ├─────▶ dismiss: the letter is gone
//	            └─────▶ redrive: objects, records, rows ──▶ bus ──done──▶ dismiss
package dead

import (
	"context"
	"fmt"

	"github.com/logferry/logferry/pkg/bus"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Choice says which letters are meant: those of the names, else those of the
// filter.
type Choice struct {
	// Names are tokens of letters, or the beginnings of some.
	Names  []string
	Filter bus.LetterFilter
}

// letters returns the names, places and stages of the letters that are meant,
// without what is in them, oldest first or in the order of the names, each once.
func (c Choice) letters(ctx context.Context, b *bus.Bus) ([]bus.Letter, error) {
	var chosen []bus.Letter
	known := map[uint64]bool{}
	add := func(l bus.Letter) error {
		if !known[l.Sequence] {
			known[l.Sequence] = true
			chosen = append(chosen, bus.Letter{
				DeadLetter: &logferryv1.DeadLetter{Stage: l.GetStage()},
				Token:      l.Token, Subject: l.Subject, Sequence: l.Sequence, Stored: l.Stored,
			})
		}
		return nil
	}
	if len(c.Names) == 0 {
		return chosen, b.Letters(ctx, c.Filter, add)
	}
	for _, name := range c.Names {
		l, err := b.Letter(ctx, name)
		if err != nil {
			return nil, err
		}
		_ = add(l) // never fails
	}
	return chosen, nil
}

// Dismiss removes the letters that are meant for good, and returns how many it
// has removed.
func Dismiss(ctx context.Context, b *bus.Bus, c Choice) (int, error) {
	letters, err := c.letters(ctx, b)
	if err != nil {
		return 0, err
	}
	for i, l := range letters {
		if err := b.Dismiss(ctx, l); err != nil {
			return i, err
		}
	}
	return len(letters), nil
}

// short is how much of a token people are shown.
const short = 8

// brief is a letter's token as people are shown it.
func brief(token string) string { return token[:min(short, len(token))] }

// count is a number with its noun.
func count[N int | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
