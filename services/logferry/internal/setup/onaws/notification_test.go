package onaws

import (
	"testing"

	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestOverlaps(t *testing.T) {
	f := func(prefix, suffix string, event s3types.Event, want bool) {
		t.Helper()
		ours := entry{events: []s3types.Event{created}, prefix: "AWSLogs/1/CloudTrail/", suffix: ".json.gz"}
		theirs := entry{events: []s3types.Event{event}, prefix: prefix, suffix: suffix}
		if got := ours.overlaps(theirs); got != want {
			t.Errorf("%v %q %q: got %t; want %t", event, prefix, suffix, got, want)
		}
		if got := theirs.overlaps(ours); got != want {
			t.Errorf("%v %q %q, the other way round: got %t; want %t", event, prefix, suffix, got, want)
		}
	}
	// no filter matches everything
	f("", "", created, true)
	f("", "", "s3:ObjectCreated:Put", true)
	f("", ".gz", created, true)
	f("AWSLogs/", "", created, true)
	f("AWSLogs/1/CloudTrail/eu-west-1/", ".json.gz", created, true)
	// either filter apart is enough
	f("AWSLogs/1/vpcflowlogs/", "", created, false)
	f("", ".log.gz", created, false)
	f("AWSLogs/1/CloudTrail-Digest/", ".json.gz", created, false)
	// other events
	f("", "", "s3:ObjectRemoved:*", false)
	f("", "", "s3:ObjectRemoved:Delete", false)
}
