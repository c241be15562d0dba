package onaws

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// home is the region whose buckets have no location.
const home = "us-east-1"

// bucket is where the logs are.
func (e engine) bucket() *piece {
	return &piece{name: "bucket " + e.Bucket.Name, arn: e.Bucket.ARN, want: e.wantBucket, unwant: e.unwantBucket}
}

// lookBucket reports whether the bucket is there. It asks for the account's
// own: a bucket of that name in another account is an error of status 403.
func (e engine) lookBucket(ctx context.Context) (found bool, region string, err error) {
	out, err := e.clients.s3().HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &e.Bucket.Name, ExpectedBucketOwner: &e.Account})
	if err == nil {
		return true, aws.ToString(out.BucketRegion), nil
	}
	if isMissing(err) {
		return false, "", nil
	}
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok && answer.HTTPStatusCode() == http.StatusMovedPermanently {
		return true, answer.HTTPResponse().Header.Get("X-Amz-Bucket-Region"), nil
	}
	return false, "", err
}

func (e engine) wantBucket(ctx context.Context) (work, error) {
	found, region, err := e.lookBucket(ctx)
	switch {
	case status(err) == http.StatusForbidden:
		return refuse("it is in another account than %s, or these credentials may not s3:ListBucket on it; give --bucket another name, or have it allowed", e.Account), nil
	case err != nil:
		return work{}, err
	case !found && e.Type == AnyType:
		return refuse("there is no such bucket, and logs of type any are there already; give --bucket the name of theirs"), nil
	case !found && e.Bucket.Existing:
		return refuse("there is no such bucket; drop --existing-bucket to make it"), nil
	case !found:
		return e.newBucket(), nil
	case region != "" && region != e.Region:
		return refuse("it is in %s, and S3 announces objects only to queues and topics of its own region; give --region %s", region, region), nil
	}
	return keep(), nil
}

// newBucket makes the bucket. One without its tag would never be removed, so it
// is taken back.
func (e engine) newBucket() work {
	w := work{action: setup.Create}
	w.line("+ in %s, not public", e.Region)
	w.then(func(ctx context.Context) error {
		in := &s3.CreateBucketInput{Bucket: &e.Bucket.Name}
		if e.Region != home {
			in.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(e.Region)}
		}
		if _, err := e.clients.s3().CreateBucket(ctx, in); err != nil {
			return err
		}
		_, err := e.clients.s3().PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &e.Bucket.Name, Tagging: &s3types.Tagging{
			TagSet: tagList(e.Setup, func(key, value *string) s3types.Tag { return s3types.Tag{Key: key, Value: value} }),
		}})
		if err == nil {
			return nil
		}
		_, back := e.clients.s3().DeleteBucket(context.WithoutCancel(ctx), &s3.DeleteBucketInput{Bucket: &e.Bucket.Name})
		return errors.Join(err, back)
	})
	return w
}

// bucketOwned reports whether the set-up made the bucket.
func (e engine) bucketOwned(ctx context.Context) (bool, error) {
	out, err := e.clients.s3().GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &e.Bucket.Name})
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, t := range out.TagSet {
		if aws.ToString(t.Key) == Tag {
			return aws.ToString(t.Value) == e.Setup, nil
		}
	}
	return false, nil
}

// bucketEmpty reports whether the bucket holds nothing, or is not there.
func (e engine) bucketEmpty(ctx context.Context) (bool, error) {
	out, err := e.clients.s3().ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &e.Bucket.Name, MaxKeys: aws.Int32(1)})
	if isMissing(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return len(out.Versions)+len(out.DeleteMarkers) == 0, nil
}

func (e engine) unwantBucket(ctx context.Context) (work, error) {
	found, _, err := e.lookBucket(ctx)
	if err != nil || !found {
		return gone(), err
	}
	owned, err := e.bucketOwned(ctx)
	if err != nil {
		return work{}, err
	}
	if !owned {
		return leave("others made it"), nil
	}
	empty, err := e.bucketEmpty(ctx)
	if err != nil {
		return work{}, err
	}
	if !empty && !e.options.DeleteLogs {
		return leave("it holds logs; --delete-logs deletes it with them"), nil
	}
	w := remove(e.emptyBucket, func(ctx context.Context) error {
		_, err := e.clients.s3().DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &e.Bucket.Name})
		return err
	})
	if !empty {
		w.line("- all objects and their versions")
	}
	return w, nil
}

// emptyBucket deletes all versions of all objects.
func (e engine) emptyBucket(ctx context.Context) error {
	client := e.clients.s3()
	pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: &e.Bucket.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		var all []s3types.ObjectIdentifier
		for _, v := range page.Versions {
			all = append(all, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			all = append(all, s3types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		if len(all) == 0 {
			continue
		}
		out, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &e.Bucket.Name, Delete: &s3types.Delete{Objects: all, Quiet: aws.Bool(true)}})
		if err != nil {
			return err
		}
		for _, failed := range out.Errors {
			return errors.New("delete " + aws.ToString(failed.Key) + ": " + aws.ToString(failed.Message))
		}
	}
	return nil
}

// bucketPolicy lets the service write and the role read.
func (e engine) bucketPolicy() *piece {
	name := &e.Bucket.Name
	read := func(ctx context.Context) (string, error) {
		out, err := e.clients.s3().GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: name})
		if isMissing(err) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return aws.ToString(out.Policy), nil
	}
	write := func(ctx context.Context, text string) error {
		if text == "" {
			_, err := e.clients.s3().DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: name})
			return err
		}
		_, err := e.clients.s3().PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: &text})
		return err
	}
	p := resourcePolicy{name: "policy of bucket " + *name, arn: e.Bucket.ARN, limit: policy.MaxBucket, wanted: e.Bucket.Statements, read: read, write: write}
	return p.piece()
}
