package azure

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/table"
)

// BenchmarkWrite measures what rows cost from Write to their acceptance, over
// TLS, with the server's part: it reads calls and throws them away. Parts are of
// the sizes that a large object and tiny ones give, and the service is as fast
// as it can be, or as the real one.
func BenchmarkWrite(b *testing.B) {
	f := func(name string, rows, writers int, takes time.Duration) {
		b.Run(name, func(b *testing.B) { benchmarkWrite(b, rows, writers, takes) })
	}
	f("600 rows", 600, 16, 0)
	f("600 rows, 30 ms", 600, 16, 30*time.Millisecond)
	f("3 rows", 3, 16, 0)
	f("3 rows, 256 writers", 3, 256, 0)
	f("3 rows, 256 writers, 30 ms", 3, 256, 30*time.Millisecond)
}

func benchmarkWrite(b *testing.B, rows, writers int, takes time.Duration) {
	var calls, sent atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		calls.Add(1)
		sent.Add(n)
		if takes > 0 {
			<-time.After(takes)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(server.Close)
	ca := filepath.Join(b.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		b.Fatal(err)
	}
	d := three
	d.Endpoint, d.CAFile = server.URL, ca
	o := testOptions()
	o.Calls = 4
	s, err := Open(d, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close(b.Context()) })
	part := cloudTrail(b, rows)
	b.Cleanup(part.Release)
	part.Meta.Table = "A"
	b.ReportAllocs()
	b.ResetTimer()
	began := cpu(b)
	var left atomic.Int64
	left.Store(int64(b.N))
	var all conc.WaitGroup
	for range writers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := s.Write(b.Context(), part); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	n := float64(b.N * rows)
	b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/n, "cpu-ns/row")
	b.ReportMetric(n/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(b.N)/float64(calls.Load()), "parts/call")
}

// cpu returns the time that the process has used processors for.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cloudTrail returns rows of the size and variety of CloudTrail events.
func cloudTrail(b *testing.B, n int) *batch.Batch {
	b.Helper()
	t, ok := table.Get("AWSCloudTrail")
	if !ok {
		b.Fatal("there is no table AWSCloudTrail")
	}
	var columns []table.Column
	for _, c := range t.Columns {
		if !c.System {
			columns = append(columns, c)
		}
	}
	rows := table.NewRows(table.Schema(t.Name, columns))
	for i := range n {
		for at, c := range columns {
			switch {
			case c.Type == table.DateTime:
				rows.Time(at, 1745228754000000+int64(i)*977)
			case c.Type == table.Bool:
				rows.Bool(at, i%3 == 0)
			case c.Type == table.String:
				rows.Text(at, value(c.Name, i))
			}
		}
		rows.Commit()
	}
	record, _ := rows.Take()
	return &batch.Batch{Meta: batch.Meta{Table: t.Name}, Record: record}
}

func value(column string, i int) []byte {
	switch column {
	case "AwsEventId", "AwsRequestId_", "SharedEventId":
		return fmt.Appendf(nil, "%08x-%04x-4%03x-9c1e-%012x", uint32(i*2654435761), i%65536, i%4096, i*7919)
	case "RequestParameters":
		return fmt.Appendf(nil, `{"bucketName":"logs-%d","Host":"s3.amazonaws.com","key":"AWSLogs/072643944673/%d.json.gz"}`, i%20, i)
	case "ResponseElements":
		return fmt.Appendf(nil, `{"x-amz-request-id":"%X","x-amz-expiration":"never"}`, i*104729)
	case "UserIdentityArn", "SessionIssuerArn":
		return fmt.Appendf(nil, "arn:aws:sts::072643944673:assumed-role/deploy-%d/session", i%40)
	case "SourceIpAddress":
		return fmt.Appendf(nil, "203.0.113.%d", i%250)
	case "EventName":
		return []byte([]string{"GetObject", "PutObject", "AssumeRole", "DescribeInstances"}[i%4])
	}
	return nil
}

// BenchmarkCall measures what a full call costs before the network: encoding
// the rows of a part and compressing them.
func BenchmarkCall(b *testing.B) {
	rows := cloudTrail(b, 700)
	defer rows.Release()
	var c client
	var into encoded
	var sent, size int
	b.ReportAllocs()
	for b.Loop() {
		p, err := newPart(rows.Record, into, nil)
		if err != nil {
			b.Fatal(err)
		}
		into = p.encoded
		call := runsOf([]*part{p})
		out, err := c.compress(call)
		if err != nil {
			b.Fatal(err)
		}
		sent, size = out.Len(), callSize(call)
		c.bodies.Put(out)
	}
	b.SetBytes(int64(size))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/700, "ns/row")
	b.ReportMetric(float64(size)/float64(sent), "ratio")
}
