package arch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Every rule finds a bad example, says where, and passes a good one.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	f := func(rule, path, text, want string) {
		t.Helper()
		seen[rule] = true
		got := problems(t, rule, path, text)
		if want == "" && got != "" {
			t.Errorf("%s on %s: got %s; want nothing", rule, path, got)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s on %s: got %q; want %q in it", rule, path, got, want)
		}
		if want != "" && !strings.HasPrefix(got, path+":") {
			t.Errorf("%s on %s: got %q; want it to begin with the place", rule, path, got)
		}
	}

	// Imports: only the bus speaks NATS, formats are pure, layers hold.
	f("imports", "pkg/stage/a.go", `package stage; import _ "github.com/nats-io/nats.go"`, "pkg/bus is the only importer of NATS")
	f("imports", "pkg/bus/a.go", `package bus; import _ "github.com/nats-io/nats.go"`, "")
	f("imports", "pkg/fault/a.go", `package fault; import _ "github.com/apache/arrow/go/v17/arrow"`, "depends on none")
	f("imports", "pkg/format/waf/a.go", `package waf; import _ "os"`, "bytes in, rows out")
	f("imports", "pkg/format/waf/a.go", `package waf; import _ "net/url"`, "bytes in, rows out")
	f("imports", "pkg/format/waf/a.go", `package waf; import _ "github.com/logferry/logferry/pkg/jsontext"`, "")
	f("imports", "pkg/format/waf/a_test.go", `package waf; import _ "os"`, "")
	f("imports", "pkg/format/formattest/a.go", `package formattest; import _ "os"`, "")
	f("imports", "pkg/batch/a.go", `package batch; import _ "github.com/logferry/logferry/pkg/bus"`, "no I/O")
	f("imports", "pkg/sink/x/a.go", `package x; import _ "github.com/logferry/logferry/pkg/stage"`, "its own service only")
	f("imports", "pkg/app/a.go", `package app; import _ "github.com/logferry/logferry/services/poller"`, "never the other way")
	f("imports", "services/parser/a.go", `package parser; import _ "github.com/aws/aws-sdk-go-v2/aws"`, "has no cloud")
	f("imports", "services/writer/a.go", `package writer; import _ "github.com/aws/aws-sdk-go-v2/aws"`, "has no AWS")
	f("imports", "services/poller/a.go", `package poller; import _ "github.com/logferry/logferry/services/fetcher"`, "services meet on the bus")
	f("imports", "services/poller/cmd/logferry-poller/main.go", `package main; import _ "github.com/logferry/logferry/services/poller"`, "")
	f("imports", "services/logferry/a.go", `package main; import _ "github.com/logferry/logferry/services/fetcher"`, "")

	// A format that nobody lists.
	f("formats listed", "pkg/format/waf/waf.go", "package waf\nfunc Format() int { return 0 }", "add its line there")
	f("formats listed", "pkg/format/waf/waf.go", "package waf\nfunc Other() int { return 0 }", "")

	// Comments.
	f("package doc", "pkg/a/a.go", "package a", "has no doc comment")
	f("package doc", "pkg/a/a.go", "// Package a is.\npackage a", "")
	f("exported doc", "pkg/a/a.go", "package a\nfunc B() {}", "B has no doc comment")
	f("exported doc", "pkg/a/a.go", "package a\ntype B struct{}", "B has no doc comment")
	f("exported doc", "pkg/a/a.go", "package a\nconst B = 1", "B has no doc comment")
	f("exported doc", "pkg/a/a.go", "package a\ntype b struct{}\nfunc (b) C() {}", "")
	f("exported doc", "pkg/a/a.go", "package a\n// C is.\ntype C struct{}\nfunc (*C) Error() string { return \"\" }", "")
	f("exported doc", "pkg/a/a.go", "package a\n// C is.\ntype C[T any] struct{}\nfunc (*C[T]) D() {}", "D has no doc comment")

	// Sizes: data tables do not count.
	f("function size", "pkg/a/a.go", "package a\nfunc b() {\n"+strings.Repeat("\tb()\n", 79)+"}", "has 81 lines; want at most 80")
	f("function size", "pkg/a/a.go", "package a\nfunc b() {\n"+strings.Repeat("\tb()\n", 78)+"}", "")
	f("function size", "pkg/a/a.go", "package a\nfunc b() {\n_ = []int{\n"+strings.Repeat("\t1,\n", 90)+"}\n}", "")
	f("function size", "pkg/a/a_test.go", "package a\nfunc b() {\nf := func(int) {}\n"+strings.Repeat("\tf(1)\n", 90)+"}", "")
	f("file size", "pkg/a/a.go", "package a\n"+strings.Repeat("\n", 600), "has 601 lines; want at most 600")
	f("file size", "pkg/a/a.go", "package a\nvar b = []int{\n"+strings.Repeat("\t1,\n", 700)+"}", "")
	f("gofmt", "pkg/a/a.go", "package a\nfunc  b() {}\n", "run gofmt -w pkg/a/a.go")
	f("gofmt", "pkg/a/a.go", "package a\n\nfunc b() {}\n", "")

	// Names.
	f("names", "pkg/a/a.go", "package utils", "says nothing")
	f("names", "pkg/stage/a.go", "package stage\ntype StageRunner int", "stutters")
	f("names", "pkg/stage/a.go", "package stage\ntype Stage int", "")
	f("names", "pkg/stage/a.go", "package stage\ntype workManager int", "ending Manager says nothing")

	// What is not done.
	f("go statement", "pkg/a/a.go", "package a\nfunc b() { go b() }", "bare go statement")
	f("go statement", "pkg/a/a_test.go", "package a\nfunc b() { go b() }", "")
	f("init", "pkg/a/a.go", "package a\nfunc init() {}", "func init")
	f("package variables", "pkg/a/a.go", "package a\nvar b int\nfunc c() { b = 1 }", "b is written")
	f("package variables", "pkg/a/a.go", "package a\nvar b map[int]int\nfunc c() { b[1]++ }", "b is written")
	f("package variables", "pkg/a/a.go", "package a\nvar b int\nfunc c() { b := 2; b = 1; _ = b }", "")
	f("package variables", "pkg/a/a.go", "package a\nimport \"sync\"\nvar b sync.Mutex", "holds state")
	f("process", "pkg/a/a.go", "package a\nimport \"os\"\nfunc c() { os.Exit(1) }", "os.Exit: return an error")
	f("process", "pkg/a/a.go", "package a\nimport \"log\"\nfunc c() { log.Fatalf(\"\") }", "log.Fatalf: return an error")
	f("process", "pkg/a/a.go", "package a\nimport \"flag\"", "imports flag")
	f("process", "pkg/format/formattest/a.go", "package formattest\nimport \"flag\"", "")
	f("process", "pkg/app/a.go", "package app\nimport \"os\"\nfunc c() { os.Exit(1) }", "")
	f("process", "services/logferry/main.go", "package main\nimport \"os\"\nfunc c() { os.Exit(1) }", "")
	f("waiting", "pkg/a/a_test.go", "package a\nimport \"time\"\nfunc c() { time.Sleep(1) }", "time.Sleep")
	f("waiting", "pkg/a/a.go", "package a\nimport clock \"time\"\nvar s = clock.Sleep", "time.Sleep")
	f("waiting", "pkg/a/a.go", "package a\ntype d struct{}\nfunc (d) Sleep() {}\nfunc c(time d) { time.Sleep() }", "")
	f("waiting", "pkg/a/a_test.go", "package a\nimport (\"testing/synctest\"; \"time\")\nfunc c() { synctest.Wait(); time.Sleep(1) }", "")
	f("skipped tests", "pkg/a/a_test.go", "package a\nimport \"testing\"\nfunc c(t *testing.T) { t.Skip() }", "t.Skip: start what the test needs")
	f("context", "pkg/a/a.go", "package a\nimport \"context\"\nfunc c(n int, ctx context.Context) {}", "make it the first")
	f("context", "pkg/a/a.go", "package a\nimport \"context\"\ntype c struct { ctx context.Context }", "pass it to the methods")
	f("context", "pkg/a/a_test.go", "package a\nimport (\"context\"; \"testing\")\nfunc c(t *testing.T, ctx context.Context) {}", "")
	f("errors", "pkg/a/a.go", "package a\nimport \"fmt\"\nvar err error\nvar b = fmt.Errorf(\"read x: %v\", err)", "wrap err with %w")
	f("errors", "pkg/a/a.go", "package a\nimport \"errors\"\nvar b = errors.New(\"failed to read\")", "say what was being done")
	f("errors", "pkg/a/a.go", "package a\nimport \"errors\"\nvar b = errors.New(\"no room.\")", "without a full stop")
	f("log messages", "pkg/a/a.go", "package a\nimport \"log/slog\"\nfunc c(s string) { slog.Info(s) }", "not a constant")
	f("log messages", "pkg/a/a.go", "package a\nfunc c(x struct{ Log l }, s string) { x.Log.WarnContext(nil, s) }\ntype l interface{ WarnContext(any, string) }", "not a constant")

	f("log messages", "pkg/a/a.go", "package a\nimport \"log/slog\"\nfunc c() { slog.Info(\"a, \" + \"b\") }", "")

	for _, r := range Rules() {
		if !seen[r.Name] {
			t.Errorf("rule %s has no example here", r.Name)
		}
	}
}

func problems(t *testing.T, rule, path, text string) string {
	t.Helper()
	i := slices.IndexFunc(Rules(), func(r Rule) bool { return r.Name == rule })
	if i < 0 {
		t.Fatalf("there is no rule %s", rule)
	}
	s, err := Parse(path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	found := Rules()[i].Check([]*Source{s})
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprint(found[0])
}

// A package with two doc comments does not say which holds.
func TestTwoPackageDocs(t *testing.T) {
	var files []*Source
	for _, name := range []string{"pkg/a/a.go", "pkg/a/b.go"} {
		s, err := Parse(name, []byte("// Package a is.\npackage a"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, s)
	}
	got := packageDoc(files)
	if len(got) != 1 || !strings.Contains(got[0].Text, "keep one") {
		t.Errorf("got %v; want one problem that says to keep one", got)
	}
}
