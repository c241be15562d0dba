package story

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logferry/logferry/tests/process"
)

// binFolder is the variable of the environment in which [Main] leaves the
// folder of the binaries.
const binFolder = "LOGFERRY_STORY_BIN"

// Main builds the binaries, runs the tests and returns their exit status: the
// whole of a TestMain. With LOGFERRY_RACE in the environment the binaries have
// the race detector. tags are further build tags, such as failpoint.
func Main(m *testing.M, tags ...string) int {
	dir, err := os.MkdirTemp("", "logferry-story-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir, tags)
	}
	if err == nil {
		err = os.Setenv(binFolder, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build builds what the stories run.
func build(dir string, tags []string) error {
	flags := []string{"-tags", strings.Join(tags, ",")}
	if os.Getenv("LOGFERRY_RACE") != "" {
		flags = append(flags, "-race")
	}
	return process.Build(context.Background(), dir, process.All(), flags...)
}

// binary returns the path of a binary that [Main] has built.
func binary(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv(binFolder)
	if dir == "" {
		t.Fatalf("%s is not built: the package's TestMain must call story.Main", name)
	}
	return filepath.Join(dir, name)
}
