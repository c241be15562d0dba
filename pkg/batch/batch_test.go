package batch

import (
	"regexp"
	"testing"
)

func TestObjectID(t *testing.T) {
	id := func(parts ...string) string { return ObjectID(parts[0], parts[1], parts[2], parts[3], parts[4]) }
	base := id("c", "b", "k", "", "e1")
	f := func(same bool, parts ...string) {
		t.Helper()
		if got := id(parts...); (got == base) != same {
			t.Errorf("ObjectID(%q) = %s, base %s; want the same: %v", parts, got, base, same)
		}
	}
	// whatever announced it, and however it wrote the ETag
	f(true, "c", "b", "k", "", "e1")
	f(true, "c", "b", "k", "", `"e1"`)
	f(true, "c", "b", "k", "null", "e1")
	// anything else is another object
	f(false, "d", "b", "k", "", "e1")
	f(false, "c", "x", "k", "", "e1")
	f(false, "c", "b", "kk", "", "e1")
	f(false, "c", "b", "k", "", "e2")
	f(false, "c", "b", "k", "v", "e1")
	f(false, "cb", "", "k", "", "e1")
	if !regexp.MustCompile(`^[a-z2-7]{26}$`).MatchString(base) {
		t.Errorf("id %q is no subject token", base)
	}
}

func TestMetaID(t *testing.T) {
	f := func(m Meta, want string) {
		t.Helper()
		if got := m.ID(); got != want {
			t.Errorf("ID = %q; want %q", got, want)
		}
	}
	f(Meta{Object: "o"}, "o.0")
	f(Meta{Object: "o", Part: 12}, "o.12")
	f(Meta{Object: "o", Part: 12, Attempt: 2}, "o.12@2")
}
