package dead

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/logferry/logferry/pkg/bus"
)

// factsFile is where an export has what is known of its letters.
const factsFile = "letters.jsonl"

// isToken matches the tokens that Logferry makes: fit for the name of a file.
var isToken = regexp.MustCompile(`^[a-z2-7]{26}$`)

// Export writes the letters that are meant below the directory, which must be
// new or empty: letters.jsonl says what is known of them, a line each, and
// names the file of each one's body. It returns how many it has written.
func Export(ctx context.Context, b *bus.Bus, c Choice, dir string) (n int, err error) {
	if err := newDirectory(dir); err != nil {
		return 0, err
	}
	facts, err := create(filepath.Join(dir, factsFile))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, facts.Close()) }()
	write := func(l bus.Letter) error {
		err := exportLetter(l, dir, facts)
		if err == nil {
			n++
		}
		return err
	}
	if len(c.Names) == 0 {
		err = b.Letters(ctx, c.Filter, write)
		return n, err
	}
	letters, err := c.letters(ctx, b)
	if err != nil {
		return 0, err
	}
	for _, l := range letters {
		if l, err = b.LetterAt(ctx, l.Sequence); err == nil {
			err = write(l)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func exportLetter(l bus.Letter, dir string, facts io.Writer) error {
	body, name := bodyFile(l)
	f, err := create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the body of letter %s: %w", l.Token, err)
	}
	line := FactsOf(l)
	line.Body = name
	e := json.NewEncoder(facts)
	e.SetEscapeHTML(false)
	return e.Encode(line)
}

// bodyFile returns what a letter holds and the name of the file for it. Of an
// original that does not fit a letter it is the beginning, as it is.
func bodyFile(l bus.Letter) ([]byte, string) {
	name := l.Token
	if !isToken.MatchString(name) {
		name = fmt.Sprintf("sequence-%d", l.Sequence)
	}
	body, err := bus.BodyOf(l.DeadLetter)
	if err != nil {
		return l.GetBody(), name + ".part"
	}
	switch kind := bus.KindOf(l.DeadLetter); {
	case l.Broken != nil:
	case kind == bus.LetterObject:
		return body, name + ".object"
	case kind == bus.LetterMessage:
		return body, name + ".json"
	case kind == bus.LetterRecords && l.GetContentType() == "application/octet-stream":
		return body, name + ".record"
	case kind == bus.LetterRows, kind == bus.LetterRecords:
		return body, name + ".arrow"
	}
	return body, name + ".bin"
}

// newDirectory makes the directory. One that holds anything is refused.
func newDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("directory %s is not empty; name a new one", dir)
	}
	return nil
}

// create makes a file that is not there yet.
func create(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the file: %w", err)
	}
	return f, nil
}
