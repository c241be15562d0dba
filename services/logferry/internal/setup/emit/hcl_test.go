package emit

import (
	"strings"
	"testing"
)

// Each body as terraform fmt leaves it.
func TestHCL(t *testing.T) {
	f := func(body object, want ...string) {
		t.Helper()
		w := &writer{text: escaped}
		w.body(body, 0, name)
		if got := strings.TrimSuffix(w.String(), "\n"); got != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	}
	f(nil, "")
	f(object{{"a", "b"}}, `a = "b"`)
	// values stand below each other, up to one of several lines
	f(object{{"a", 1}, {"long", true}, {"o", object{{"x", "y"}}}, {"b", raw("r.s")}},
		"a    = 1", "long = true", "o = {", `  x = "y"`, "}", "b = r.s")
	// blocks have an empty line before them
	f(object{{"a", int64(1)}, {"b", block{{"c", "d"}}}, {"e", block{}}},
		"a = 1", "", "b {", `  c = "d"`, "}", "", "e {", "}")
	// lists and calls
	f(object{{"a", []any{}}, {"b", []any{"c", "d"}}}, "a = []", `b = ["c", "d"]`)
	f(object{{"a", []any{object{{"b", 1}}, object{}}}}, "a = [", "  {", "    b = 1", "  },", "  {}", "]")
	f(object{{"p", call{"jsonencode", object{{"aws:x", 1}, {"y", 2}}}}}, "p = jsonencode({", `  "aws:x" = 1`, "  y       = 2", "})")
	// texts
	f(object{{"a", "say \"%{ if }\"\\\n"}}, `a = "say \"%%{ if }\"\\\n"`)
}
