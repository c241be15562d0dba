package onaws

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// keyGrace is how many days a key can still be rescued after it was destroyed:
// the fewest that AWS takes.
const keyGrace = 7

// keyPolicyName is the name of the only policy that a key has.
const keyPolicyName = "default"

// id is what finds the key: its ARN, or the alias until it has one.
func (k Key) id() string {
	if k.ARN != "" {
		return k.ARN
	}
	return k.Alias
}

// findKey returns the key; nil when there is none.
func (e engine) findKey(ctx context.Context, k Key) (*kmstypes.KeyMetadata, error) {
	out, err := e.clients.kms().DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(k.id())})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.KeyMetadata, nil
}

// keyARN returns the ARN of the key, once it is made.
func (e engine) keyARN(ctx context.Context) (string, error) {
	if e.Key == nil {
		return "", nil
	}
	if e.Key.ARN != "" {
		return e.Key.ARN, nil
	}
	have, err := e.findKey(ctx, *e.Key)
	if err != nil || have == nil {
		return "", err
	}
	return aws.ToString(have.Arn), nil
}

// key is the key and its alias.
func (e engine) key(k Key) *piece {
	want := func(ctx context.Context) (work, error) {
		have, err := e.findKey(ctx, k)
		switch {
		case err != nil:
			return work{}, err
		case have == nil && k.ARN != "":
			return refuse("there is no such key; give --key an alias to make one"), nil
		case have == nil:
			return e.newKey(k), nil
		case have.KeyState == kmstypes.KeyStateEnabled:
			return keep(), nil
		}
		return refuse("it is %s; enable it, or give --key another", strings.ToLower(string(have.KeyState))), nil
	}
	return &piece{name: "key " + k.id(), arn: k.id(), want: want, unwant: func(ctx context.Context) (work, error) { return e.unwantKey(ctx, k) }}
}

// newKey makes the key, with AWS's default policy, and its alias. A key without
// its alias would never be found again, so it is taken back.
func (e engine) newKey(k Key) work {
	w := work{action: setup.Create}
	w.line("+ symmetric key, which costs by the month, with the alias %s", k.Alias)
	w.then(func(ctx context.Context) error {
		client := e.clients.kms()
		out, err := client.CreateKey(ctx, &kms.CreateKeyInput{
			Description: aws.String("Logs that Logferry reads: set-up " + e.Setup),
			Tags:        tagList(e.Setup, func(key, value *string) kmstypes.Tag { return kmstypes.Tag{TagKey: key, TagValue: value} }),
		})
		if err != nil {
			return err
		}
		_, err = client.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &k.Alias, TargetKeyId: out.KeyMetadata.KeyId})
		if err == nil {
			return nil
		}
		_, back := client.ScheduleKeyDeletion(context.WithoutCancel(ctx), &kms.ScheduleKeyDeletionInput{
			KeyId: out.KeyMetadata.KeyId, PendingWindowInDays: aws.Int32(keyGrace),
		})
		return errors.Join(err, back)
	})
	return w
}

// unwantKey has the key deleted, unless logs need it to be read.
func (e engine) unwantKey(ctx context.Context, k Key) (work, error) {
	have, err := e.findKey(ctx, k)
	if err != nil || have == nil || have.KeyState == kmstypes.KeyStatePendingDeletion {
		return gone(), err
	}
	owned, err := e.keyOwned(ctx, have)
	if err != nil {
		return work{}, err
	}
	if !owned {
		return leave("others made it"), nil
	}
	if !e.options.DeleteLogs {
		empty, err := e.bucketEmpty(ctx)
		if err != nil {
			return work{}, err
		}
		if !empty {
			return leave("the logs in %s cannot be read without it; --delete-logs deletes both", e.Bucket.Name), nil
		}
	}
	w := remove(func(ctx context.Context) error {
		_, err := e.clients.kms().ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: have.KeyId, PendingWindowInDays: aws.Int32(keyGrace)})
		return err
	}, func(ctx context.Context) error {
		_, err := e.clients.kms().DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &k.Alias})
		if isMissing(err) {
			return nil
		}
		return err
	})
	w.why = "AWS deletes it in 7 days; until then: aws kms cancel-key-deletion --key-id " + aws.ToString(have.KeyId)
	return w, nil
}

func (e engine) keyOwned(ctx context.Context, have *kmstypes.KeyMetadata) (bool, error) {
	out, err := e.clients.kms().ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: have.KeyId})
	if err != nil {
		return false, err
	}
	for _, t := range out.Tags {
		if aws.ToString(t.TagKey) == Tag {
			return aws.ToString(t.TagValue) == e.Setup, nil
		}
	}
	return false, nil
}

// keyPolicy lets the service encrypt and the role decrypt.
func (e engine) keyPolicy(k Key) *piece {
	read := func(ctx context.Context) (string, error) {
		have, err := e.findKey(ctx, k)
		if err != nil || have == nil || have.KeyState == kmstypes.KeyStatePendingDeletion {
			return "", err
		}
		out, err := e.clients.kms().GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: have.KeyId, PolicyName: aws.String(keyPolicyName)})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.Policy), nil
	}
	write := func(ctx context.Context, text string) error {
		arn, err := e.keyARN(ctx)
		if err != nil {
			return err
		}
		_, err = e.clients.kms().PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &arn, PolicyName: aws.String(keyPolicyName), Policy: &text})
		return err
	}
	p := resourcePolicy{name: "policy of key " + k.id(), arn: k.id(), limit: policy.MaxKey, wanted: k.Statements, read: read, write: write}
	return p.piece()
}
