package onaws

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// guard is a stand-in of GuardDuty in one region, which moto has no publishing
// of: one detector, one publishing destination.
type guard struct {
	detector, destination map[string]any
}

// ServeHTTP speaks the REST protocol of GuardDuty.
// Source: https://docs.aws.amazon.com/guardduty/latest/APIReference/API_Operations.html
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if r.ContentLength > 0 {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	var answer any = map[string]any{}
	switch r.Method + " " + strings.Trim(r.URL.Path, "/") {
	case "GET detector":
		ids := []string{}
		if g.detector != nil {
			ids = append(ids, "d1")
		}
		answer = map[string]any{"detectorIds": ids}
	case "POST detector":
		if g.detector != nil { // there is one for each region
			g.refuse(w, "a detector already exists for the current account")
			return
		}
		g.detector = map[string]any{"status": "ENABLED", "serviceRole": "r", "findingPublishingFrequency": body["findingPublishingFrequency"], "tags": body["tags"]}
		answer = map[string]any{"detectorId": "d1"}
	case "GET detector/d1":
		answer = g.detector
	case "POST detector/d1":
		g.detector["status"], g.detector["findingPublishingFrequency"] = "ENABLED", body["findingPublishingFrequency"]
	case "DELETE detector/d1":
		g.detector = nil
	case "GET detector/d1/publishingDestination":
		all := []any{}
		if g.destination != nil {
			all = append(all, map[string]any{"destinationId": "p1", "destinationType": "S3", "status": "PUBLISHING"})
		}
		answer = map[string]any{"destinations": all}
	case "POST detector/d1/publishingDestination":
		if to := body["destinationProperties"].(map[string]any); to["kmsKeyArn"] == "" {
			g.refuse(w, "the destination needs a key")
			return
		}
		g.destination = map[string]any{"destinationProperties": body["destinationProperties"], "tags": body["tags"]}
		answer = map[string]any{"destinationId": "p1"}
	case "GET detector/d1/publishingDestination/p1":
		answer = map[string]any{
			"destinationId": "p1", "destinationType": "S3", "status": "PUBLISHING", "publishingFailureStartTimestamp": 0,
			"destinationProperties": g.destination["destinationProperties"], "tags": g.destination["tags"],
		}
	case "POST detector/d1/publishingDestination/p1":
		g.destination["destinationProperties"] = body["destinationProperties"]
	case "DELETE detector/d1/publishingDestination/p1":
		g.destination = nil
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone fails its test
}

func (g *guard) refuse(w http.ResponseWriter, why string) {
	w.Header().Set("X-Amzn-Errortype", "BadRequestException")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": why})
}

const guardKey = "arn:aws:kms:eu-west-1:123456789012:key/1"

// resources returns what publishes from the stand-in.
func (g *guard) resources(t *testing.T, o Options) []setup.Resource {
	t.Helper()
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	e := engine{
		Blueprint: Blueprint{Setup: "logferry-guardduty", Partition: "aws", Account: "123456789012", Region: "eu-west-1", Key: &Key{ARN: guardKey}},
		clients: Clients{Config: aws.Config{
			Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		}},
		options: o,
	}
	d := Detector{Region: "eu-west-1", Frequency: "FIFTEEN_MINUTES", Destination: "arn:aws:s3:::logs"}
	return []setup.Resource{e.detector(d), e.publishing(d)}
}

func actionsOf(changes []setup.Change) string {
	var words []string
	for _, c := range changes {
		words = append(words, string(c.Action))
	}
	return strings.Join(words, " ")
}

func run(t *testing.T, do func(context.Context, func(setup.Change)) error) string {
	t.Helper()
	var done []setup.Change
	if err := do(t.Context(), func(c setup.Change) { done = append(done, c) }); err != nil {
		t.Fatal(err)
	}
	return actionsOf(done)
}

func TestGuardDutyPublishingOnAStandIn(t *testing.T) {
	f := func(g *guard, plan, again, destroy string) {
		t.Helper()
		all := g.resources(t, Options{})
		planned, err := setup.Plan(t.Context(), all)
		if err != nil || actionsOf(planned) != plan {
			t.Errorf("plan: got %s, %v; want %s", actionsOf(planned), err, plan)
		}
		apply := func(ctx context.Context, tell func(setup.Change)) error { return setup.Apply(ctx, all, tell) }
		if got := run(t, apply); got != plan {
			t.Errorf("apply: got %s; want %s", got, plan)
		}
		if to := g.destination["destinationProperties"].(map[string]any); to["destinationArn"] != "arn:aws:s3:::logs" || to["kmsKeyArn"] != guardKey {
			t.Errorf("findings go to %v; want the bucket, with the key", to)
		}
		if got := run(t, apply); got != again {
			t.Errorf("second apply: got %s; want %s", got, again)
		}
		got := run(t, func(ctx context.Context, tell func(setup.Change)) error { return setup.Destroy(ctx, all, false, tell) })
		if got != destroy {
			t.Errorf("destroy: got %s; want %s", got, destroy)
		}
	}
	f(&guard{}, "create create", "keep keep", "delete delete")
	// GuardDuty of others is used as it is, and stays
	theirs := &guard{detector: map[string]any{"status": "ENABLED", "serviceRole": "r", "findingPublishingFrequency": "SIX_HOURS"}}
	f(theirs, "keep create", "keep keep", "delete leave")
	if theirs.detector["findingPublishingFrequency"] != "SIX_HOURS" || theirs.destination != nil {
		t.Errorf("got %v publishing to %v; want GuardDuty as it was", theirs.detector, theirs.destination)
	}
}

// There is one publishing destination: that of others is taken when they say so.
func TestGuardDutyPublishesElsewhereOnAStandIn(t *testing.T) {
	f := func(o Options, want string, stays bool) {
		t.Helper()
		g := &guard{
			detector:    map[string]any{"status": "ENABLED", "serviceRole": "r", "findingPublishingFrequency": "FIFTEEN_MINUTES"},
			destination: map[string]any{"destinationProperties": map[string]any{"destinationArn": "arn:aws:s3:::theirs", "kmsKeyArn": guardKey}},
		}
		all := g.resources(t, o)
		planned, err := setup.Plan(t.Context(), all)
		if err != nil || actionsOf(planned) != want {
			t.Errorf("%+v: got %s, %v; want %s", o, actionsOf(planned), err, want)
		}
		_ = setup.Apply(t.Context(), all, func(setup.Change) {}) // an error is one more way not to move it
		if to := g.destination["destinationProperties"].(map[string]any); (to["destinationArn"] == "arn:aws:s3:::theirs") != stays {
			t.Errorf("%+v: findings go to %v; want that they stay: %t", o, to, stays)
		}
	}
	f(Options{}, "keep refuse", true)
	f(Options{Adopt: true}, "keep update", false)
}
