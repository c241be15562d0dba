package e2e

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
	"github.com/logferry/logferry/tests/story"
)

// filed gives a story destinations that are files: the first is its
// connection's. It returns where their rows are.
func filed(t *testing.T, s *story.Story, names ...string) map[string]string {
	t.Helper()
	folder, rows := t.TempDir(), map[string]string{}
	s.Config.Destinations = nil
	for _, name := range names {
		rows[name] = filepath.Join(folder, name)
		s.Config.Destinations = append(s.Config.Destinations, connection.Destination{Name: name, Directory: rows[name]})
	}
	s.Config.Connections[0].Destination = names[0]
	return rows
}

// linesIn returns the lines of all files of a destination, by table, sorted.
func linesIn(t *testing.T, folder string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		table := filepath.Base(filepath.Dir(name))
		lines[table] = append(lines[table], strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	}
	for _, l := range lines {
		slices.Sort(l)
	}
	return lines
}

// same demands that two destinations have the same rows, byte for byte.
func same(t *testing.T, want, got map[string][]string) {
	t.Helper()
	for _, table := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(want[table], got[table]) {
			t.Errorf("%s: the replay wrote %d rows, which are not the %d of the first pass", table, len(got[table]), len(want[table]))
		}
	}
	if len(got) != len(want) {
		t.Errorf("rows of %d tables; want %d", len(got), len(want))
	}
}

// replays runs a replay and demands its exit status.
func replays(t *testing.T, s *story.Story, status int, args ...string) (output string) {
	t.Helper()
	p := s.Launch(nil, "logferry", append([]string{"replay", "--since", "1h"}, args...)...)
	err, got := p.Wait(story.Patience), 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	}
	if got != status {
		t.Fatalf("replay %v: %v; want status %d", args, err, status)
	}
	return p.Output()
}

// What was carried is written again as it was, from its rows and from its
// records, and nothing is buried twice.
func TestReplay(t *testing.T) {
	s := story.New(t)
	rows := filed(t, s, "files", "from-rows", "from-raw", "flows")
	s.Config.Bus.URL = story.StartBus(t).URL
	s.Mixed()
	s.UntilIdle()
	s.Buried(s.Config.Bus.URL)
	first := linesIn(t, rows["files"])
	for table, want := range s.Rows {
		if got := int64(len(first[table])); got != want {
			t.Fatalf("%s: %d rows in the first pass; want %d", table, got, want)
		}
	}

	if out := replays(t, s, 0, "--from", "rows", "--to", "from-rows", "--dry-run"); !strings.Contains(out, "AWSVPCFlow") {
		t.Errorf("the dry run says\n%s", out)
	}
	if _, err := os.Stat(rows["from-rows"]); err == nil {
		if len(linesIn(t, rows["from-rows"])) != 0 {
			t.Error("the dry run has written rows")
		}
	}
	replays(t, s, 0, "--from", "rows", "--to", "from-rows")
	same(t, first, linesIn(t, rows["from-rows"]))
	replays(t, s, 3, "--from", "raw", "--to", "from-raw") // the records that cannot be read
	same(t, first, linesIn(t, rows["from-raw"]))
	replays(t, s, 0, "--from", "raw", "--to", "flows", "--table", "AWSVPCFlow", "--output", "json")
	same(t, map[string][]string{"AWSVPCFlow": first["AWSVPCFlow"]}, linesIn(t, rows["flows"]))
	same(t, first, linesIn(t, rows["files"])) // untouched
	s.Buried(s.Config.Bus.URL)
}

// Without another destination rows go once more to where they went, through the
// same calls.
func TestReplayToLogAnalytics(t *testing.T) {
	s := story.New(t)
	for i := range 12 {
		s.Announce(i, s.Put(s.Object(i)))
	}
	s.UntilIdle()
	s.Delivered()
	replays(t, s, 0, "--from", "raw") // on the bus that nobody uses any more
	for table, want := range s.Rows {
		if got := s.Cloud.Ingestion.Stats(table); got.Rows != 2*want || got.Duplicates != want || got.Refused != 0 {
			t.Errorf("%s: %+v; want %d rows, each twice", table, got, want)
		}
	}
}

// A replay that is killed goes on where it was: no row is lost, none is
// written twice. It is killed while all that it has in work waits for its
// turn: what a death between a row and its account costs is another story.
func TestReplayIsKilled(t *testing.T) {
	s := story.New(t)
	rows := filed(t, s, "files", "rows", "raw")
	s.Config.Bus.URL = story.StartBus(t).URL
	for range 6 {
		s.Send(notification.S3(s.Put(s.Logs.VPCFlow(2000))))
	}
	s.UntilIdle()
	first := linesIn(t, rows["files"])

	kill := func(source string) {
		t.Helper()
		accounts := story.Connect(t, s.Config.Bus.URL).Conn()
		defer accounts.Close()
		events := make(chan *nats.Msg, 1000)
		_, err := accounts.ChanSubscribe("logferry.ledger.*.*.*", events)
		if err == nil {
			err = accounts.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		p := s.Launch(nil, "logferry", "replay", "--since", "1h", "--rate", "1000", "--from", source, "--to", source)
		for n := 0; n < 3; {
			if e := nextEvent(t, events); strings.HasPrefix(e.Subject, "logferry.ledger.replay~") && delivered(t, e) >= 500 {
				n++ // the next rows may be written half a second later
			}
		}
		p.Kill()
		if got := len(linesIn(t, rows[source])["AWSVPCFlow"]); got == 0 || got >= len(first["AWSVPCFlow"]) {
			t.Fatalf("%d rows when the replay was killed; want some of %d", got, len(first["AWSVPCFlow"]))
		}
	}
	kill("rows")
	kill("raw")
	for _, source := range []string{"rows", "raw"} {
		if out := replays(t, s, 0, "--from", source, "--to", source); !strings.Contains(out, "replay: going on with what was begun at ") {
			t.Errorf("the second run does not say that it goes on:\n%s", out)
		}
		same(t, first, linesIn(t, rows[source]))
	}
}

func nextEvent(t *testing.T, events <-chan *nats.Msg) *nats.Msg {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(story.Patience):
		t.Fatal("the replay enters nothing in its account")
		return nil
	}
}

// delivered returns how many rows of a part an event says were delivered.
func delivered(t *testing.T, msg *nats.Msg) uint64 {
	t.Helper()
	var e logferryv1.LedgerEvent
	if err := proto.Unmarshal(msg.Data, &e); err != nil {
		t.Fatal(err)
	}
	return e.GetPart().GetDelivered()
}
