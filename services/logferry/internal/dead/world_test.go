package dead

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/protobuf/proto"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/cloudtest"
	"github.com/logferry/logferry/pkg/stage"
	"github.com/logferry/logferry/pkg/table"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
	"github.com/logferry/logferry/services/fetcher"
	"github.com/logferry/logferry/services/parser"
	"github.com/logferry/logferry/services/writer"
)

// Flow logs: a line for each address.
const header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"

func flow(address string) string {
	return "2 123456789012 eni-1 " + address + " 10.9.9.9 1 2 6 1 1 1700000000 1700000060 ACCEPT OK"
}

func flows(addresses ...string) []byte {
	lines := []string{header}
	for _, a := range addresses {
		lines = append(lines, flow(a))
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// world is a bus, a bucket, and a directory where rows end.
type world struct {
	t     *testing.T
	cloud *localcloud.Cloud
	cfg   app.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cloud := cloudtest.Start(t, localcloud.Options{RequireCredentials: true})
	dir := t.TempDir()
	url, err := cloud.Feed("logs", "feed")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, cloud: cloud, cfg: app.DefaultConfig()}
	w.cfg.Bus.Store = filepath.Join(dir, "bus")
	w.cfg.Writer.Linger = 10 * time.Millisecond
	w.cfg.Destinations = []connection.Destination{{Name: "files", Directory: filepath.Join(dir, "rows"), Format: "jsonl"}}
	w.cfg.Connections = []connection.Connection{cloud.Connection("acme", url, "files")}
	w.cfg.Connections[0].Buckets = []string{"logs"}
	return w
}

// put puts an object into the bucket and returns its ETag.
func (w *world) put(key string, body []byte) string {
	w.t.Helper()
	o, err := w.cloud.S3.PutQuietly("logs", key, body)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Trim(o.ETag, `"`)
}

// beside runs f with the services that carry what is redriven.
func (w *world) beside(f func(context.Context, *app.Env)) {
	w.t.Helper()
	w.run([]app.Service{fetcher.Service(), parser.Service(), writer.Service()}, f)
}

func (w *world) run(services []app.Service, f func(context.Context, *app.Env)) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	err := app.Beside(ctx, w.cfg, slog.New(slog.DiscardHandler), services, func(ctx context.Context, env *app.Env) error {
		f(ctx, env)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) bury(ctx context.Context, env *app.Env, letters ...stage.DeadLetter) {
	w.t.Helper()
	for _, l := range letters {
		l.Time = time.Now()
		if l.BodySize == 0 {
			l.BodySize = int64(len(l.Body))
		}
		if err := env.Bus.Graveyard().Bury(ctx, l); err != nil {
			w.t.Fatal(err)
		}
	}
}

// left returns the reasons of the letters that are there, in order.
func (w *world) left(ctx context.Context, env *app.Env) []string {
	w.t.Helper()
	var out strings.Builder
	if err := List(ctx, env.Bus, Choice{}.Filter, JSONLines, &out, new(strings.Builder)); err != nil {
		w.t.Fatal(err)
	}
	reasons := []string{}
	for line := range strings.Lines(out.String()) {
		var f Facts
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			w.t.Fatal(err)
		}
		reasons = append(reasons, f.Reason)
	}
	return reasons
}

// rows returns the addresses of the rows that have arrived, sorted.
func (w *world) rows() []string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.cfg.Destinations[0].Directory, "*", "*.jsonl"))
	if err != nil {
		w.t.Fatal(err)
	}
	addresses := []string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var row struct{ SrcAddr string }
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				w.t.Fatal(err)
			}
			addresses = append(addresses, row.SrcAddr)
		}
	}
	slices.Sort(addresses)
	return addresses
}

// The letters of every stage.

func objectLetter(key, etag string, sent int64) stage.DeadLetter {
	body, err := proto.Marshal(&logferryv1.Object{Id: "o-" + key, Connection: "acme", Bucket: "logs", Key: key, Etag: etag, Region: "us-east-1"})
	if err != nil {
		panic(err)
	}
	return stage.DeadLetter{
		ID: "fetcher." + key, Stage: "fetcher", Reason: fault.ObjectDenied, Error: "denied", Connection: "acme", Object: "o-" + key,
		Bucket: "logs", Key: key, ETag: etag, Part: -1, Offset: -1, SentRecords: sent,
		ContentType: `application/x-protobuf; messageType="logferry.v1.Object"`, Body: body,
	}
}

func recordLetter(id, record string) stage.DeadLetter {
	return stage.DeadLetter{
		ID: "parser." + id, Stage: "parser", Reason: fault.BadRecord, Error: "bad", Connection: "acme", Destination: "files",
		Table: "AWSVPCFlow", Format: "vpcflow", Layout: header, Object: "o1", Bucket: "logs", Key: "k", Part: 2, Offset: 120, Records: 1,
		ContentType: "application/octet-stream", Body: []byte(record),
	}
}

func (w *world) rawLetter(id string, records ...string) stage.DeadLetter {
	var raw batch.Raw
	for i, r := range records {
		raw.Append([]byte(r), int64(100*i))
	}
	l := recordLetter(id, "")
	l.Reason, l.Offset, l.Records = fault.Unsupported, -1, int64(len(records))
	l.ContentType, l.Body = arrowStream, w.encode(raw.Take())
	return l
}

func (w *world) rowsLetter(id string, records ...string) stage.DeadLetter {
	w.t.Helper()
	f, _ := all.Formats().Named("vpcflow")
	parse, err := f.Parser(header)
	if err != nil {
		w.t.Fatal(err)
	}
	rows := table.NewRows(f.Schema())
	for _, r := range records {
		if err := parse.Row([]byte(r), rows); err != nil {
			w.t.Fatal(err)
		}
	}
	record, _ := rows.Take()
	l := recordLetter(id, "")
	l.Stage, l.Reason, l.Offset, l.Records = "writer", fault.RowRejected, -1, int64(len(records))
	l.ContentType, l.Body = arrowStream, w.encode(record)
	return l
}

const arrowStream = "application/vnd.apache.arrow.stream"

func (w *world) encode(record arrow.Record) []byte {
	w.t.Helper()
	defer record.Release()
	body, err := batch.Encode(record)
	if err != nil {
		w.t.Fatal(err)
	}
	return body
}

func messageLetter(id string, objects ...[3]string) stage.DeadLetter {
	var records []string
	for _, o := range objects {
		records = append(records, fmt.Sprintf(`{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","awsRegion":"us-east-1",`+
			`"s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1,"eTag":%q}}}`, o[0], o[1], o[2]))
	}
	return stage.DeadLetter{
		ID: "poller." + id, Stage: "poller", Reason: fault.BucketNotAllowed, Error: "not allowed", Connection: "acme", Destination: "files",
		Part: -1, Offset: -1, ContentType: "application/json", Body: []byte(`{"Records":[` + strings.Join(records, ",") + `]}`),
	}
}
