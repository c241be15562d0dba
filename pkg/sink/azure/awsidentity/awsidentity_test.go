package awsidentity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/sink/azure"
	"github.com/logferry/logferry/pkg/sink/sinktest"
)

func start(t *testing.T) *localcloud.Cloud {
	t.Helper()
	cloud, err := localcloud.Start(context.Background(), localcloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cloud.Close)
	for _, pair := range cloud.Env() {
		key, value, _ := strings.Cut(pair, "=")
		t.Setenv(key, value)
	}
	return cloud
}

func TestToken(t *testing.T) {
	cloud := start(t)
	token, err := Token(t.Context(), cloud.Region())
	if err != nil {
		t.Fatal(err)
	}
	pieces := strings.Split(token, ".")
	if len(pieces) != 3 {
		t.Fatalf("got %q; want a JWT", token)
	}
	body, err := base64.RawURLEncoding.DecodeString(pieces[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Audience any `json:"aud"`
	}
	if err := json.Unmarshal(body, &claims); err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal(claims.Audience); !strings.Contains(string(got), audience) {
		t.Errorf("the token is for %s; want %s", got, audience)
	}
}

// Rows reach the destination with no secret but the AWS credentials.
func TestRowsWithoutASecret(t *testing.T) {
	cloud := start(t)
	d, err := cloud.Destination("local", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d.Credential.Kind, d.Credential.ClientSecretFile = connection.CredentialAWSWebIdentity, ""
	d.Credential.AWSRegion = cloud.Region()
	s, err := azure.Open(d, azure.Options{
		Calls: 1, Linger: time.Second, Credentials: azure.NewCredentials(Token), Version: "test",
		Log: slog.New(slog.DiscardHandler), Metrics: azure.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b := sinktest.Batch(t, memory.DefaultAllocator, sinktest.Tables[0], 0, 10)
	defer b.Release()
	if rejected, err := s.Write(ctx, b); err != nil || len(rejected) > 0 {
		t.Errorf("write: rejected %v, error %v; want neither", rejected, err)
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if got := cloud.Ingestion.Stats(sinktest.Tables[0]).Rows; got != 10 {
		t.Errorf("got %d rows; want 10", got)
	}
}
