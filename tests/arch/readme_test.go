package arch

import (
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/app"
)

// The README names every configuration key, reason code and metric, and none
// that does not exist.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(workspace, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := Load(workspace)
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	f := func(what, heading string, pattern string, want []string) {
		t.Helper()
		section := section(readme, heading)
		var got []string
		for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]*`) ").FindAllStringSubmatch(section, -1) {
			for _, name := range regexp.MustCompile("`("+pattern+")`").FindAllStringSubmatch(m[1], -1) {
				got = append(got, name[1])
			}
		}
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%s %s is not in the README under %q: add its line", what, name, heading)
			}
		}
		for _, name := range got {
			if !slices.Contains(want, name) {
				t.Errorf("the README names %s %s under %q, which does not exist: remove it", what, name, heading)
			}
		}
	}
	f("configuration key", "## Configuration", `[a-z_.\[\]<>]+`, keys("", reflect.TypeFor[app.Config]()))
	f("reason", "## Reason codes", `[a-z_]+`, reasons(sources))
	f("metric", "## Watching it", `logferry_[a-z_]+`, metrics(sources))
}

func section(text, heading string) string {
	_, rest, _ := strings.Cut(text, "\n"+heading+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

// keys lists the keys below a struct, in the form of the README.
func keys(prefix string, t reflect.Type) []string {
	var all []string
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		key := prefix + name
		switch ft := field.Type; {
		case ft.Kind() == reflect.Struct:
			all = append(all, keys(key+".", ft)...)
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
			all = append(all, keys(key+"[].", ft.Elem())...)
		case ft.Kind() == reflect.Map:
			all = append(all, keys(key+".<table>.", ft.Elem())...)
		default:
			all = append(all, key)
		}
	}
	return all
}

// reasons are the constants of type Reason.
func reasons(sources []*Source) []string {
	var all []string
	for _, s := range sources {
		if s.Path != "pkg/fault/reason.go" {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
				if text, ok := literal(v.Values[0]); ok {
					all = append(all, text)
				}
			}
			return true
		})
	}
	return all
}

// metrics are the texts in product code that are a metric's name. A text that
// ends in an underscore is the beginning of the names that the same file gives
// to a function.
func metrics(sources []*Source) []string {
	name := regexp.MustCompile(`^logferry(_[a-z]+)+$`)
	prefix := regexp.MustCompile(`^logferry_[a-z]+_$`)
	rest := regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)
	var all []string
	for _, s := range sources {
		if s.Test() || isTestPackage(s) || s.In("tests", "pkg/localcloud") {
			continue
		}
		texts := s.texts()
		for _, text := range texts {
			switch {
			case name.MatchString(text):
				all = append(all, text)
			case prefix.MatchString(text):
				for _, arg := range s.firstArguments() {
					if rest.MatchString(arg) {
						all = append(all, text+arg)
					}
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// texts are the string literals of the file.
func (s *Source) texts() []string {
	var all []string
	ast.Inspect(s.File, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			if text, ok := literal(lit); ok {
				all = append(all, text)
			}
		}
		return true
	})
	return all
}

// firstArguments are the texts that the file calls functions with.
func (s *Source) firstArguments() []string {
	var all []string
	ast.Inspect(s.File, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
			if text, ok := literal(call.Args[0]); ok {
				all = append(all, text)
			}
		}
		return true
	})
	return all
}

// The configuration that the README shows can be run.
func TestReadmeConfiguration(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(workspace, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("README.md shows no configuration")
	}
	name := filepath.Join(t.TempDir(), "logferry.yaml")
	if err := os.WriteFile(name, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Load(name); err != nil {
		t.Errorf("the README's configuration: %v", err)
	}
}
