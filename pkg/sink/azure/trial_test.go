package azure

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/cloudtest"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
)

func newTrial(t *testing.T) (*localcloud.Cloud, connection.Destination, *Trial) {
	t.Helper()
	cloud := cloudtest.Start(t, localcloud.Options{})
	d, err := cloud.Destination("local", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	trial, err := NewTrial(d, NewCredentials(nil), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trial.Close)
	return cloud, d, trial
}

// Every answer to an empty list of rows is told with what to do.
func TestTrialPost(t *testing.T) {
	cloud, d, trial := newTrial(t)
	const table = "AWSCloudTrail"
	rule, stream := d.Tables[table].Rule, StreamName(table, connection.Rule{})
	f := func(fault inject.Fault, rule, stream string, status int, code, advice string) {
		t.Helper()
		defer cloud.Faults.Clear()
		if fault.IsError() || fault.Reset {
			cloud.Faults.Fail(inject.Match{Service: inject.Ingestion}, fault)
		}
		err := trial.Post(t.Context(), rule, stream)
		if status == http.StatusNoContent {
			if err != nil {
				t.Errorf("got %v; want none", err)
			}
			return
		}
		refused, ok := errors.AsType[*Refusal](err)
		if !ok || refused.Status != status || refused.Code != code || !strings.Contains(refused.Advice, advice) || refused.ID == "" {
			t.Errorf("got %+v; want %d %s, %q", err, status, code, advice)
		}
	}
	f(inject.Fault{}, rule, stream, http.StatusNoContent, "", "")
	f(inject.Fault{}, rule, "Custom-Other", 400, "InvalidStream", "stream's name")
	f(inject.Fault{}, "dcr-00000000000000000000000000000000", stream, 404, "NotFound", "immutable id")
	f(ingestion.Forbidden(), rule, stream, 403, "OperationFailed", "Monitoring Metrics Publisher")
	f(ingestion.Unauthorized(), rule, stream, 401, "Unauthorized", "tenant")
	f(inject.Fault{Reset: true}, rule, stream, 0, "", "")
	if got := cloud.Ingestion.Stats(table).Rows; got != 0 {
		t.Errorf("got %d rows; want none", got)
	}
}

func TestTrialToken(t *testing.T) {
	cloud, d, trial := newTrial(t)
	if err := trial.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at, err := trial.Reach(t.Context(), trial.Login()); err != nil || at.IsZero() {
		t.Errorf("login host: got %v, %v; want its time", at, err)
	}
	cloud.Faults.Fail(inject.Match{Service: inject.Entra}, inject.Fault{Status: 401, Code: "invalid_client",
		Message: "AADSTS7000222: The provided client secret keys for app are expired."})
	again, err := NewTrial(d, NewCredentials(nil), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Token(t.Context()); err == nil || !strings.Contains(AdviseToken(err), "has expired: make a new one") {
		t.Errorf("got %v; want advice about the secret", err)
	}
}
