package story

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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

// build builds what the stories run. The NATS server is not ours, and is built
// as it is.
func build(dir string, tags []string) error {
	own := []string{"-tags", strings.Join(tags, ",")}
	if os.Getenv("LOGFERRY_RACE") != "" {
		own = append(own, "-race")
	}
	own = append(own, "github.com/logferry/logferry/services/logferry")
	for _, name := range Services() {
		service := strings.TrimPrefix(name, "logferry-")
		own = append(own, "github.com/logferry/logferry/services/"+service+"/cmd/"+name)
	}
	for _, args := range [][]string{own, {"github.com/nats-io/nats-server/v2"}} {
		args = append([]string{"build", "-o", dir + string(filepath.Separator)}, args...)
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
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
