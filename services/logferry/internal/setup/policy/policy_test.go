package policy

import (
	"errors"
	"strings"
	"testing"
)

func parse(t *testing.T, text string) Document {
	t.Helper()
	d, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// Statements that mean the same are equal, however they are written.
func TestEqual(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		one, two := parse(t, `{"Statement":`+a+`}`), parse(t, `{"Statement":[`+b+`]}`)
		if got := one.Statement[0].Equal(two.Statement[0]); got != want {
			t.Errorf("%s and %s: got %t; want %t", a, b, got, want)
		}
	}
	const s = `{"Sid":"a","Effect":"Allow","Principal":{"AWS":"x"},"Action":["a:B","a:C"],"Resource":"r"}`
	f(s, `{"Resource":["r"],"Action":["a:C","a:B","a:B"],"Principal":{"AWS":["x"]},"Effect":"Allow","Sid":"other"}`, true)
	f(`{"Effect":"Allow","Principal":"*"}`, `{"Effect":"Allow","Principal":{"*":"*"}}`, true)
	f(`{"Effect":"Deny","Condition":{"Bool":{"k":true}}}`, `{"Effect":"Deny","Condition":{"Bool":{"k":["true"]}}}`, true)
	f(`{"Effect":"Deny","Condition":{"NumericLess":{"k":5}}}`, `{"Effect":"Deny","Condition":{"NumericLess":{"k":"5"}}}`, true)
	f(s, `{"Effect":"Deny","Principal":{"AWS":"x"},"Action":["a:B","a:C"],"Resource":"r"}`, false)
	f(s, `{"Effect":"Allow","Principal":{"AWS":"x"},"Action":"a:B","Resource":"r"}`, false)
	f(s, `{"Effect":"Allow","Principal":{"Service":"x"},"Action":["a:B","a:C"],"Resource":"r"}`, false)
	f(s, `{"Effect":"Allow","Principal":{"AWS":"x"},"NotAction":["a:B","a:C"],"Resource":"r"}`, false)
	f(s, `{"Effect":"Allow","Principal":{"AWS":"x"},"Action":["a:B","a:C"],"Resource":"r","Condition":{"Bool":{"k":"true"}}}`, false)
}

// What a document holds is written as it was read.
func TestParseKeeps(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := parse(t, text).String(); got != want {
			t.Errorf("got %s; want %s", got, want)
		}
	}
	f("", `{"Version":"2012-10-17","Statement":null}`)
	const one = `{"Sid":"a","Effect":"Allow","Principal":"*","NotAction":"a:B","NotResource":["r","s"],"Condition":{"Bool":{"k":"true"}}}`
	f(`{"Version":"2008-10-17","Id":"x","Statement":`+one+`}`, `{"Version":"2008-10-17","Id":"x","Statement":[`+one+`]}`)
	for _, bad := range []string{"no JSON", `{"Statement":7}`, `{"Statement":[{"Action":{}}]}`, `{"Statement":[{"Action":[[]]}]}`} {
		if _, err := Parse(bad); err == nil || !strings.Contains(err.Error(), "read policy") {
			t.Errorf("%s: got %v; want an error", bad, err)
		}
	}
}

// Others' statements stay as and where they are.
func TestMergeAndWithout(t *testing.T) {
	allow := func(sid, action string) Statement {
		return Statement{Sid: sid, Effect: "Allow", Principal: Principal{"AWS": {"x"}}, Action: Values{action}, Resource: Values{"r"}}
	}
	const own, theirs = "Logferry", "Theirs"
	f := func(have Document, wanted Statement, sids string, added, removed int) Document {
		t.Helper()
		merged, plus, minus := have.Merge(wanted)
		var got []string
		for _, s := range merged.Statement {
			got = append(got, s.Sid)
		}
		if strings.Join(got, " ") != sids || len(plus) != added || len(minus) != removed {
			t.Errorf("got statements %q, %d added, %d removed; want %q, %d, %d", got, len(plus), len(minus), sids, added, removed)
		}
		if !merged.Has(wanted) {
			t.Error("the wanted statement is not there")
		}
		return merged
	}
	have := Document{ID: "id", Statement: []Statement{allow(theirs, "a:Theirs"), allow(own, "a:Old"), allow("", "a:Last")}}
	merged := f(have, allow(own, "a:New"), "Theirs Logferry ", 1, 1)
	if merged.ID != "id" || merged.Version != Version {
		t.Errorf("got id %q and version %q; want those that were there, or ours", merged.ID, merged.Version)
	}
	f(merged, allow(own, "a:New"), "Theirs Logferry ", 0, 0)
	f(have, allow("Another", "a:Theirs"), "Theirs Logferry ", 0, 0) // theirs says so already
	f(New(), allow(own, "a:New"), own, 1, 0)

	rest, removed := merged.Without(allow(own, "a:New"))
	if len(removed) != 1 || len(rest.Statement) != 2 || rest.ID != "id" {
		t.Errorf("got %v without %v; want two statements without ours", rest, removed)
	}
	if _, removed := merged.Without(allow(theirs, "a:New"), allow(own, "a:Changed")); len(removed) != 0 {
		t.Errorf("removed %v; want nothing that is not as we made it", removed)
	}
	if have.Statement[1].Action[0] != "a:Old" {
		t.Error("the document that was given has changed")
	}
}

func TestCheckSize(t *testing.T) {
	d := New(Statement{Sid: "a", Effect: "Allow", Resource: Values{strings.Repeat("r", 100)}})
	size := len(d.String())
	if err := d.CheckSize(size); err != nil {
		t.Errorf("got %v; want that it fits", err)
	}
	if err := d.CheckSize(size - 1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v; want %v", err, ErrTooLarge)
	}
}
