package probe

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// callTime bounds a call with all its tries.
const callTime = 20 * time.Second

// wrongClock is how far a clock may be off before AWS refuses what it signs.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
const wrongClock = 5 * time.Minute

// session tries the credentials, the role and who that makes the services. It
// returns the identity as far as it is known.
func (p *Probe) session(ctx context.Context, s *steps, c connection.Connection) caller {
	region := regionOf(c)
	who := caller{conn: c}
	var base string
	s.need("aws.credentials", "base credentials", func() (o check.Outcome) {
		base, o = p.base(ctx, c, region)
		return o
	})
	s.need("aws.role", "role", func() check.Outcome { return p.assume(ctx, c, region, base) })
	s.try("aws.identity", "effective identity", func() (o check.Outcome) {
		who.arn, o = p.identity(ctx, c, region)
		return o
	})
	return who
}

// regionOf returns where the connection's role is used first.
func regionOf(c connection.Connection) string {
	if c.Region == "" && len(c.Queues()) > 0 {
		return connection.QueueRegion(c.Queues()[0])
	}
	return c.Region
}

// base looks for the process's own credentials, or the token that takes their
// place, and returns who they are when AWS says so.
func (p *Probe) base(ctx context.Context, c connection.Connection, region string) (arn string, o check.Outcome) {
	if c.WebIdentityTokenFile != "" {
		return "", token(c.WebIdentityTokenFile, time.Now())
	}
	cfg, err := p.aws.Config(ctx, connection.Connection{Name: c.Name, Region: c.Region}, region)
	if err != nil {
		return "", check.Fail("set region in the connection, or AWS_REGION", "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	found, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return "", check.Fail("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where there is a role of the instance, the task or the pod", "%v", err)
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	switch codeOf(err) {
	case "":
	case "InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch", "UnrecognizedClientException":
		return "", check.Fail(renew(err, cfg.Region), "%s are refused: %s", found.Source, said(err))
	}
	if err != nil { // it says nothing about the credentials; the role does
		return "", check.Pass("%s", found.Source)
	}
	arn = aws.ToString(out.Arn)
	return arn, check.Pass("%s: %s", found.Source, arn)
}

// renew says what to do about credentials that AWS does not take.
func renew(err error, region string) string {
	if skew := skewOf(err); skew.Abs() >= wrongClock {
		return fmt.Sprintf("set this machine's clock, which is %s: run NTP", ahead(skew))
	}
	text := "renew the credentials: the access key is deleted, inactive, expired or mistyped"
	if slices.Contains(optIn(), region) {
		text += fmt.Sprintf("\nor enable the region in their account: aws account enable-region --region-name %s", region)
	}
	return text
}

// ahead says how wrong a clock is.
func ahead(skew time.Duration) string {
	if skew < 0 {
		return (-skew).Round(time.Second).String() + " behind"
	}
	return skew.Round(time.Second).String() + " ahead"
}

// optIn returns the regions that an account must enable before it can use them.
// Source: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
func optIn() []string {
	return []string{
		"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
		"ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1",
		"me-central-1", "me-south-1", "mx-central-1",
	}
}

// token reads the claims of a token file, which are what a role's trust policy
// must name. It cannot check the signature, and does not need to: STS does.
func token(file string, now time.Time) check.Outcome {
	text, err := os.ReadFile(file)
	if err != nil {
		return check.Fail("have the platform project a token into web_identity_token_file", "%v", err)
	}
	var claims struct {
		Issuer   string          `json:"iss"`
		Subject  string          `json:"sub"`
		Audience json.RawMessage `json:"aud"`
		Expires  int64           `json:"exp"`
	}
	parts := strings.Split(strings.TrimSpace(string(text)), ".")
	if len(parts) == 3 {
		if text, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "=")); err == nil {
			err = json.Unmarshal(text, &claims)
		}
	}
	if len(parts) != 3 || err != nil {
		return check.Fail("write an OpenID Connect token into the file: three parts with dots between", "%s holds no token", file)
	}
	seen := fmt.Sprintf("token of %s for %s, subject %s", claims.Issuer, claims.Audience, claims.Subject)
	if expires := time.Unix(claims.Expires, 0).UTC(); claims.Expires > 0 && !now.Before(expires) {
		return check.Fail("have the token in the file renewed before it expires", "%s, expired at %s", seen, expires.Format(time.RFC3339))
	}
	return check.Pass("%s", seen)
}

// assume gets the credentials of the connection's role.
func (p *Probe) assume(ctx context.Context, c connection.Connection, region, base string) check.Outcome {
	if c.RoleARN == "" {
		return check.Skip("the connection has no role_arn: the base credentials are used")
	}
	cfg, err := p.aws.Config(ctx, c, region)
	if err != nil { // a role of another partition, mostly
		return check.Fail("use a role of the queue's own partition, "+connection.Partition(region), "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	got, err := cfg.Credentials.Retrieve(ctx)
	if err == nil {
		return check.Pass("%s assumed until %s", c.RoleARN, got.Expires.UTC().Format(time.RFC3339))
	}
	return check.Fail(trust(c, err, cfg.Region, base), "assume %s: %s", c.RoleARN, withoutID(c, said(err)))
}

// withoutID takes the external ID out of a text: STS repeats one that it finds
// malformed.
func withoutID(c connection.Connection, text string) string {
	if c.ExternalID == "" {
		return text
	}
	return strings.ReplaceAll(text, c.ExternalID, "(external ID)")
}

// trust says what to do about a role that cannot be assumed.
func trust(c connection.Connection, err error, region, base string) string {
	if _, missing := errors.AsType[*awscred.BaseError](err); missing {
		return "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where there is a role of the instance, the task or the pod"
	}
	if skew := skewOf(err); skew.Abs() >= wrongClock {
		return fmt.Sprintf("set this machine's clock, which is %s: run NTP", ahead(skew))
	}
	switch codeOf(err) {
	case "":
		return "see that this machine reaches STS of " + region + ": DNS, routes, proxy, VPC endpoint"
	case "RegionDisabledException":
		return fmt.Sprintf("activate STS in %s, in the account settings of IAM of account %s", region, accountOf(c.RoleARN))
	case "InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch", "RequestExpired":
		return renew(err, region)
	case "InvalidIdentityToken", "ExpiredTokenException", "IDPRejectedClaim":
		return "see that an identity provider of the token's issuer is in account " + accountOf(c.RoleARN) + ", with the token's audience"
	case "ValidationError":
		return "see the answer: role_arn, session_name or external_id is not as STS wants it"
	}
	return trustStatement(c, base)
}

// trustStatement says which statement the role's trust policy must hold. An
// external ID is not told: reports are passed on.
func trustStatement(c connection.Connection, base string) string {
	if c.WebIdentityTokenFile != "" {
		return fmt.Sprintf("see that %s exists and that its trust policy allows sts:AssumeRoleWithWebIdentity to the token's issuer, audience and subject", c.RoleARN)
	}
	s := policy.Statement{Effect: "Allow", Principal: policy.Principal{"AWS": {"<who runs Logferry>"}}, Action: policy.Values{"sts:AssumeRole"}}
	if base != "" {
		s.Principal = policy.Principal{"AWS": {principal(base)}}
	}
	also := "it must ask for no external ID, since the connection has none"
	if c.ExternalID != "" {
		s.Condition = policy.Conditions{"StringEquals": {"sts:ExternalId": {"<the connection's external_id>"}}}
		also = "its external ID must be the connection's, letter for letter"
	}
	text := fmt.Sprintf("see that %s exists and that its trust policy holds %s; %s", c.RoleARN, plain(statement(s)), also)
	if base != "" && accountOf(base) != accountOf(c.RoleARN) {
		call := policy.Statement{Effect: "Allow", Action: policy.Values{"sts:AssumeRole"}, Resource: policy.Values{c.RoleARN}}
		text += fmt.Sprintf("\nand, since it is of another account, that %s may call it: %s", principal(base), statement(call))
	}
	return text
}

// plain undoes what JSON does to angle brackets.
func plain(text string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(text)
}

// identity asks who the connection's calls are from.
func (p *Probe) identity(ctx context.Context, c connection.Connection, region string) (arn string, o check.Outcome) {
	cfg, err := p.aws.Config(ctx, c, region)
	if err != nil {
		return "", check.Fail("mend the connection", "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		// It needs no permission and nobody needs it to carry logs.
		// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
		return "", check.Doubt("look for an endpoint policy or a proxy that refuses sts:GetCallerIdentity", "%s", said(err))
	}
	return aws.ToString(out.Arn), check.Pass("%s", aws.ToString(out.Arn))
}
