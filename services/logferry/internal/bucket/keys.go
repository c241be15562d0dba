package bucket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxMissing is how many missing objects an error names.
const maxMissing = 10

// Keys reads a list of objects, one a line, and calls f for each with what S3
// says of it now. A line is a key of the bucket, or s3://bucket/key; it is
// taken as it is, with its spaces. Empty lines and those that begin with # are
// skipped. Errors name the line. Objects that are not there are an error only
// at the end: the others are handed out before.
func (l *Lister) Keys(ctx context.Context, bucket string, list io.Reader, f func(Object) error) error {
	lines := bufio.NewScanner(list)
	var missing []error
	gone, n := 0, 0
	for lines.Scan() {
		n++
		bucket, key, err := place(bucket, lines.Text())
		if err == nil && key == "" {
			continue
		}
		if err == nil {
			err = l.key(ctx, bucket, key, f)
		}
		if err == nil {
			continue
		}
		err = fmt.Errorf("line %d: %w", n, err)
		if !errors.Is(err, errGone) {
			return err
		}
		if gone++; gone <= maxMissing {
			missing = append(missing, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: read the list of keys: %w", n+1, err)
	}
	if gone > maxMissing {
		missing = append(missing, fmt.Errorf("and %d more are not there", gone-maxMissing))
	}
	return errors.Join(missing...)
}

func (l *Lister) key(ctx context.Context, bucket, key string, f func(Object) error) error {
	if err := l.allowed(bucket); err != nil {
		return err
	}
	o, err := l.head(ctx, bucket, key)
	if err != nil {
		return err
	}
	return f(o)
}

// place reads a line. A line without an object has an empty key.
func place(bucket, line string) (string, string, error) {
	if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
		return "", "", nil
	}
	path, ok := strings.CutPrefix(line, "s3://")
	if !ok {
		return bucket, line, nil
	}
	bucket, key, _ := strings.Cut(path, "/")
	if bucket == "" || key == "" {
		return "", "", fmt.Errorf("%q names no object: want s3://bucket/key", line)
	}
	return bucket, key, nil
}
