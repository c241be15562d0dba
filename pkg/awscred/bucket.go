package awscred

import (
	"errors"
	"net/http"
	"sync"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// maxBuckets bounds the buckets whose region is remembered.
const maxBuckets = 10_000

// BucketRegions remembers which buckets are in another region than was said of
// them. The zero value knows none. It is safe for concurrent use.
type BucketRegions struct {
	mu    sync.Mutex
	known map[string]string // by bucket
}

// Follow calls try with the region that is known of the bucket, or else with
// the one given. When the error is S3's answer that the bucket is in another
// region, that region is remembered, and try is called once more with it. It
// returns the region of the last call, and whether that was news.
func (r *BucketRegions) Follow(bucket, region string, try func(region string) error) (used string, news bool, err error) {
	used = r.of(bucket, region)
	err = try(used)
	right := namedRegion(err)
	if right == "" || right == used {
		return used, false, err
	}
	r.learn(bucket, right)
	return right, true, try(right)
}

func (r *BucketRegions) of(bucket, said string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.known[bucket]; ok {
		return known
	}
	return said
}

func (r *BucketRegions) learn(bucket, region string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= maxBuckets {
		r.known = make(map[string]string)
	}
	r.known[bucket] = region
}

// namedRegion returns the region that an answer of S3 names because the
// request went to the wrong one.
func namedRegion(err error) string {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || answer.HTTPResponse() == nil {
		return ""
	}
	switch answer.HTTPStatusCode() {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest:
		return answer.HTTPResponse().Header.Get("X-Amz-Bucket-Region")
	}
	return ""
}
