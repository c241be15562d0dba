package poller

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
)

// A message read again names the same objects as it did on the queue, or
// nothing at all.
func TestReader(t *testing.T) {
	cloud, c := startCloud(t)
	put, err := cloud.S3.PutQuietly("logs", "a b.gz", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	etag := put.ETag
	r := NewReader(&app.Env{Log: slog.New(slog.DiscardHandler), Config: app.Config{Connections: []connection.Connection{c}}})
	record := func(bucket, key, etag string) string {
		return fmt.Sprintf(`{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","awsRegion":"us-east-1","s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1,"eTag":%q}}}`, bucket, key, etag)
	}
	f := func(connection, body, wantErr string, reason fault.Reason, ids ...string) {
		t.Helper()
		objects, err := r.Objects(t.Context(), connection, []byte(body))
		var got []string
		for _, o := range objects {
			got = append(got, o.GetId())
		}
		if fmt.Sprint(got) != fmt.Sprint(ids) {
			t.Errorf("%s: objects %q; want %q", body, got, ids)
		}
		if wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr) || fault.ReasonOf(err) != reason) || wantErr == "" && err != nil {
			t.Errorf("%s: err = %v; want %q, a fault %s", body, err, wantErr, reason)
		}
	}
	// what tells the ETag, and what is looked up, is the same object
	id := batch.ObjectID("acme", "logs", "a b.gz", "", etag)
	f("acme", `{"Records":[`+record("logs", "a+b.gz", strings.Trim(etag, `"`))+`]}`, "", "", id)
	f("acme", `{"s3Bucket":"logs","s3ObjectKey":["a b.gz"]}`, "", "", id)
	// a test event names none
	f("acme", `{"Event":"s3:TestEvent","Bucket":"logs"}`, "", "")
	// all or nothing
	f("acme", `{"Records":[`+record("logs", "a+b.gz", "e")+`,`+record("other", "k", "e")+`]}`, "add it to connections[].buckets", fault.BucketNotAllowed)
	f("acme", `{"Records":[`+record("logs", "a+b.gz", "e")+`,`+record("", "k", "e")+`]}`, "cannot be used", fault.UnknownNotification)
	f("acme", `{"hello":1}`, "none of the known shapes", fault.UnknownNotification)
	f("gone", `{}`, "connection gone is not in the configuration", fault.NoConnection)
}
