package onaws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// encryption has a bucket of the set-up encrypt with the key what comes without
// one. Other buckets keep what they have.
func (e engine) encryption() *piece {
	want := func(ctx context.Context) (work, error) {
		have, err := e.bucketKey(ctx)
		if err != nil {
			return work{}, err
		}
		key, err := e.keyARN(ctx)
		if err != nil {
			return work{}, err
		}
		if have != "" && (have == key || have == e.Key.id()) {
			return keep(), nil
		}
		w := work{action: setup.Update}
		w.differs("key", have, e.Key.id())
		if found, _, err := e.lookBucket(ctx); err != nil {
			return work{}, err
		} else if found { // one that is yet to be made will have the tag
			owned, err := e.bucketOwned(ctx)
			if err != nil {
				return work{}, err
			}
			if !owned {
				w.action, w.why = setup.Keep, "others made the bucket, so its encryption stays"
				return w, nil
			}
		}
		w.then(e.encrypt)
		return w, nil
	}
	unwant := func(ctx context.Context) (work, error) {
		have, err := e.bucketKey(ctx)
		if err != nil || have == "" {
			return gone(), err
		}
		return leave("it goes with the bucket"), nil
	}
	return &piece{name: "encryption of bucket " + e.Bucket.Name, arn: e.Bucket.ARN, want: want, unwant: unwant}
}

// bucketKey returns the key that the bucket encrypts with by itself; empty when
// it uses S3's own.
func (e engine) bucketKey(ctx context.Context) (string, error) {
	out, err := e.clients.s3().GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &e.Bucket.Name})
	if isMissing(err) || hasCode(err, "ServerSideEncryptionConfigurationNotFoundError") {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, rule := range out.ServerSideEncryptionConfiguration.Rules {
		if rule.ApplyServerSideEncryptionByDefault != nil {
			return aws.ToString(rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID), nil
		}
	}
	return "", nil
}

// encrypt tells the bucket the key, with one data key for many objects, which
// saves calls of KMS.
func (e engine) encrypt(ctx context.Context) error {
	key, err := e.keyARN(ctx)
	if err != nil {
		return err
	}
	_, err = e.clients.s3().PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
		Bucket: &e.Bucket.Name,
		ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &key},
			BucketKeyEnabled:                   aws.Bool(true),
		}}},
	})
	return err
}
