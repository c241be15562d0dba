//go:build guard

package guard

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/sink/azure"
)

const (
	tableName   = "AWSCloudTrail"
	destination = "sentinel"
)

// poster posts the rows to a server that takes everything and looks at nothing.
func poster(t *testing.T, record arrow.Record) func() error {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	s, err := azure.Open(connection.Destination{
		Name: destination, Endpoint: server.URL, Credential: connection.Credential{Kind: connection.CredentialNone},
		Tables: map[string]connection.Rule{tableName: {Rule: "dcr-0123456789abcdef0123456789abcdef", Stream: "Custom-Guard"}},
	}, azure.Options{
		Calls: 1, Linger: 1, Credentials: azure.NewCredentials(nil), Version: "guard",
		Log: slog.New(slog.DiscardHandler), Metrics: azure.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return func() error {
		b := &batch.Batch{Record: record, Meta: batch.Meta{Destination: destination, Table: tableName}}
		rejected, err := s.Write(t.Context(), b)
		if err == nil && len(rejected) > 0 {
			err = fmt.Errorf("%d rows rejected", len(rejected))
		}
		return err
	}
}
