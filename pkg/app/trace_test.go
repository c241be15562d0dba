package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// With an endpoint in the environment what is traced arrives there at the end.
func TestTracing(t *testing.T) {
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	paths := make(chan string, 8)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths <- r.URL.Path }))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	stop, err := startTracing(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, span := otel.Tracer("test").Start(t.Context(), "carry")
	span.End()
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(paths)
	equal(t, <-paths, "/v1/traces")
}

// Without one nothing is recorded, and the trace context travels all the same.
func TestTracingOff(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	stop, err := startTracing(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	in := propagation.MapCarrier{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	out := propagation.MapCarrier{}
	propagator := otel.GetTextMapPropagator()
	propagator.Inject(propagator.Extract(context.Background(), in), out)
	equal(t, out["traceparent"], in["traceparent"])
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
}
