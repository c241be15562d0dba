package localcloud_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/sts"
)

const (
	role    = "arn:aws:iam::210987654321:role/logferry"
	webRole = "arn:aws:iam::210987654321:role/web"
)

func withRoles(o localcloud.Options) localcloud.Options {
	o.Roles = []sts.Role{
		{ARN: role, ExternalID: "secret-id", MaxSession: 2 * time.Hour},
		{ARN: webRole, Audience: "api://logferry"},
	}
	return o
}

func TestAssumeRole(t *testing.T) {
	c := start(t, withRoles(localcloud.Options{}))
	s := stsClient(t, c)
	f := func(arn, externalID, session string, seconds int32, want string) {
		t.Helper()
		in := &awssts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: &session}
		if externalID != "" {
			in.ExternalId = &externalID
		}
		if seconds > 0 {
			in.DurationSeconds = &seconds
		}
		out, err := s.AssumeRole(t.Context(), in)
		if got := code(err); got != want {
			t.Errorf("assume %s: got %v; want %s", arn, err, want)
		}
		if err != nil {
			return
		}
		if seconds == 0 {
			seconds = 3600
		}
		left := time.Until(*out.Credentials.Expiration) - time.Duration(seconds)*time.Second
		if left < -time.Minute || left > time.Minute || !strings.HasSuffix(*out.AssumedRoleUser.Arn, "assumed-role/logferry/"+session) {
			t.Errorf("assume %s: got %+v of %s", arn, out.AssumedRoleUser, out.Credentials.Expiration)
		}
	}
	f(role, "secret-id", "s1", 0, "ok")
	f(role, "secret-id", "s1", 7200, "ok")
	f(role, "secret-id", "s1", 7201, "ValidationError")
	f(role, "secret-id", "s1", 899, "ValidationError")
	f(role, "secret-id", "bad name", 0, "ValidationError")
	f(role, "other", "s1", 0, "AccessDenied")
	f(role, "", "s1", 0, "AccessDenied")
	f("arn:aws:iam::210987654321:role/none", "secret-id", "s1", 0, "AccessDenied")
}

func TestCallerIdentity(t *testing.T) {
	c := start(t, withRoles(localcloud.Options{}))
	out, err := stsClient(t, c).GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{})
	if err != nil || *out.Account != "123456789012" || *out.Arn != "arn:aws:iam::123456789012:user/local" {
		t.Errorf("got %+v, %v; want the static key's user", out, err)
	}
	stranger := awssts.NewFromConfig(config(t, c, keys("AKIANOBODY", "x", "")))
	if _, err := stranger.GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{}); code(err) != "InvalidClientTokenId" {
		t.Errorf("got %v; want InvalidClientTokenId", err)
	}
}

func TestWebIdentity(t *testing.T) {
	c := start(t, withRoles(localcloud.Options{}))
	s := stsClient(t, c)
	token := func(audience string) *string {
		t.Helper()
		out, err := s.GetWebIdentityToken(t.Context(), &awssts.GetWebIdentityTokenInput{Audience: []string{audience}, SigningAlgorithm: aws.String("RS256")})
		if err != nil {
			t.Fatal(err)
		}
		return out.WebIdentityToken
	}
	f := func(arn string, token *string, want string) {
		t.Helper()
		out, err := s.AssumeRoleWithWebIdentity(t.Context(), &awssts.AssumeRoleWithWebIdentityInput{RoleArn: &arn, RoleSessionName: aws.String("web"), WebIdentityToken: token})
		if got := code(err); got != want {
			t.Errorf("got %v; want %s", err, want)
		}
		if err == nil && *out.Provider != sts.Issuer {
			t.Errorf("got provider %s; want %s", *out.Provider, sts.Issuer)
		}
	}
	f(webRole, token("api://logferry"), "ok")
	f(webRole, token("api://other"), "InvalidIdentityToken")
	f(webRole, aws.String("no.token.atall"), "InvalidIdentityToken")
	f(role, token("api://logferry"), "AccessDenied")
}

func TestRequiredCredentials(t *testing.T) {
	c := start(t, withRoles(localcloud.Options{RequireCredentials: true}))
	url, err := c.Feed("logs", "logs-queue")
	if err != nil {
		t.Fatal(err)
	}
	f := func(p aws.CredentialsProvider, wantS3, wantSQS string) {
		t.Helper()
		cfg := config(t, c, p)
		_, err := awss3.NewFromConfig(cfg).ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("logs")})
		if got := code(err); got != wantS3 {
			t.Errorf("S3: got %v; want %s", err, wantS3)
		}
		_, err = awssqs.NewFromConfig(cfg).ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url})
		if got := code(err); got != wantSQS {
			t.Errorf("SQS: got %v; want %s", err, wantSQS)
		}
	}
	f(static(), "ok", "ok")
	f(aws.AnonymousCredentials{}, "MissingAuthenticationToken", "MissingAuthenticationToken")
	f(keys("AKIANOBODY", "x", ""), "InvalidClientTokenId", "InvalidClientTokenId")

	session := assume(t, c)
	f(keys(*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken), "ok", "ok")
	f(keys(*session.AccessKeyId, *session.SecretAccessKey, "other"), "InvalidClientTokenId", "InvalidClientTokenId")
	c.STS.ExpireSessions()
	f(keys(*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken), "ExpiredToken", "ExpiredToken")
	f(static(), "ok", "ok")
}

func assume(t *testing.T, c *localcloud.Cloud) *types.Credentials {
	t.Helper()
	out, err := stsClient(t, c).AssumeRole(t.Context(), &awssts.AssumeRoleInput{
		RoleArn: aws.String(role), RoleSessionName: aws.String("test"), ExternalId: aws.String("secret-id")})
	if err != nil {
		t.Fatal(err)
	}
	return out.Credentials
}
