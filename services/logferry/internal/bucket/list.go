package bucket

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// position is where a listing is.
type position struct {
	prefix, delimiter string
	// key is what the listing goes on after; version too, if there is one.
	key, version string
	// token is S3's own word for it, in a listing without versions.
	token string
}

// entry is a line of a listing: a folder, whose name ends in a slash, or a
// version of an object, or a delete marker.
type entry struct {
	name            string
	folder, deleted bool
	object          Object
}

func (e entry) same(f entry) bool {
	return e.name == f.name && e.folder == f.folder && e.deleted == f.deleted && e.object.VersionID == f.object.VersionID
}

// page is an answer of S3: at most 1000 entries in the order of their names.
type page struct {
	entries []entry
	next    position
	more    bool
}

// versions lists all versions of objects.
func (l *Lister) versions(ctx context.Context, bucket string, at position) (page, error) {
	var out *s3.ListObjectVersionsOutput
	region, err := l.ask(ctx, bucket, func(ctx context.Context, client *s3.Client) (err error) {
		out, err = client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
			Bucket: &bucket, Prefix: given(at.prefix), Delimiter: given(at.delimiter), KeyMarker: given(at.key),
			VersionIdMarker: given(at.version), EncodingType: types.EncodingTypeUrl, RequestPayer: l.payer(),
		})
		return err
	})
	if err != nil {
		return page{}, l.explainList(err, bucket, at, region)
	}
	r := reading{bucket: bucket, region: region, encoding: out.EncodingType}
	for _, v := range out.Versions {
		r.object(v.Key, Object{VersionID: version(v.VersionId), ETag: etag(v.ETag), Size: aws.ToInt64(v.Size), LastModified: aws.ToTime(v.LastModified)})
	}
	for _, m := range out.DeleteMarkers {
		r.add(entry{name: r.decode(m.Key), deleted: true, object: Object{VersionID: version(m.VersionId)}})
	}
	p, err := r.page(out.CommonPrefixes)
	p.more, p.next = aws.ToBool(out.IsTruncated), at
	p.next.key, p.next.version = r.decode(out.NextKeyMarker), aws.ToString(out.NextVersionIdMarker)
	if p.next.key == "" && len(p.entries) > 0 { // some stores do not tell
		p.next.key = p.entries[len(p.entries)-1].name
	}
	return p, err
}

// latest lists the latest versions of objects.
func (l *Lister) latest(ctx context.Context, bucket string, at position) (page, error) {
	var out *s3.ListObjectsV2Output
	region, err := l.ask(ctx, bucket, func(ctx context.Context, client *s3.Client) (err error) {
		out, err = client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
			Bucket: &bucket, Prefix: given(at.prefix), Delimiter: given(at.delimiter), StartAfter: given(at.key),
			ContinuationToken: given(at.token), EncodingType: types.EncodingTypeUrl, RequestPayer: l.payer(),
		})
		return err
	})
	if err != nil {
		return page{}, l.explainList(err, bucket, at, region)
	}
	r := reading{bucket: bucket, region: region, encoding: out.EncodingType}
	for _, o := range out.Contents {
		r.object(o.Key, Object{ETag: etag(o.ETag), Size: aws.ToInt64(o.Size), LastModified: aws.ToTime(o.LastModified)})
	}
	p, err := r.page(out.CommonPrefixes)
	p.more, p.next = aws.ToBool(out.IsTruncated), at
	p.next.token = aws.ToString(out.NextContinuationToken)
	return p, err
}

func (l *Lister) explainList(err error, bucket string, at position, region string) error {
	return fmt.Errorf("list s3://%s/%s: %w", bucket, at.prefix, l.explain(err, bucket, region))
}

// reading makes entries of an answer.
type reading struct {
	bucket, region string
	encoding       types.EncodingType
	entries        []entry
	err            error
}

func (r *reading) add(e entry) { r.entries = append(r.entries, e) }

func (r *reading) object(key *string, o Object) {
	o.Bucket, o.Key, o.Region, o.LastModified = r.bucket, r.decode(key), r.region, o.LastModified.UTC()
	r.add(entry{name: o.Key, object: o})
}

// decode returns the name as it is. Names come form-encoded, because XML cannot
// hold every character that a key can.
func (r *reading) decode(name *string) string {
	if r.encoding != types.EncodingTypeUrl {
		return aws.ToString(name)
	}
	plain, err := url.QueryUnescape(aws.ToString(name))
	if err != nil {
		r.err = fmt.Errorf("list s3://%s: S3 answers with a name that cannot be decoded: %w", r.bucket, err)
	}
	return plain
}

// page adds the folders and returns all entries in the order of their names.
func (r *reading) page(folders []types.CommonPrefix) (page, error) {
	for _, f := range folders {
		r.add(entry{name: r.decode(f.Prefix), folder: true})
	}
	slices.SortStableFunc(r.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return page{entries: r.entries}, r.err
}

// given returns nil for an empty text.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
