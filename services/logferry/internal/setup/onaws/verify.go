package onaws

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/logferry/logferry/services/logferry/internal/check"
	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// Verify reports whether each resource is as the blueprint wants it, and
// whether the role refuses those without the external ID. It changes nothing.
func Verify(ctx context.Context, r *check.Report, b Blueprint, c Clients, o Options) {
	subject := "set-up " + b.Setup
	for _, resource := range Resources(b, c, o) {
		r.Look("setup.aws.resource", subject, resource.String(), func() check.Outcome { return asWanted(ctx, resource) })
	}
	r.Look("setup.aws.external_id", subject, "refusal of others", func() check.Outcome { return c.refusesOthers(ctx, b) })
}

// asWanted tells what an apply would still do.
func asWanted(ctx context.Context, r setup.Resource) check.Outcome {
	change, err := r.Plan(ctx)
	if denied, ok := errors.AsType[*DeniedError](err); ok {
		return check.Skip("it cannot be looked at: %v", denied)
	}
	if err != nil {
		return check.Fail("look at the answer", "%v", err)
	}
	details := strings.Join(change.Lines, "\n")
	switch {
	case change.Action == setup.Refuse:
		return check.Fail(change.Why, "it cannot be made as wanted\n%s", details)
	case change.Action == setup.Create:
		return check.Fail("logferry setup aws apply", "it is not there\n%s", details)
	case change.Action == setup.Update:
		return check.Fail("logferry setup aws apply", "it differs\n%s", details)
	case details != "":
		return check.Doubt("change it, if those who made it agree", "%s\n%s", change.Why, details)
	case change.Why != "":
		return check.Pass("as wanted: %s", change.Why)
	}
	return check.Pass("as wanted")
}

// session is the name of the role sessions of a verification.
const session = "logferry-verify"

// assume tries to assume the role with an external ID.
func (c Clients) assume(ctx context.Context, b Blueprint, externalID string) error {
	in := &sts.AssumeRoleInput{RoleArn: &b.Role.ARN, RoleSessionName: aws.String(session)}
	if externalID != "" {
		in.ExternalId = &externalID
	}
	_, err := c.sts().AssumeRole(ctx, in)
	return err
}

// refusesOthers tries the role with an external ID that is wrong. A refusal
// says something only where the right one is taken.
func (c Clients) refusesOthers(ctx context.Context, b Blueprint) check.Outcome {
	if b.ExternalID == "" {
		return check.Skip("tokens assume the role, not an external ID")
	}
	if err := c.assume(ctx, b, b.ExternalID); err != nil {
		return check.Skip("these credentials cannot assume the role, so a refusal would say nothing; verify as who runs Logferry: %v", err)
	}
	err := c.assume(ctx, b, "logferry-not-this-one")
	switch {
	case hasCode(err, denials...):
		return check.Pass("a wrong external ID is refused")
	case err != nil:
		return check.Fail("look at the answer", "%v", err)
	}
	return check.Fail("demand the external ID in the trust policy of role "+b.Role.Name+": logferry setup aws plan shows the statement", "the role was assumed with a wrong external ID")
}

// Canary puts an object without records where the service writes its logs, as
// the person who sets up, and reads it as the role. It is announced and carried
// like any other, gives no rows, and stays.
func Canary(ctx context.Context, r *check.Report, b Blueprint, c Clients) {
	subject := "set-up " + b.Setup
	key := "logferry-canary-" + time.Now().UTC().Format("20060102T150405Z")
	if n := b.Notification; n != nil {
		key = n.Prefix + key + n.Suffix
	}
	put := false
	r.Look("setup.aws.canary.put", subject, "canary put", func() check.Outcome {
		if strings.HasSuffix(key, ".parquet") {
			return check.Skip("there is no Parquet without rows to put")
		}
		if err := c.putCanary(ctx, b, key); err != nil {
			return check.Fail("verify with credentials that may put objects there, or without --canary", "%v", explain(err, b.Bucket.ARN+"/"+key))
		}
		put = true
		return check.Pass("s3://%s/%s", b.Bucket.Name, key)
	})
	r.Look("setup.aws.canary.get", subject, "canary read by the role", func() check.Outcome {
		if !put {
			return check.Skip("it was not put")
		}
		n, err := c.getCanary(ctx, b, key)
		if err != nil {
			return check.Fail("logferry setup aws plan shows what the role lacks", "%v", explain(err, b.Bucket.ARN+"/"+key))
		}
		return check.Pass("%d bytes", n)
	})
}

// canaryBody is a log without records, as each type has it: GuardDuty's has
// nothing at all.
func canaryBody(kind string) ([]byte, error) {
	text := map[string]string{CloudTrailType: `{"Records":[]}`, AnyType: `{"Records":[]}`, VPCFlowType: "version account-id\n"}[kind]
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	_, err := io.WriteString(w, text)
	return body.Bytes(), errors.Join(err, w.Close())
}

func (c Clients) putCanary(ctx context.Context, b Blueprint, key string) error {
	body, err := canaryBody(b.Type)
	if err != nil {
		return err
	}
	in := &s3.PutObjectInput{Bucket: &b.Bucket.Name, Key: &key, Body: bytes.NewReader(body)}
	if b.Key != nil { // as the service does, so that reading it needs the key
		in.ServerSideEncryption = s3types.ServerSideEncryptionAwsKms
		arn, err := engine{Blueprint: b, clients: c}.keyARN(ctx)
		if err != nil {
			return err
		}
		in.SSEKMSKeyId = &arn
	}
	_, err = c.s3().PutObject(ctx, in)
	return err
}

func (c Clients) getCanary(ctx context.Context, b Blueprint, key string) (int64, error) {
	role := c
	role.Config = c.Config.Copy()
	role.Config.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(c.sts(), b.Role.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = session
		if b.ExternalID != "" {
			o.ExternalID = &b.ExternalID
		}
	}))
	out, err := role.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Bucket.Name, Key: &key})
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, out.Body)
	if err := errors.Join(err, out.Body.Close()); err != nil {
		return n, fmt.Errorf("read s3://%s/%s: %w", b.Bucket.Name, key, err)
	}
	return n, nil
}
