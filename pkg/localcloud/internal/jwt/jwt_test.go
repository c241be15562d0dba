package jwt

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSignAndVerify(t *testing.T) {
	for _, audience := range []Audience{{"a"}, {"a", "b"}} {
		want := Claims{Issuer: "i", Subject: "s", Audience: audience, Expires: 2000, ID: "x"}
		token, err := Sign(want, []byte("key"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Verify(token, []byte("key"))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("got %v (-want +got):\n%s", err, diff)
		}
		if _, err := Verify(token, []byte("other")); err == nil {
			t.Error("got no error for the wrong key")
		}
	}
}

func TestExpired(t *testing.T) {
	f := func(now int64, want bool) {
		t.Helper()
		if got := (Claims{Expires: 2000}).Expired(time.Unix(now, 0)); got != want {
			t.Errorf("at %d: got %t; want %t", now, got, want)
		}
	}
	f(1999, false)
	f(2000, true)
}

func FuzzRead(f *testing.F) {
	f.Add("e30.eyJhdWQiOlsiYSJdfQ.x")
	f.Add("..")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := Verify(token, []byte("key")); err == nil {
			t.Errorf("%q: verified with a key it was not signed with", token)
		}
		_, _ = Read(token)
	})
}
