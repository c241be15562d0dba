package bucket

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/cloudtest"
	announcement "github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/notification"
)

const trail = "AWSLogs/1/CloudTrail/eu-west-1/2026/11/23/"

// Versions are objects, delete markers are none, and what was written before
// the bucket kept versions has no version.
func TestVersions(t *testing.T) {
	now := day(t, "2026-11-24").Add(90 * time.Minute)
	s := shelf{versioned: true, objects: []stored{
		{trail + "a", "v2", false, now}, {trail + "a", "", false, now},
		{trail + "b", "v4", true, now}, {trail + "b", "v3", false, now},
		{trail + "c", "v5", true, now},
		{"loose", "new", false, now}, {"loose", "old", false, day(t, "2020-01-01")},
	}}
	l := s.place(t, connection.Connection{})
	keys, pages := walked(t, l, Walk{Span: span(t, "2026-11-23", "2026-11-25")})
	if want := []string{trail + "a#v2", trail + "a", trail + "b#v3", "loose#new"}; !slices.Equal(keys, want) {
		t.Errorf("got %q; want %q", keys, want)
	}
	first := Object{Bucket: "logs", Key: trail + "a", VersionID: "v2", ETag: pages[0].Objects[0].ETag, Region: "eu-west-1", Size: 7, LastModified: now}
	if got := pages[0].Objects[0]; got != first || strings.Contains(got.ETag, `"`) || got.ETag == "" {
		t.Errorf("got %+v; want %+v", got, first)
	}
	if p := pages[0]; p.Day != day(t, "2026-11-23") || p.Folder != trail || p.Mark != trail+"c" {
		t.Errorf("got folder %s, day %s, mark %s", p.Folder, p.Day, p.Mark)
	}
}

// Without the permission to list versions the latest objects are listed, if
// none of them has a version.
func TestWithoutTheRightToListVersions(t *testing.T) {
	old, now := day(t, "2026-11-23"), day(t, "2026-11-24")
	f := func(s *shelf, want string, heads int) {
		t.Helper()
		s.denied += " versions"
		l := s.place(t, connection.Connection{})
		n := 0
		err := l.Walk(t.Context(), Walk{Bucket: "logs", Span: span(t, "2026-11-23", "")}, func(p Page) error {
			n += len(p.Objects)
			return nil
		})
		if want == "" && (err != nil || n != len(s.objects)) || want != "" && (err == nil || n != 0 || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %d objects, error %v; want %q", n, err, want)
		}
		asked := slices.DeleteFunc(s.called(), func(call string) bool { return !strings.HasPrefix(call, "head") })
		if len(asked) != heads {
			t.Errorf("got calls %q; want %d", asked, heads)
		}
	}
	const grant = "grant the process's own AWS identity s3:ListBucketVersions"
	// no versions: the newest speaks for the others
	f(&shelf{objects: []stored{{trail + "a", "", false, old}, {trail + "b", "", false, now}}}, "", 1)
	f(&shelf{pageSize: 1, objects: []stored{{trail + "a", "", false, now}, {trail + "b", "", false, old}}}, "", 1)
	f(&shelf{versioned: true, objects: []stored{{trail + "a", "", false, now}}}, "", 1)
	f(&shelf{}, "", 0)
	// versions, since the beginning or since lately
	f(&shelf{versioned: true, objects: []stored{{trail + "a", "v1", false, now}}}, grant, 1)
	f(&shelf{versioned: true, objects: []stored{{trail + "a", "", false, old}, {trail + "b", "v1", false, now}}}, grant, 1)
	// the newest is gone meanwhile
	f(&shelf{vanished: trail + "b", objects: []stored{{trail + "a", "", false, old}, {trail + "b", "", false, now}}}, "", 2)
	f(&shelf{versioned: true, vanished: trail + "b", objects: []stored{{trail + "a", "v1", false, old}, {trail + "b", "", false, now}}}, grant, 2)
	// nobody may know
	f(&shelf{denied: "head", objects: []stored{{trail + "a", "", false, now}}}, "s3:GetObject", 1)
}

func TestErrorsSayWhatToDo(t *testing.T) {
	objects := []stored{{trail + "a", "", false, day(t, "2026-11-23")}}
	f := func(s *shelf, c connection.Connection, in Walk, want ...string) {
		t.Helper()
		s.objects = objects
		l := s.place(t, c)
		if in.Bucket == "" {
			in.Bucket = "logs"
		}
		n := 0
		err := l.Walk(t.Context(), in, func(p Page) error { n += len(p.Objects); return nil })
		if len(want) == 0 && (err != nil || n != 1) {
			t.Errorf("got %d objects, %v; want one", n, err)
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("got %v; want %q", err, w)
			}
		}
	}
	since := Walk{Span: span(t, "2026-11-01", "")}
	var c connection.Connection
	// the bucket
	f(&shelf{}, c, Walk{Bucket: "none", Span: since.Span}, "the bucket none does not exist", "list s3://none/")
	f(&shelf{}, connection.Connection{Buckets: []string{"other"}}, since, "connection acme does not read the bucket logs")
	f(&shelf{}, connection.Connection{Buckets: []string{"other", "logs"}}, since)
	// permissions
	f(&shelf{denied: "versions latest"}, c, since, "s3:ListBucket on the bucket logs", "s3:ListBucketVersions", "the process's own AWS identity")
	f(&shelf{pays: true}, c, since, "s3:ListBucket")
	f(&shelf{pays: true}, connection.Connection{RequesterPays: true}, since)
	f(&shelf{pays: true, denied: "versions"}, connection.Connection{RequesterPays: true}, since)
	// the role: the stand-in is no STS, and what it says is not about the bucket
	role := connection.Connection{RoleARN: "arn:aws:iam::123456789012:role/logferry"}
	f(&shelf{}, role, since, "connection acme: assume role "+role.RoleARN)
	// the region
	f(&shelf{region: "us-west-2"}, c, since)
	f(&shelf{region: "us-west-2"}, connection.Connection{Region: "eu-central-1"}, since)
	f(&shelf{region: "us-west-2", silent: true}, c, since, "the bucket logs is in another region than eu-west-1", "set region in connection acme")
	// what is asked
	f(&shelf{}, c, Walk{}, "the span has no beginning")
	f(&shelf{}, c, Walk{Span: span(t, "2026-11-02", "2026-11-01")}, "before it begins")
	f(&shelf{}, c, Walk{Prefix: "AWSLogs/", After: "other/a", Span: since.Span}, `"other/a", which is of another prefix`)
}

// The region that was learnt is that of the objects.
func TestRegionOfObjects(t *testing.T) {
	s := shelf{region: "us-west-2", objects: []stored{{trail + "a", "", false, day(t, "2026-11-23")}}}
	_, pages := walked(t, s.place(t, connection.Connection{}), Walk{Span: span(t, "2026-11-01", "")})
	if got := pages[0].Objects[0].Region; got != "us-west-2" {
		t.Errorf("got region %s; want us-west-2", got)
	}
}

func TestKeys(t *testing.T) {
	now := day(t, "2026-11-23")
	f := func(bucket, list string, want []string, problems ...string) {
		t.Helper()
		s := shelf{versioned: true, objects: []stored{{"a", "v1", false, now}, {"b c+d%20", "v2", false, now}, {"gone", "v9", true, now}, {"#x", "v3", false, now}}}
		var got []string
		err := s.place(t, connection.Connection{Buckets: []string{"logs", "more"}}).Keys(t.Context(), bucket, strings.NewReader(list), func(o Object) error {
			got = append(got, name(o.Key, o.VersionID))
			if o.Bucket != "logs" || o.ETag == "" || o.Size != 7 || o.Region != "eu-west-1" || !o.LastModified.Equal(now) {
				t.Errorf("got %+v", o)
			}
			if o.Key == "a" && bucket == "" {
				return errors.New("enough")
			}
			return nil
		})
		if !slices.Equal(got, want) || (err == nil) != (len(problems) == 0) {
			t.Errorf("%q: got %q, %v; want %q, %q", list, got, err, want, problems)
		}
		for _, p := range problems {
			if err == nil || !strings.Contains(err.Error(), p) {
				t.Errorf("%q: got %v; want %q", list, err, p)
			}
		}
	}
	f("logs", "a\r\nb c+d%20\n", []string{"a#v1", "b c+d%20#v2"})
	f("logs", "# all\n\n   \ns3://logs/a\n#x\ns3://logs/#x", []string{"a#v1", "#x#v3"})
	f("logs", "", nil)
	// what is missing does not hold up the others
	f("logs", "none\ngone\na", []string{"a#v1"}, "line 1: s3://logs/none: there is no such object", "line 2: s3://logs/gone")
	f("logs", strings.Repeat("none\n", 13), nil, "line 10:", "and 3 more")
	// anything else does
	f("logs", "a\n\ns3://logs\na", []string{"a#v1"}, `line 3: "s3://logs" names no object`)
	f("logs", "s3:///a\na", nil, "line 1:")
	f("", "\na", nil, "line 2: no bucket is named")
	f("logs", "s3://other/a\na", nil, "line 1: connection acme does not read the bucket other")
	f("logs", "a\n"+strings.Repeat("x", 70_000), []string{"a#v1"}, "line 2: read the list of keys")
	f("", "s3://logs/a\ns3://logs/a", []string{"a#v1"}, "line 1: enough")
}

const oddKey = trail + "a b+c=é::%41.json.gz"

// startCloud starts the stand-in with the bucket logs and its queue.
func startCloud(t *testing.T) (*localcloud.Cloud, connection.Connection) {
	t.Helper()
	cloud := cloudtest.Start(t, localcloud.Options{})
	url, err := cloud.Feed("logs", "feed")
	if err != nil {
		t.Fatal(err)
	}
	return cloud, cloud.Connection("acme", url, "sentinel")
}

// ids returns the ids of all objects of a walk, sorted.
func ids(t *testing.T, l *Lister) []string {
	t.Helper()
	var ids []string
	err := l.Walk(t.Context(), Walk{Bucket: "logs", Span: span(t, "2026-11-23", "2026-11-24")}, func(p Page) error {
		for _, o := range p.Objects {
			ids = append(ids, o.ID("acme"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

// In a bucket with versions, a walked object, a listed key and a notified object
// are the same.
func TestSameAsNotified(t *testing.T) {
	cloud, c := startCloud(t)
	if err := cloud.S3.Version("logs"); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"one", "two"} {
		if err := cloud.S3.Put("logs", oddKey, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	creds := awscred.New(slog.New(slog.DiscardHandler))
	want := notified(t, creds, c, 2)

	l := New(creds, c)
	if got := ids(t, l); !slices.Equal(got, want) {
		t.Errorf("walked %q; want %q", got, want)
	}
	err := l.Keys(t.Context(), "logs", strings.NewReader(oddKey), func(o Object) error {
		if !slices.Contains(want, o.ID("acme")) || o.Size != 3 {
			t.Errorf("listed %+v, %s; want one of %q", o, o.ID("acme"), want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// So they are in a bucket without versions, which are told apart by their ETag.
func TestSameAsNotifiedWithoutVersions(t *testing.T) {
	cloud, c := startCloud(t)
	o, err := cloud.S3.PutQuietly("logs", oddKey, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	o.Version = "" // S3 announces none
	for _, body := range []string{announcement.S3(o), announcement.EventBridge(o)} {
		if err := cloud.SQS.Send("feed", body); err != nil {
			t.Fatal(err)
		}
	}
	creds := awscred.New(slog.New(slog.DiscardHandler))
	want := slices.Compact(notified(t, creds, c, 2))
	if got := ids(t, New(creds, c)); !slices.Equal(got, want) {
		t.Errorf("walked %q; want %q", got, want)
	}
}

// The stand-in does not say where the next page of versions begins, as other
// stores may not; the walk knows.
func TestStoreThatNamesNoMarker(t *testing.T) {
	cloud, c := startCloud(t)
	for i := range 2100 {
		if _, err := cloud.S3.PutQuietly("logs", fmt.Sprintf("%s%04d", trail, i), nil); err != nil {
			t.Fatal(err)
		}
	}
	got := ids(t, New(awscred.New(slog.New(slog.DiscardHandler)), c))
	if n := len(slices.Compact(slices.Clone(got))); len(got) != 2100 || n != 2100 {
		t.Errorf("got %d objects, %d of them different; want 2100", len(got), n)
	}
}

// notified returns the ids of the first n objects that the queue announces,
// sorted.
func notified(t *testing.T, creds *awscred.Cache, c connection.Connection, n int) []string {
	t.Helper()
	cfg, err := creds.Config(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for len(ids) < n {
		out, err := awscred.SQS(cfg).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &c.QueueURL, WaitTimeSeconds: 10})
		if err != nil || len(out.Messages) == 0 {
			t.Fatalf("got %v, %v; want a message", out, err)
		}
		for _, m := range out.Messages {
			parsed, err := notification.Parse([]byte(*m.Body))
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range parsed.Objects {
				ids = append(ids, batch.ObjectID("acme", o.Bucket, o.Key, o.VersionID, o.ETag))
			}
		}
	}
	slices.Sort(ids)
	return ids
}
