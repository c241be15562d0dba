package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/stage"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

func bury(t *testing.T, b *Bus, letters ...stage.DeadLetter) {
	t.Helper()
	for _, l := range letters {
		if err := b.Graveyard().Bury(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
}

// badRecord is the letter of one record.
func badRecord(id string) stage.DeadLetter {
	return stage.DeadLetter{
		ID: id, Stage: "parser", Reason: fault.BadRecord, Error: "no", Connection: "org-trail", Destination: "sentinel",
		Table: "AWSVPCFlow", Format: "vpcflow", Object: "obj", Bucket: "logs", Key: "AWSLogs/a.gz", Part: 3, Offset: 70,
		Layout: "version account-id", ContentType: contentRecord, Body: []byte("2 x"), BodySize: 3, Time: time.Now(),
	}
}

func list(t *testing.T, b *Bus, f LetterFilter) (all []Letter) {
	t.Helper()
	if err := b.Letters(t.Context(), f, func(l Letter) error { all = append(all, l); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLettersAreListedByFilter(t *testing.T) {
	b := open(t)
	if all := list(t, b, LetterFilter{}); len(all) != 0 {
		t.Fatalf("an empty stream lists %d letters", len(all))
	}
	two := badRecord("two")
	two.Stage, two.Connection, two.Table, two.Key, two.Reason = "writer", "other", "AWSCloudTrail", "b/x", fault.RowRejected
	three := badRecord("three")
	three.Format, three.Bucket, three.Object, three.Destination = "guardduty", "elsewhere", "obj3", "files"
	bury(t, b, badRecord("one"), two, three)
	stored := list(t, b, LetterFilter{})
	f := func(filter LetterFilter, want ...string) {
		t.Helper()
		var got []string
		for _, l := range list(t, b, filter) {
			got = append(got, l.GetId())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v lists %q; want %q", filter, got, want)
		}
	}
	// oldest first
	f(LetterFilter{}, "one", "two", "three")
	f(LetterFilter{Limit: 2}, "one", "two")
	// what the subject tells
	f(LetterFilter{Stage: "writer"}, "two")
	f(LetterFilter{Connection: "org-trail"}, "one", "three")
	f(LetterFilter{Connection: "org-trail", Stage: "writer"})
	// what the letter tells
	f(LetterFilter{Table: "AWSCloudTrail"}, "two")
	f(LetterFilter{Format: "guardduty"}, "three")
	f(LetterFilter{Reason: "bad_record"}, "one", "three")
	f(LetterFilter{Bucket: "elsewhere"}, "three")
	f(LetterFilter{KeyPrefix: "AWSLogs/"}, "one", "three")
	f(LetterFilter{Object: "obj3"}, "three")
	f(LetterFilter{Destination: "files"}, "three")
	// when it was stored
	f(LetterFilter{Since: stored[1].Stored}, "two", "three")
	f(LetterFilter{Until: stored[1].Stored}, "one")
	f(LetterFilter{Since: stored[1].Stored, Until: stored[2].Stored}, "two")

	if err := b.Letters(t.Context(), LetterFilter{Stage: "a.*"}, nil); err == nil {
		t.Error("a stage that is no name is taken")
	}
	boom := errors.New("boom")
	if err := b.Letters(t.Context(), LetterFilter{}, func(Letter) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("err = %v; want that of each", err)
	}
}

// What a letter holds ends no listing.
func TestLettersThatAreBrokenAreListed(t *testing.T) {
	b := open(t)
	bury(t, b, badRecord("one"))
	for i, header := range []string{"1", "9"} { // bytes that are no letter, and another wire version
		msg := nats.NewMsg(subject(subjectDead, "parser", "org-trail", letterToken(fmt.Sprint(i))))
		msg.Header.Set(headerWire, header)
		msg.Header.Set(headerContentType, contentDead)
		msg.Data = []byte("\xff\xff")
		if _, err := b.js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	bury(t, b, badRecord("two"))
	all := list(t, b, LetterFilter{})
	if len(all) != 4 || all[0].Broken != nil || all[1].Broken == nil || all[2].Broken == nil || all[3].Broken != nil {
		t.Fatalf("letters = %+v; want the second and third broken", all)
	}
	l := all[1]
	if l.GetStage() != "parser" || l.GetConnection() != "org-trail" || l.Sequence != 2 || string(l.GetBody()) != "\xff\xff" ||
		!strings.Contains(l.Broken.Error(), l.Subject) {
		t.Errorf("broken letter = %+v", l)
	}
	if got, err := b.Letter(t.Context(), l.Token); err != nil || got.Broken == nil {
		t.Errorf("letter = %+v, %v; want a broken one", got, err)
	}
	if err := b.Dismiss(t.Context(), l); err != nil {
		t.Error(err)
	}
}

func TestLetterByTheBeginningOfItsToken(t *testing.T) {
	b := open(t)
	for i := range 40 {
		bury(t, b, badRecord(fmt.Sprint(i)))
	}
	want := list(t, b, LetterFilter{})[7]
	f := func(token, wantErr string) {
		t.Helper()
		got, err := b.Letter(t.Context(), token)
		if err == nil && wantErr == "" && got.GetId() == want.GetId() && got.Sequence == want.Sequence && got.Stored.Equal(want.Stored) {
			return
		}
		if err == nil || wantErr == "" || !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: letter %s, err = %v; want %q", token, got.GetId(), err, wantErr)
		}
	}
	f(want.Token, "")
	if at, err := b.LetterAt(t.Context(), want.Sequence); err != nil || at.GetId() != want.GetId() || at.Token != want.Token {
		t.Errorf("letter at %d = %+v, %v", want.Sequence, at, err)
	}
	f(want.Token[:8], "")
	f(strings.ToUpper(want.Token[:8]), "")
	f(want.Token[:3], "at least 4 letters")
	f("0189", "there is no dead letter 0189") // no letters of base 32
	f(strings.Repeat("1", 26), "there is no dead letter")
	f("ab*>", "cannot be part of a subject")
	// two that begin alike
	for _, last := range []string{"a", "b"} {
		msg, err := letterMsg(t.Context(), badRecord("alike"+last))
		if err != nil {
			t.Fatal(err)
		}
		msg.Subject = subject(subjectDead, "parser", "org-trail", "0000"+last)
		if _, err := b.js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	f("0000", "2 dead letters begin with 0000")
}

// A letter that is dismissed is gone, and its place is free.
func TestDismiss(t *testing.T) {
	b := open(t)
	bury(t, b, badRecord("one"), badRecord("two"))
	all := list(t, b, LetterFilter{})
	for range 2 { // the second time there is nothing to do
		if err := b.Dismiss(t.Context(), all[0]); err != nil {
			t.Fatal(err)
		}
	}
	if left := list(t, b, LetterFilter{}); len(left) != 1 || left[0].GetId() != "two" {
		t.Errorf("left = %+v; want the second", left)
	}
	if _, err := b.Letter(t.Context(), all[0].Token); err == nil {
		t.Error("a dismissed letter is found")
	}
	if _, err := b.LetterAt(t.Context(), all[0].Sequence); err == nil || !strings.Contains(err.Error(), "dismissed") {
		t.Errorf("err = %v; want that it is dismissed", err)
	}
}

// Letters that others dismiss while they are listed do not stop the listing.
func TestListingWhileOthersDismiss(t *testing.T) {
	b := open(t)
	big := badRecord("")
	big.Body = make([]byte, 900_000) // so that they do not all arrive at once
	for i := range 12 {
		big.ID = fmt.Sprint(i)
		bury(t, b, big)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*quietTime)
	defer cancel()
	seen := 0
	err := b.Letters(ctx, LetterFilter{}, func(Letter) error {
		if seen++; seen > 1 {
			return nil
		}
		stream, err := b.handle(ctx, streamDead)
		if err != nil {
			return err
		}
		return stream.Purge(ctx)
	})
	if err != nil || seen == 12 {
		t.Errorf("err = %v after %d letters; want none, and not all letters", err, seen)
	}
}

// A letter gives back what its stage had received.
func TestBatchOf(t *testing.T) {
	for _, compression := range []string{"snappy", "none"} {
		t.Run(compression, func(t *testing.T) {
			b := open(t, func(c *Config) { c.Compression = compression })
			sent := rawBatch(3, "one", "two")
			want := sent.Meta
			want.Notified = time.Time{} // a letter does not tell
			publish(t, b.PublishRaw(), sent)
			source, err := b.Raw(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			l := next(t, source).Letter()
			l.Stage, l.Reason = "parser", fault.Unsupported
			bury(t, b, l)
			letter := list(t, b, LetterFilter{})[0]
			if kind := KindOf(letter.DeadLetter); kind != LetterRecords {
				t.Errorf("kind = %s", kind)
			}
			got, err := BatchOf(letter.DeadLetter)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Release()
			if got.Meta != want {
				t.Errorf("meta = %+v; want %+v", got.Meta, want)
			}
			records, offsets, err := batch.Records(got.Record)
			if err != nil || records.Len() != 2 || string(records.Value(1)) != "two" || offsets.Value(1) != 100 {
				t.Errorf("records = %v, %v, %v", records, offsets, err)
			}
		})
	}
}

func TestBatchOfOneRecord(t *testing.T) {
	b := open(t)
	bury(t, b, badRecord("one"))
	got, err := BatchOf(list(t, b, LetterFilter{})[0].DeadLetter)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	records, offsets, err := batch.Records(got.Record)
	if err != nil || records.Len() != 1 || string(records.Value(0)) != "2 x" || offsets.Value(0) != 70 ||
		got.Meta.Layout != "version account-id" || got.Meta.Format != "vpcflow" {
		t.Errorf("batch = %+v, %v, %v, %v", got.Meta, records, offsets, err)
	}
}

func TestBodiesThatAreNotWhole(t *testing.T) {
	random := make([]byte, 2*maxLetterBody)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random) // never fails
	packed := s2.EncodeSnappy(nil, random)
	where := &logferryv1.DeadLetter{Stage: "parser", Bucket: "logs", Key: "a.gz", Part: 2, HasPart: true, Offset: -1, ContentType: contentArrow}
	f := func(body []byte, size int, encoding string, cut bool, want string) {
		t.Helper()
		l := &logferryv1.DeadLetter{Stage: where.Stage, Bucket: where.Bucket, Key: where.Key, Part: 2, HasPart: true, Offset: -1,
			ContentType: contentArrow, Body: body, BodySize: int64(size), ContentEncoding: encoding}
		_, err := BatchOf(l)
		if err == nil || errors.Is(err, ErrCut) != cut || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v; want %q, cut %v", err, want, cut)
		}
	}
	// cut: the error says where the rest lies
	f(random[:10], 11, "", true, "10 of 11 bytes; it lies in s3://logs/a.gz#2")
	if len(packed) > maxLetterBody {
		f(packed[:maxLetterBody], len(random), encodingSnappy, true, "it lies in s3://logs/a.gz#2")
	} else {
		t.Errorf("the sample packs to %d bytes", len(packed))
	}
	// whole, but not what it should be
	f(packed[:100], len(random), encodingSnappy, false, "body")
	f([]byte("x"), 1, "", false, "decode batch")
	f([]byte("x"), 1, "zstd", false, `content encoding is "zstd"`)
}

func TestOriginOf(t *testing.T) {
	f := func(l *logferryv1.DeadLetter, want string) {
		t.Helper()
		if got := OriginOf(l); got != want {
			t.Errorf("origin = %q; want %q", got, want)
		}
	}
	f(&logferryv1.DeadLetter{Bucket: "b", Key: "k", Offset: -1}, "s3://b/k")
	f(&logferryv1.DeadLetter{Bucket: "b", Key: "k", HasPart: true, Part: 4, Offset: 17}, "s3://b/k#4@17")
	f(&logferryv1.DeadLetter{Bucket: "b", Key: "k", HasPart: true, Format: "x", ContentType: contentRecord}, "s3://b/k#0@0")
	f(&logferryv1.DeadLetter{ObjectId: "o", Offset: -1}, "object o")
	f(&logferryv1.DeadLetter{Stage: "poller", Offset: -1}, "queue message")
	f(&logferryv1.DeadLetter{Stage: "writer", Offset: -1}, "unknown")
}

func TestObjectOf(t *testing.T) {
	b := open(t)
	publish(t, b.PublishObjects(), &logferryv1.Object{Id: "o1", Connection: "org-trail", Bucket: "logs", Key: "k", Region: "eu-west-1"})
	source, err := b.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := next(t, source).Letter()
	l.Stage, l.SentRecords = "fetcher", 12
	bury(t, b, l, badRecord("one"))
	all := list(t, b, LetterFilter{})
	o, err := ObjectOf(all[0].DeadLetter)
	if err != nil || o.GetId() != "o1" || o.GetRegion() != "eu-west-1" || all[0].GetSentRecords() != 12 {
		t.Errorf("object = %v, %v", o, err)
	}
	if _, err := ObjectOf(all[1].DeadLetter); err == nil {
		t.Error("a record is an object")
	}
}

// A letter is on the disk when it is buried, though the server syncs rarely: the
// files that hold it are found and synced.
func TestKeepLetters(t *testing.T) {
	b := open(t)
	if b.server.sync == 0 {
		t.Fatal("the server syncs every message")
	}
	if err := b.Graveyard().Bury(t.Context(), stage.DeadLetter{ID: "1", Stage: "parser", Connection: "org-trail", Body: []byte("record")}); err != nil {
		t.Fatal(err)
	}
	if err := b.server.keep(streamDead); err != nil {
		t.Error(err)
	}
	if err := b.server.keep("NONE"); err == nil {
		t.Error("a stream that is not there was kept")
	}
}
