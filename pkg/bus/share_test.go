package bus

import (
	"context"
	"testing"

	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// A shared bus carries on its own, and its end leaves the server to the others.
func TestShare(t *testing.T) {
	b := open(t)
	for range 2 {
		own, err := b.Share(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := own.Bootstrap(t.Context(), Topology{Destinations: map[string][]string{"later": {"AWSCloudTrail"}}}); err != nil {
			t.Fatal(err)
		}
		publish(t, own.PublishObjects(), &logferryv1.Object{Id: "o1", Connection: "org-trail"})
		if err := own.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := next(t, s).Ack(t.Context()); err != nil {
		t.Error(err)
	}
}
