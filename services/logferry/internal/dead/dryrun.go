package dead

import (
	"context"
	"fmt"
	"io"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/fault"
)

// DryRun writes to w what [Redrive] would do with each letter, and does
// nothing. It returns how many letters would be refused.
func DryRun(ctx context.Context, env *app.Env, c Choice, w io.Writer) (refused int, err error) {
	letters, err := c.letters(ctx, env.Bus)
	if err != nil {
		return 0, err
	}
	r := newRedriver(env, io.Discard, len(letters))
	for _, l := range letters {
		work, err := r.plan(ctx, l)
		switch {
		case fault.IsPermanent(err):
			refused++
			fmt.Fprintf(w, "%s refused: %s\n", brief(l.Token), visible(err.Error()))
		case err != nil:
			return refused, fmt.Errorf("dead letter %s: %w", l.Token, err)
		default:
			fmt.Fprintf(w, "%s %s\n", brief(l.Token), visible(work.what))
		}
	}
	fmt.Fprintf(w, "%s, %d of them refused\n", count(len(letters), "dead letter", "dead letters"), refused)
	return refused, nil
}
