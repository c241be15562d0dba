package story

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Connect opens a connection to the bus at url, until the end of the test or
// until its Conn is closed.
func Connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// working are the beginnings of the names of the streams whose deliveries are
// work.
var working = []string{"OBJECTS", "RAW", "ROWS"}

// Settled waits until nothing waits or is in work on the streams of objects,
// records and rows of the bus at url.
func (s *Story) Settled(url string) {
	s.t.Helper()
	js := Connect(s.t, url)
	defer js.Conn().Close()
	var left string
	defer func() {
		if s.t.Failed() {
			s.t.Logf("not settled: %s", left)
		}
	}()
	Eventually(s.t, time.Minute, "everything to be settled", func() bool {
		left = unsettled(s.t.Context(), js)
		return left == ""
	})
}

// unsettled says what waits or is in work; empty: nothing. A kind of stream
// without a consumer is not settled: nobody has looked at it yet.
func unsettled(ctx context.Context, js jetstream.JetStream) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	consumers := map[string]int{}
	var left []string
	streams := js.ListStreams(ctx)
	for stream := range streams.Info() {
		name := stream.Config.Name
		kind := slices.IndexFunc(working, func(begin string) bool { return strings.HasPrefix(name, begin) })
		if kind < 0 {
			continue
		}
		handle, err := js.Stream(ctx, name)
		if err != nil {
			return err.Error()
		}
		list := handle.ListConsumers(ctx)
		for c := range list.Info() {
			consumers[working[kind]]++
			if c.NumPending != 0 || c.NumAckPending != 0 {
				left = append(left, fmt.Sprintf("%s of %s: %d wait, %d in work", c.Name, name, c.NumPending, c.NumAckPending))
			}
		}
		if err := list.Err(); err != nil {
			return err.Error()
		}
	}
	if err := streams.Err(); err != nil {
		return err.Error()
	}
	for _, kind := range working {
		if consumers[kind] == 0 {
			left = append(left, "no consumer of "+kind)
		}
	}
	return strings.Join(left, "; ")
}

// Buried waits for the dead letters on the bus at url, and demands that they
// are exactly those expected, with their original bytes and an origin.
func (s *Story) Buried(url string) []*logferryv1.DeadLetter {
	s.t.Helper()
	want := 0
	for _, n := range s.Dead {
		want += n
	}
	js := Connect(s.t, url)
	defer js.Conn().Close()
	var letters []*logferryv1.DeadLetter
	Eventually(s.t, Patience, fmt.Sprintf("%d dead letters", want), func() bool {
		letters = s.letters(js)
		return len(letters) >= want
	})
	got := map[string]int{}
	for _, l := range letters {
		got[l.GetReason()]++
		if l.GetError() == "" || l.GetBodySize() == 0 || l.GetConnection() != Connection {
			s.t.Errorf("dead letter without error, body or connection: %+v", l)
		}
	}
	if !maps.Equal(got, s.Dead) {
		s.t.Errorf("dead letters by reason = %v; want %v", got, s.Dead)
		for _, l := range letters {
			s.t.Logf("%s %s s3://%s/%s: %s", l.GetStage(), l.GetReason(), l.GetBucket(), l.GetKey(), l.GetError())
		}
	}
	return letters
}

func (s *Story) letters(js jetstream.JetStream) []*logferryv1.DeadLetter {
	s.t.Helper()
	stream, err := js.Stream(s.t.Context(), "DEAD")
	if err != nil {
		s.t.Fatal(err)
	}
	state := stream.CachedInfo().State
	var letters []*logferryv1.DeadLetter
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ { // an empty stream begins at 0
		msg, err := stream.GetMsg(s.t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // dismissed
		}
		if err != nil {
			s.t.Fatal(err)
		}
		l := new(logferryv1.DeadLetter)
		if err := proto.Unmarshal(msg.Data, l); err != nil {
			s.t.Fatal(err)
		}
		letters = append(letters, l)
	}
	return letters
}

// Audited demands that an audit of the bucket, since yesterday, finds no object
// missing. It runs beside the story's processes.
func (s *Story) Audited() {
	s.t.Helper()
	from := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	p := s.Launch(nil, "logferry", "audit", "--connection", Connection, "--bucket", Bucket, "--from", from)
	if err := p.Wait(time.Minute); err != nil {
		s.t.Errorf("logferry audit ended with %v:\n%s", err, p.Output())
	}
}
