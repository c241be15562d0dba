package fault

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the table of reasons in the documentation")

// The table of reasons stands between these lines of the README.
const (
	readme       = "../../README.md"
	reasonsBegin = "<!-- reasons: written by go test -update -->\n"
	reasonsEnd   = "<!-- end of reasons -->\n"
)

func TestDocumentation(t *testing.T) {
	body, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(body), reasonsBegin)
	old, after, ok2 := strings.Cut(rest, reasonsEnd)
	if !ok1 || !ok2 {
		t.Fatalf("README.md: want the lines %q and %q", reasonsBegin, reasonsEnd)
	}
	want := "\n" + Markdown() + "\n"
	switch {
	case old == want:
	case *update:
		if err := os.WriteFile(readme, []byte(before+reasonsBegin+want+reasonsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("README.md: the table of reasons is out of date; go test ./pkg/fault -update rewrites it")
	}
}

// Every reason is told about in full, once, and fits a line of a table.
func TestInfos(t *testing.T) {
	var seen []Reason
	for _, i := range Infos() {
		if slices.Contains(seen, i.Reason) {
			t.Errorf("%s is told about twice", i.Reason)
		}
		seen = append(seen, i.Reason)
		if !slices.Contains([]Kind{Dead, Blocked, Passing}, i.Kind) {
			t.Errorf("%s: there is no kind %q", i.Reason, i.Kind)
		}
		for _, text := range []string{i.Meaning, i.Evidence, i.Fix} {
			if text == "" || strings.ContainsAny(text, "|\n") || strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is empty, ends in a full stop, or does not fit a table", i.Reason, text)
			}
		}
		if i.Reason.Info() != i {
			t.Errorf("%s: got %+v; want %+v", i.Reason, i.Reason.Info(), i)
		}
	}
	if got := Reason("from_the_future").Info(); got.Kind != Blocked || got.Reason != "from_the_future" || got.Fix == "" {
		t.Errorf("a code that is not known: got %+v", got)
	}
}
