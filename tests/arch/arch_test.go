package arch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const workspace = "../.."

func TestHouseRules(t *testing.T) {
	sources, err := Load(workspace)
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 20 {
		t.Fatalf("found %d Go files below %s; want the whole workspace", len(sources), workspace)
	}
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) { report(t, r, r.Check(sources)) })
	}
}

func report(t *testing.T, r Rule, problems []Problem) {
	t.Helper()
	if len(problems) == 0 {
		return
	}
	var text strings.Builder
	for _, p := range problems {
		text.WriteString("\n\t" + p.String())
	}
	t.Errorf("%s (%d places):%s", r.Why, len(problems), text.String())
}

// What a service may not contain, directly or through others.
func TestDependencies(t *testing.T) {
	f := func(service string, why string, forbidden ...string) {
		t.Helper()
		for _, dep := range dependencies(t, service) {
			if hasPrefix(dep, forbidden) {
				t.Errorf("services/%s depends on %s: %s (go mod why or go list -deps shows the way)", service, dep, why)
			}
		}
	}
	f("parser", "the parser has no cloud, so that it can run anywhere and fast", awsModule, azureModule, "cloud.google.com")
	f("writer", "the writer holds Azure credentials only", awsModule)
	f("poller", "the poller holds AWS credentials only", azureModule)
	f("lookup", "the lookup holds AWS credentials only", azureModule)
	f("fetcher", "the fetcher holds AWS credentials only", azureModule)

	// The stand-ins of the clouds are for the demo and the tests.
	for _, service := range []string{"parser", "writer", "poller", "lookup", "fetcher"} {
		f(service, "the stand-ins are for demo and tests", own("pkg/localcloud"), "github.com/johannesboyne/gofakes3")
	}
}

func dependencies(t *testing.T, service string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", "./...")
	cmd.Dir = filepath.Join(workspace, "services", service)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list services/%s: %v\n%s", service, err, stderr.Bytes())
	}
	return strings.Fields(string(out))
}

// Files of the repository speak of no machine they were written on.
func TestNoMachinePaths(t *testing.T) {
	places := []string{"/wor" + "k/", "/root" + "/", "/home" + "/"}
	for _, name := range tracked(t) {
		text, err := os.ReadFile(filepath.Join(workspace, name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			for _, p := range places {
				if bytes.Contains(line, []byte(p)) && !bytes.Contains(line, []byte("http")) {
					t.Errorf("%s:%d: names the path %s of a machine: say it relative to the repository", name, i+1, p)
				}
			}
		}
	}
}

// tracked lists the files of the repository.
func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = workspace
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
}
