package onaws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/sts"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

// The local cloud looks at external IDs, which moto does not.
func TestRefusalOfAWrongExternalIDOnTheLocalCloud(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/logferry"
	f := func(demanded, presented string, want check.Verdict) {
		t.Helper()
		cloud, err := localcloud.Start(t.Context(), localcloud.Options{Roles: []sts.Role{{ARN: role, ExternalID: demanded}}})
		if err != nil {
			t.Fatal(err)
		}
		defer cloud.Close()
		c := Clients{Config: aws.Config{
			Region: cloud.Region(), BaseEndpoint: aws.String(cloud.AWSEndpoint()),
			Credentials: credentials.NewStaticCredentialsProvider(localcloud.AccessKeyID, localcloud.SecretAccessKey, ""),
		}}
		got := c.refusesOthers(t.Context(), Blueprint{Role: Role{Name: "logferry", ARN: role}, ExternalID: presented})
		if got.Verdict != want {
			t.Errorf("demanded %q, presented %q: got %+v; want %s", demanded, presented, got, want)
		}
	}
	f("the-right-one", "the-right-one", check.Passed)
	f("", "the-right-one", check.Failed)
	f("another", "the-right-one", check.Skipped) // a refusal that says nothing
	f("", "", check.Skipped)
}
