package cloud

import (
	"context"
	"errors"
	"io"
)

// Serve runs the stand-ins until stdin closes or ctx ends: for a program that
// [Start] runs. It reads its options from stdin and says Hello on stdout.
func Serve(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	return errors.New("the stand-ins of the load harness are not built yet")
}
