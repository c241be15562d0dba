package dead

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/stage"
)

// one buries a letter and returns it as it lies.
func one(t *testing.T, ctx context.Context, env *app.Env, w *world, l stage.DeadLetter) bus.Letter {
	t.Helper()
	w.bury(ctx, env, l)
	var last bus.Letter
	if err := env.Bus.Letters(ctx, bus.LetterFilter{}, func(l bus.Letter) error { last = l; return nil }); err != nil {
		t.Fatal(err)
	}
	return last
}

func TestList(t *testing.T) {
	w := newWorld(t)
	w.run(nil, func(ctx context.Context, env *app.Env) {
		f := func(filter bus.LetterFilter, form, wantOut, wantNotes string) {
			t.Helper()
			var out, notes strings.Builder
			if err := List(ctx, env.Bus, filter, form, &out, &notes); err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile("^"+wantOut+"$").MatchString(out.String()) || notes.String() != wantNotes {
				t.Errorf("%+v lists\n%s%s; want\n%s%s", filter, out.String(), notes.String(), wantOut, wantNotes)
			}
		}
		f(bus.LetterFilter{}, Table, "", "no dead letters\n")
		evil := objectLetter("a\x1b[2Jb", "e", 0)
		w.bury(ctx, env, recordLetter("one", "x"), recordLetter("two", "y"), evil)
		f(bus.LetterFilter{}, Table,
			`LETTER    STORED                STAGE    REASON         CONNECTION  TABLE       RECORDS  WHERE\n`+
				`(\w{8}  20\S{17}Z  parser   bad_record     acme        AWSVPCFlow  1        s3://logs/k#2@120\n){2}`+
				// what others wrote moves no cursor
				`\w{8}  20\S{17}Z  fetcher  object_denied  acme        -           -        s3://logs/a \[2Jb\n`,
			"3 dead letters: bad_record 2, object_denied 1\n")
		f(bus.LetterFilter{Limit: 1}, JSONLines,
			`{"letter":"\w{26}","sequence":1,"stored":"20[^"]+Z","id":"parser.one","stage":"parser","reason":"bad_record","error":"bad","kind":"records",`+
				`"connection":"acme","destination":"files","table":"AWSVPCFlow","format":"vpcflow","object":"o1","bucket":"logs","key":"k","part":2,"offset":120,.*}\n`,
			"1 dead letter: bad_record 1\n")
	})
}

func TestShow(t *testing.T) {
	w := newWorld(t)
	w.run(nil, func(ctx context.Context, env *app.Env) {
		f := func(l stage.DeadLetter, facts, body string) {
			t.Helper()
			var out strings.Builder
			if err := Show(one(t, ctx, env, w, l), &out); err != nil {
				t.Fatal(err)
			}
			head, tail, _ := strings.Cut(out.String(), "\n\n")
			if !regexp.MustCompile(facts).MatchString(head) || tail != body {
				t.Errorf("shows\n%s\n\n%s; want %s and\n%s", head, tail, facts, body)
			}
		}
		// a record is shown as it is, but for what moves the cursor
		f(recordLetter("a", "2 x\x1b[2J\ty"), `(?m)^offset +120$`, "2 x [2J\ty\n")
		f(recordLetter("b", "\xff"), "bad_record", "not shown: the body is no text; --body FILE writes it to a file\n")
		// many are JSON lines
		f(w.rawLetter("c", "one", "\xff"), "records +2", `{"offset":0,"record":"one"}`+"\n"+`{"offset":100,"bytes":"/w=="}`+"\n")
		f(w.rowsLetter("d", flow("10.0.0.1")), "kind +rows",
			`{"TimeGenerated":"2023-11-14T22:13:20Z","Version":2,"AccountId":"123456789012","InterfaceId":"eni-1",`+
				`"SrcAddr":"10.0.0.1","DstAddr":"10.9.9.9","SrcPort":1,"DstPort":2,"Protocol":6,"Packets":1,"Bytes":1,`+
				`"End":"2023-11-14T22:14:20Z","Action":"ACCEPT","LogStatus":"OK","Start":"2023-11-14T22:13:20Z"}`+"\n")
		f(messageLetter("e"), "kind +message", `{"Records":[]}`+"\n")
		f(objectLetter("k", "e", 7), `(?m)^sent records +7$`, `object {"region":"us-east-1"}`+"\n")
		cut := recordLetter("f", "abc")
		cut.BodySize = 9
		f(cut, "body +9 bytes", "not shown: the letter holds only the beginning of the original, 3 of 9 bytes; it lies in s3://logs/k#2@120\n")
	})
}

// An export holds what the letters hold, and never writes over anything.
func TestExport(t *testing.T) {
	w := newWorld(t)
	w.run(nil, func(ctx context.Context, env *app.Env) {
		cut := recordLetter("cut", "abc")
		cut.BodySize = 9
		raw := w.rawLetter("raw", "one")
		letters := []stage.DeadLetter{recordLetter("one", "x"), raw, messageLetter("m"), objectLetter("k", "e", 0), cut}
		w.bury(ctx, env, letters...)
		dir := filepath.Join(t.TempDir(), "new", "out")
		if n, err := Export(ctx, env.Bus, Choice{}, dir); n != len(letters) || err != nil {
			t.Fatalf("%d letters, %v; want %d", n, err, len(letters))
		}
		text, err := os.ReadFile(filepath.Join(dir, factsFile))
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
		for i, ext := range []string{".record", ".arrow", ".json", ".object", ".part"} {
			var f Facts
			if err := json.Unmarshal(lines[i], &f); err != nil {
				t.Fatal(err)
			}
			body, err := os.ReadFile(filepath.Join(dir, f.Body))
			if err != nil || f.ID != letters[i].ID || f.Body != f.Letter+ext || !bytes.Equal(body, letters[i].Body) {
				t.Errorf("letter %s: %q in %s, %v; want %q", f.ID, body, f.Body, err, letters[i].Body)
			}
		}
		if _, err := Export(ctx, env.Bus, Choice{}, dir); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("err = %v; want that the directory is not empty", err)
		}
	})
}

func TestDismiss(t *testing.T) {
	w := newWorld(t)
	w.run(nil, func(ctx context.Context, env *app.Env) {
		w.bury(ctx, env, recordLetter("one", "x"), recordLetter("two", "y"), messageLetter("m"))
		first := one(t, ctx, env, w, recordLetter("three", "z"))
		f := func(c Choice, want, left int, wantErr string) {
			t.Helper()
			n, err := Dismiss(ctx, env.Bus, c)
			if n != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
				t.Errorf("%+v dismisses %d, %v; want %d, %q", c, n, err, want, wantErr)
			}
			if all := w.left(ctx, env); len(all) != left {
				t.Errorf("%q are left; want %d", all, left)
			}
		}
		// a name that is wrong dismisses nothing
		f(Choice{Names: []string{first.Token, "0123"}}, 0, 4, "there is no dead letter 0123")
		// twice the same is one
		f(Choice{Names: []string{first.Token[:10], first.Token}}, 1, 3, "")
		f(Choice{Filter: bus.LetterFilter{Reason: "bad_record"}}, 2, 1, "")
		f(Choice{}, 1, 0, "")
	})
}
