package onaws

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// S3 tells with a status, and a header, where a bucket is that these credentials
// or this region cannot use. moto lets every account at every bucket.
func TestBucketElsewhereOnAStandIn(t *testing.T) {
	f := func(status int, region string, existing bool, want setup.Action, why string) {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodHead || r.Header.Get("X-Amz-Expected-Bucket-Owner") != "123456789012" {
				t.Errorf("got %s %s; want a HEAD that names the owner", r.Method, r.URL)
			}
			if region != "" {
				w.Header().Set("X-Amz-Bucket-Region", region)
			}
			w.WriteHeader(status)
		}))
		defer server.Close()
		e := engine{
			Blueprint: Blueprint{Account: "123456789012", Region: "eu-west-1", Bucket: Bucket{Name: "logs", ARN: "arn:aws:s3:::logs", Existing: existing}},
			clients: Clients{Config: aws.Config{
				Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
			}},
		}
		got, err := e.bucket().Plan(t.Context())
		if err != nil || got.Action != want || !strings.Contains(got.Why, why) {
			t.Errorf("status %d: got %+v, %v; want %s: %s", status, got, err, want, why)
		}
	}
	f(http.StatusOK, "eu-west-1", true, setup.Keep, "")
	f(http.StatusNotFound, "", false, setup.Create, "")
	f(http.StatusNotFound, "", true, setup.Refuse, "there is no such bucket")
	f(http.StatusForbidden, "", false, setup.Refuse, "it is in another account than 123456789012")
	f(http.StatusOK, "eu-west-2", false, setup.Refuse, "it is in eu-west-2")
	f(http.StatusMovedPermanently, "eu-west-2", true, setup.Refuse, "give --region eu-west-2")
}
