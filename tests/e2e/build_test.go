package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bin is where TestMain puts the binaries.
var bin string

// binaries are what the stories run, by the name of the binary.
var binaries = map[string]string{
	"logferry":         "github.com/logferry/logferry/services/logferry",
	"logferry-poller":  "github.com/logferry/logferry/services/poller/cmd/logferry-poller",
	"logferry-fetcher": "github.com/logferry/logferry/services/fetcher/cmd/logferry-fetcher",
	"logferry-parser":  "github.com/logferry/logferry/services/parser/cmd/logferry-parser",
	"logferry-writer":  "github.com/logferry/logferry/services/writer/cmd/logferry-writer",
	"nats-server":      "github.com/nats-io/nats-server/v2",
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "logferry-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build builds the binaries, with the race detector when LOGFERRY_RACE is set.
func build() error {
	for name, pkg := range binaries {
		args := []string{"build", "-o", filepath.Join(bin, name)}
		if os.Getenv("LOGFERRY_RACE") != "" && name != "nats-server" {
			args = append(args, "-race")
		}
		if out, err := exec.Command("go", append(args, pkg)...).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return nil
}
