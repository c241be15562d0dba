package connections

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/connection"
)

const (
	queueA = "https://sqs.eu-west-1.amazonaws.com/123456789012/a"
	queueB = "https://sqs.eu-west-1.amazonaws.com/123456789012/b"
	rule   = "dcr-0123456789abcdef0123456789abcdef"
)

var (
	files = connection.Destination{Name: "files", Directory: "rows"}
	azure = connection.Destination{
		Name: "azure", Endpoint: "https://dce-1.westeurope-1.ingest.monitor.azure.com",
		Tables: map[string]connection.Rule{"AWSCloudTrail": {Rule: rule}},
	}
	a = connection.Connection{Name: "a", QueueURL: queueA, Destination: "files"}
	b = connection.Connection{Name: "b", QueueURL: queueB, Destination: "azure", Paused: true}
)

// there is a set with two connections.
func there() connection.Set {
	return connection.Set{
		Destinations: []connection.Destination{files, azure},
		Connections:  []connection.Connection{a, b},
	}
}

// with returns the connection after a change.
func with(c connection.Connection, change func(*connection.Connection)) connection.Connection {
	change(&c)
	return c
}

// run makes an edit and returns what it did as text.
func run(e edit, s connection.Set) (connection.Set, string) {
	changes, err := e(&s)
	if err != nil {
		return s, err.Error()
	}
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	return s, strings.Join(lines, "\n")
}

func TestPut(t *testing.T) {
	f := func(add connection.Set, replace bool, want string) connection.Set {
		t.Helper()
		got, told := run(put(add, replace), there())
		if told != want {
			t.Errorf("got %q; want %q", told, want)
		}
		return got
	}
	one := func(c connection.Connection) connection.Set {
		return connection.Set{Connections: []connection.Connection{c}}
	}
	c := connection.Connection{Name: "c", QueueURL: queueA + "c", Destination: "files"}
	got := f(one(c), false, "connection c: added")
	if len(got.Connections) != 3 || !reflect.DeepEqual(got.Connections[2], c) {
		t.Errorf("got %+v", got.Connections)
	}
	// the same again is fine, another one is not
	f(one(a), false, "connection a: unchanged")
	other := with(a, func(c *connection.Connection) { c.Table = "AWSVPCFlow" })
	f(one(other), false, "connection a is there already, and is not the same; replace it with --replace, or choose another name")
	if got := f(one(other), true, "connection a: replaced"); got.Connections[0].Table != "AWSVPCFlow" {
		t.Errorf("got %+v", got.Connections)
	}
	// what is paused stays so
	if got := f(one(with(b, func(c *connection.Connection) { c.Paused, c.Table = false, "AWSCloudTrail" })), true, "connection b: replaced"); !got.Connections[1].Paused {
		t.Error("the connection has been resumed")
	}
	f(one(with(b, func(c *connection.Connection) { c.Paused = false })), false, "connection b: unchanged")
	// both kinds at once, and all refusals
	d := connection.Destination{Name: "d", Directory: "d"}
	f(connection.Set{Destinations: []connection.Destination{d}, Connections: []connection.Connection{with(c, func(c *connection.Connection) { c.Destination = "d" })}}, false,
		"destination d: added\nconnection c: added")
	f(connection.Set{
		Destinations: []connection.Destination{{Name: "files", Directory: "elsewhere"}},
		Connections:  []connection.Connection{c, c},
	}, false, "destination files is there already, and is not the same; replace it with --replace, or choose another name\nconnection c is given twice; names are unique")

	// what is wrong is told by names
	f(one(connection.Connection{Name: "c", QueueURLs: []string{queueA, "q"}, Destination: "there"}), false, strings.Join([]string{
		"connection c: queue_urls[1]: is no queue URL; write https://sqs.<region>.amazonaws.com/<account>/<queue>",
		"connection c: queue_url: is a queue of connection a too, and each message goes to one of them only; give each connection its own queue",
		"connection c: destination: names no destination; there are: files, azure",
	}, "\n"))
	f(one(connection.Connection{QueueURL: queueA + "c", Destination: "files"}), false, "connection without a name: name: is missing; give a short name")
	f(one(with(c, func(c *connection.Connection) { c.Destination, c.Table = "azure", "AWSVPCFlow" })), false,
		"connection c: table: is not taken by the destination; add destination azure.tables.AWSVPCFlow with its rule")
}

// The first destination comes before any connection.
func TestPutFirst(t *testing.T) {
	if _, told := run(put(connection.Set{Destinations: []connection.Destination{files}}, false), connection.Set{}); told != "destination files: added" {
		t.Errorf("got %q", told)
	}
}

func TestCheckChangesNothing(t *testing.T) {
	current := there()
	if err := Check(current, connection.Set{Connections: []connection.Connection{with(a, func(c *connection.Connection) { c.Ack = "stored" })}}, true); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(current, there()) {
		t.Errorf("got %+v", current)
	}
	if err := Check(current, connection.Set{Connections: []connection.Connection{{Name: "x"}}}, false); err == nil {
		t.Error("an invalid connection passes")
	}
}

func TestRemove(t *testing.T) {
	f := func(e edit, want string, left ...string) {
		t.Helper()
		got, told := run(e, there())
		if told != want {
			t.Errorf("got %q; want %q", told, want)
		}
		var names []string
		for _, c := range got.Connections {
			names = append(names, c.Name)
		}
		for _, d := range got.Destinations {
			names = append(names, d.Name)
		}
		if left != nil && !slices.Equal(names, left) {
			t.Errorf("got %q; want %q", names, left)
		}
	}
	f(remove([]string{"a"}), "connection a: removed", "b", "files", "azure")
	f(remove([]string{"b", "a", "b"}), "connection b: removed\nconnection a: removed", "files", "azure")
	f(remove([]string{"a", "x", "y"}), "there is no connection x; there are: a, b\nthere is no connection y; there are: a, b", "a", "b", "files", "azure")
	// a destination that is used stays
	f(removeDestinations([]string{"files"}), "destination files is that of the connection a; remove the connection or give it another destination first")
	f(removeDestinations([]string{"x"}), "there is no destination x; there are: files, azure")
	s := there()
	s.Connections = s.Connections[:1]
	if got, told := run(removeDestinations([]string{"azure"}), s); told != "destination azure: removed" || len(got.Destinations) != 1 {
		t.Errorf("got %q, %+v", told, got.Destinations)
	}
	if _, told := run(remove([]string{"a"}), connection.Set{}); told != "there is no connection a; there are: none" {
		t.Errorf("got %q", told)
	}
}

func TestPause(t *testing.T) {
	f := func(names []string, paused bool, want string, states ...bool) {
		t.Helper()
		got, told := run(pause(names, paused), there())
		if told != want {
			t.Errorf("got %q; want %q", told, want)
		}
		for i, c := range got.Connections {
			if c.Paused != states[i] {
				t.Errorf("%s: paused %t; want %t", c.Name, c.Paused, states[i])
			}
		}
	}
	f([]string{"a", "b"}, true, "connection a: paused\nconnection b: unchanged", true, true)
	f([]string{"a", "b"}, false, "connection a: unchanged\nconnection b: resumed", false, false)
	f([]string{"a", "c"}, true, "there is no connection c; there are: a, b", false, true)
}

func TestPick(t *testing.T) {
	f := func(names []string, want connection.Set) {
		t.Helper()
		if got, err := Pick(there(), names); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v; want %+v", names, got, err, want)
		}
	}
	f(nil, there())
	f([]string{"b"}, connection.Set{Destinations: []connection.Destination{azure}, Connections: []connection.Connection{b}})
	f([]string{"b", "a"}, connection.Set{Destinations: []connection.Destination{azure, files}, Connections: []connection.Connection{b, a}})
	if _, err := Pick(there(), []string{"x"}); err == nil {
		t.Error("an unknown name is found")
	}
	if got, err := PickDestinations(there(), nil); err != nil || len(got.Destinations) != 2 || len(got.Connections) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := PickDestinations(there(), []string{"azure"}); err != nil || !reflect.DeepEqual(got, connection.Set{Destinations: []connection.Destination{azure}}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSole(t *testing.T) {
	f := func(s connection.Set, name, want string) {
		t.Helper()
		d, err := Sole(s)
		if err == nil && want != "" || err != nil && err.Error() != want || d.Name != name {
			t.Errorf("got %q, %v; want %q, %q", d.Name, err, name, want)
		}
	}
	f(connection.Set{}, "", "there is no destination yet; add one, see logferry destination add --help")
	f(connection.Set{Destinations: []connection.Destination{files}}, "files", "")
	f(there(), "", "--destination is missing; name one of: files, azure")
}

func TestByFlags(t *testing.T) {
	problems := Problems{
		{Connection, "c", "queue_urls[1]", "is given twice; drop one"},
		{Connection, "c", "name", "is missing"},
		{Connection, "c", "session_name", "is wrong"},
		{Connection, "c", "lookup.regions[0]", "is wrong"},
		{Connection, "d", "queue_url", "is wrong"},
		{Destination, "c", "endpoint", "is wrong"},
	}
	want := "--queue-url: is given twice; drop one\nNAME: is missing\n--session-name: is wrong\n--lookup.regions: is wrong\nconnection d: queue_url: is wrong\ndestination c: endpoint: is wrong"
	if got := ByFlags(problems, Connection, "c", map[string]string{"queue_urls": "--queue-url"}); got.Error() != want {
		t.Errorf("got %q; want %q", got, want)
	}
	problems = Problems{
		{Destination, "d", "tables.AWSCloudTrail.rules[1]", "is wrong"},
		{Destination, "d", "credential.certificate_file", "is missing"},
		{Destination, "d", "credential.kind", "is wrong"},
	}
	want = "--tables AWSCloudTrail: is wrong\n--certificate-file: is missing\n--credential: is wrong"
	if got := ByFlags(problems, Destination, "d", map[string]string{"credential.kind": "--credential"}); got.Error() != want {
		t.Errorf("got %q; want %q", got, want)
	}
}
