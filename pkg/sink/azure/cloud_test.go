package azure

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/sink/sinktest"
)

// local starts the stand-ins of Entra and the ingestion endpoint, over TLS,
// and returns them with a destination that posts to them.
func local(t testing.TB, o localcloud.Options) (*localcloud.Cloud, connection.Destination) {
	t.Helper()
	cloud, err := localcloud.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cloud.Close)
	d, err := cloud.Destination("local", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return cloud, d
}

func openLocal(t testing.TB, d connection.Destination, o Options) *Sink {
	t.Helper()
	s, err := Open(d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, func(t *testing.T) sinktest.Fixture {
		cloud, d := local(t, localcloud.Options{})
		return sinktest.Fixture{
			Sink: openLocal(t, d, testOptions()),
			Rows: func(_ *testing.T, table string) (rows []string) {
				for _, row := range cloud.Ingestion.Rows(table) {
					rows = append(rows, string(row))
				}
				return rows
			},
			Break: func(*testing.T) func() {
				fault := cloud.Faults.Fail(inject.Match{Service: inject.Ingestion}, inject.Fault{Status: 503, Code: "ServiceUnavailable"})
				return fault.Stop
			},
		}
	})
}

func writeLocal(t testing.TB, s *Sink, from, n int) {
	t.Helper()
	b := sinktest.Batch(t, memory.DefaultAllocator, sinktest.Tables[0], from, n)
	defer b.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if rejected, err := s.Write(ctx, b); err != nil || len(rejected) > 0 {
		t.Errorf("write: rejected %v, error %v; want neither", rejected, err)
	}
}

// A token that is revoked is replaced at once, without a person.
func TestRevokedToken(t *testing.T) {
	t.Parallel()
	cloud, d := local(t, localcloud.Options{})
	s := openLocal(t, d, testOptions())
	writeLocal(t, s, 0, 10)
	cloud.Entra.Revoke()
	writeLocal(t, s, 10, 10)
	if got := cloud.Ingestion.Stats(sinktest.Tables[0]).Rows; got != 20 {
		t.Errorf("got %d rows; want 20", got)
	}
}

// A login host that fails is a trouble that passes.
func TestTokenFailure(t *testing.T) {
	t.Parallel()
	cloud, d := local(t, localcloud.Options{})
	cloud.Faults.Fail(inject.Match{Service: inject.Entra}, inject.Fault{Times: 1, Status: 400, Code: "invalid_client"})
	var out logs
	o := testOptions()
	o.Log = slog.New(slog.NewTextHandler(&out, nil))
	s := openLocal(t, d, o)
	writeLocal(t, s, 0, 10)
	if got := cloud.Ingestion.Stats(sinktest.Tables[0]).Rows; got != 10 {
		t.Errorf("got %d rows; want 10", got)
	}
	if !strings.Contains(out.String(), "outcome=no_token") || strings.Contains(out.String(), localcloud.ClientSecret) {
		t.Errorf("the log should tell of the token, and not the secret:\n%s", out.String())
	}
}

// The real answers of the stand-in, of every kind at once.
func TestFaultsOfTheService(t *testing.T) {
	t.Parallel()
	cloud, d := local(t, localcloud.Options{})
	for _, f := range []inject.Fault{
		ingestion.Throttled(time.Second), ingestion.TooLarge(), ingestion.Unauthorized(),
		{Status: 500, Code: "InternalServerError"},
	} {
		f.Times = 1
		cloud.Faults.Fail(inject.Match{Service: inject.Ingestion}, f)
	}
	o := testOptions()
	registry := prometheus.NewRegistry()
	o.Metrics = NewMetrics(registry)
	s := openLocal(t, d, o)
	writeLocal(t, s, 0, 100)
	if got := cloud.Ingestion.Stats(sinktest.Tables[0]).Rows; got != 100 {
		t.Errorf("got %d rows; want 100", got)
	}
	var outcomes []string
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "logferry_sink_calls_total" {
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if l.GetName() == "outcome" {
						outcomes = append(outcomes, l.GetValue())
					}
				}
			}
		}
	}
	slices.Sort(outcomes)
	if want := []string{"accepted", "server_error", "throttled", "too_large", "unauthorized"}; !slices.Equal(outcomes, want) {
		t.Errorf("got calls %v; want %v", outcomes, want)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}

// One credential serves all destinations of an identity.
func TestCredentialsAreShared(t *testing.T) {
	t.Parallel()
	_, d := local(t, localcloud.Options{})
	o := testOptions()
	first, second := openLocal(t, d, o), openLocal(t, d, o)
	other := d
	other.Credential.ClientID = "another"
	third := openLocal(t, other, o)
	if first.client.identity != second.client.identity || first.client.identity == third.client.identity {
		t.Error("credentials are not one for each identity")
	}
}

// The endpoint's certificate is checked.
func TestUnknownCertificate(t *testing.T) {
	t.Parallel()
	_, d := local(t, localcloud.Options{})
	d.CAFile = ""
	var out logs
	o := testOptions()
	o.Log = slog.New(slog.NewTextHandler(&out, nil))
	s := openLocal(t, d, o)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	b := sinktest.Batch(t, memory.DefaultAllocator, sinktest.Tables[0], 0, 1)
	defer b.Release()
	if _, err := s.Write(ctx, b); err == nil {
		t.Error("rows were posted to an endpoint that nobody vouches for")
	}
}
