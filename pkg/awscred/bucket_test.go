package awscred

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// refusal is S3's answer with a status and the region it names.
func refusal(status int, region string) error {
	header := http.Header{}
	header.Set("X-Amz-Bucket-Region", region)
	return fmt.Errorf("get: %w", &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: header}},
		Err:      errors.New("refused"),
	}})
}

func TestFollow(t *testing.T) {
	const home, away = "eu-west-1", "us-east-2"
	f := func(answer error, news bool, want ...string) {
		t.Helper()
		var regions BucketRegions
		var tried []string
		try := func(region string) error {
			tried = append(tried, region)
			if region == home {
				return answer
			}
			return nil
		}
		used, got, err := regions.Follow("b", home, try)
		if got != news || !slices.Equal(tried, want) || used != want[len(want)-1] || (err == nil) != (answer == nil || news) {
			t.Errorf("%v: tried %q, used %s, news %v, err %v; want %q", answer, tried, used, got, err, want)
		}
		// what was learnt is known the next time, also for other objects
		tried = nil
		if _, again, _ := regions.Follow("b", home, try); again || !slices.Equal(tried, want[len(want)-1:]) {
			t.Errorf("%v: the second time tried %q", answer, tried)
		}
	}
	// the right region at once
	f(nil, false, home)
	// S3 names the right one
	f(refusal(301, away), true, home, away)
	f(refusal(307, away), true, home, away)
	f(refusal(400, away), true, home, away)
	// errors of another kind, or that name no other region
	f(refusal(400, home), false, home)
	f(refusal(400, ""), false, home)
	f(refusal(403, away), false, home)
	f(errors.New("connection reset"), false, home)
}

func TestFollowIsBounded(t *testing.T) {
	var regions BucketRegions
	for i := range 2*maxBuckets + 1 {
		regions.learn(fmt.Sprint(i), "us-east-2")
	}
	if len(regions.known) > maxBuckets {
		t.Errorf("%d buckets remembered; want at most %d", len(regions.known), maxBuckets)
	}
}
