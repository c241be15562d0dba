package poller

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/notification"
)

// refusal is S3's answer with that status, naming the bucket's region.
func refusal(status int, region string) error {
	header := http.Header{}
	header.Set("X-Amz-Bucket-Region", region)
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: header}},
		Err:      errors.New("refused"),
	}}
}

func TestIdentify(t *testing.T) {
	var asked []string
	f := func(o notification.Object, answer error, want notification.Object, wantErr string, regions ...string) {
		t.Helper()
		asked = nil
		s := &objects{region: "eu-west-1", conn: connection.Connection{RequesterPays: true}}
		s.head = func(_ context.Context, region string, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
			asked = append(asked, region)
			if in.RequestPayer == "" {
				t.Error("the request does not say who pays")
			}
			if answer != nil && region == "eu-west-1" {
				return nil, answer
			}
			return &s3.HeadObjectOutput{ETag: aws.String(`"abc"`), VersionId: aws.String("v1"), ContentLength: aws.Int64(7)}, nil
		}
		got, err := s.identify(t.Context(), o)
		if (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("got error %v; want %q", err, wantErr)
		}
		if err == nil && got != want {
			t.Errorf("got %+v; want %+v", got, want)
		}
		if strings.Join(asked, " ") != strings.Join(regions, " ") {
			t.Errorf("asked regions %v; want %v", asked, regions)
		}
	}
	bare := notification.Object{Bucket: "b", Key: "k"}
	unknown := notification.Object{Bucket: "b", Key: "k", Region: "eu-west-1"}
	known := notification.Object{Bucket: "b", Key: "k", Region: "eu-west-1", ETag: "abc", VersionID: "v1", Size: 7}
	moved := known
	moved.Region = "us-gov-west-1"

	// what the announcement tells is not asked again
	f(known, nil, known, "")
	f(notification.Object{Bucket: "b", ETag: "e", VersionID: "null"}, nil, notification.Object{Bucket: "b", ETag: "e"}, "")
	// what it does not tell is
	f(bare, nil, known, "", "eu-west-1")
	// an object that is missing or denied is left to the fetcher
	f(bare, refusal(404, ""), unknown, "", "eu-west-1")
	f(bare, refusal(403, ""), unknown, "", "eu-west-1")
	// S3 names the right region
	f(bare, refusal(301, "us-gov-west-1"), moved, "", "eu-west-1", "us-gov-west-1")
	f(bare, refusal(400, "us-gov-west-1"), moved, "", "eu-west-1", "us-gov-west-1")
	// everything else is tried again
	f(bare, refusal(400, "eu-west-1"), bare, "look up s3://b/k", "eu-west-1")
	f(bare, refusal(503, ""), bare, "look up s3://b/k", "eu-west-1")
	f(bare, errors.New("connection reset"), bare, "connection reset", "eu-west-1")
	f(bare, &awscred.RoleError{}, bare, "look up s3://b/k", "eu-west-1")
}

func TestBucketRegionIsRemembered(t *testing.T) {
	calls := 0
	s := &objects{region: "eu-west-1"}
	s.head = func(_ context.Context, region string, _ *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
		calls++
		if region != "us-east-2" {
			return nil, refusal(301, "us-east-2")
		}
		return &s3.HeadObjectOutput{ETag: aws.String("e")}, nil
	}
	for range 3 {
		if _, err := s.identify(t.Context(), notification.Object{Bucket: "b", Key: "k"}); err != nil {
			t.Fatal(err)
		}
	}
	if calls != 4 {
		t.Errorf("got %d calls; want 4", calls)
	}
}

// An S3 that is away for minutes costs no receive of the message.
func TestOutageIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(10 * time.Minute)
		s := &objects{region: "eu-west-1"}
		s.head = func(context.Context, string, *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
			if time.Now().Before(back) {
				return nil, refusal(503, "")
			}
			return &s3.HeadObjectOutput{ETag: aws.String("e")}, nil
		}
		log := slog.New(slog.DiscardHandler)
		q := &queue{objects: s, log: log, faults: &faultLog{log: log}}
		o, err := q.identify(t.Context(), notification.Object{Bucket: "b", Key: "k"})
		if err != nil || o.ETag != "e" {
			t.Errorf("got %+v, %v; want the object once S3 is back", o, err)
		}
		if late := time.Since(back); late > time.Minute {
			t.Errorf("%v late", late)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		back = time.Now().Add(time.Hour)
		if _, err := q.identify(ctx, notification.Object{Bucket: "b", Key: "k"}); err == nil {
			t.Error("no error after the context has ended")
		}
	})
}
