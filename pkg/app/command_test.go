package app

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// A command ends with a status, and says why on stderr after its name.
func TestExecute(t *testing.T) {
	f := func(err error, status int, stderr string) {
		t.Helper()
		var out bytes.Buffer
		c := &cobra.Command{Use: "logferry-x", RunE: func(*cobra.Command, []string) error { return err }}
		c.SetArgs(nil)
		c.SetErr(&out)
		c.SetOut(&out)
		if got := Execute(c); got != status || out.String() != stderr {
			t.Errorf("%v: %d, %q; want %d, %q", err, got, out.String(), status, stderr)
		}
	}
	f(nil, StatusOK, "")
	f(errors.New("no disk"), StatusFailure, "logferry-x: no disk\n")
	f(errors.Join(errors.New("no disk"), errors.New("no bus")), StatusFailure, "logferry-x: no disk\nlogferry-x: no bus\n")
	f(Usage(errors.New("no file")), StatusUsage, "logferry-x: no file\nlogferry-x: see logferry-x --help\n")
	f(&StatusError{Status: 3, Err: errors.New("rejected")}, 3, "logferry-x: rejected\n")
}

// The log is JSON unless someone watches.
func TestLogger(t *testing.T) {
	var out bytes.Buffer
	log, err := Logger(&out, "warn")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("not shown")
	log.Warn("shown", "stage", "writer", "wait", 90*time.Second)
	if got := out.String(); !strings.Contains(got, `"msg":"shown","stage":"writer","wait":"1m30s"`) || strings.Contains(got, "not shown") {
		t.Errorf("got %q", got)
	}
	if _, err := Logger(&out, "loud"); err == nil {
		t.Error("a level that is none is accepted")
	}
}
