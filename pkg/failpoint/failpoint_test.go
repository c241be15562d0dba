package failpoint_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A program that passes points a and b three times dies where it is told to,
// and only if it was built to.
func TestHit(t *testing.T) {
	dir := t.TempDir()
	build := func(name, tags string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if out, err := exec.Command("go", "build", "-tags", tags, "-o", path, "./testdata/passes").CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
		return path
	}
	plain, armed := build("plain", ""), build("armed", "failpoint")
	const clean = "exit status 0"
	f := func(program, point, told, end string) {
		t.Helper()
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), "LOGFERRY_FAILPOINT="+point)
		var out bytes.Buffer
		cmd.Stdout = &out
		_ = cmd.Run() // its state tells the end
		if out.String() != told || cmd.ProcessState.String() != end {
			t.Errorf("LOGFERRY_FAILPOINT=%s: told %q, %v; want %q, %s", point, out.String(), cmd.ProcessState, told, end)
		}
	}
	f(armed, "a", "", "signal: killed")
	f(armed, "b", "a", "signal: killed")
	f(armed, "b:1", "a", "signal: killed")
	f(armed, "a:3", "abab", "signal: killed")

	// The point is not passed so often, or not at all, or none is named.
	f(armed, "a:4", "ababab", clean)
	f(armed, "c", "ababab", clean)
	f(armed, "", "ababab", clean)

	// What cannot be read is no silent pass.
	f(armed, "a:0", "", "exit status 2")
	f(armed, "a:x", "", "exit status 2")

	// A release knows no points.
	f(plain, "a", "ababab", clean)
}
