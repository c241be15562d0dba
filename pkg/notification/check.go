package notification

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/format"
	"github.com/logferry/logferry/pkg/jsontext"
)

const (
	// maxKeyBytes is the longest key, and version id, that S3 knows.
	maxKeyBytes = 1024
	// maxNameBytes bounds the other names.
	maxNameBytes = 128
)

// bucketName is what S3 ever allowed as the name of a bucket. It keeps ARNs
// and paths, which a client would read as something else, out.
var bucketName = regexp.MustCompile(`^[A-Za-z0-9._-]{3,255}$`)

// add checks the object, which any sender may have made up, and takes it up.
func (n *Notification) add(o Object) error {
	switch {
	case !bucketName.MatchString(o.Bucket):
		return fmt.Errorf("%s is no bucket name", brief(o.Bucket))
	case o.Key == "":
		return errors.New("the object's key is missing")
	case len(o.Key) > maxKeyBytes:
		return fmt.Errorf("the object's key is %d bytes long; S3 allows %d", len(o.Key), maxKeyBytes)
	case len(o.VersionID) > maxKeyBytes, len(o.ETag) > maxNameBytes, len(o.Region) > maxNameBytes:
		return errors.New("the object's version id, ETag or region is too long")
	}
	if what, ok := format.Ignorable(o.Key); ok {
		n.Ignored = append(n.Ignored, Ignored{Reason: what})
		return nil
	}
	n.Objects = append(n.Objects, o)
	return nil
}

// unknown makes the fault of a message that cannot be used: why, and what was
// seen.
func unknown(body []byte, err error) error {
	return fault.Permanent(fault.UnknownNotification, fmt.Errorf("notification: %w: %s", err, seen(body)))
}

// seen describes a message in a few words: the names of its fields or its
// beginning.
func seen(body []byte) string {
	if _, err := decode(body); err != nil {
		return fmt.Sprintf("seen %d bytes: %s", len(body), brief(string(body)))
	}
	var names []string
	s := jsontext.NewScanner(body)
	for s.Object(); s.Member(); s.Value() {
		names = append(names, string(s.Key()))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	more := ""
	if len(names) > 8 {
		names, more = names[:8], " and more"
	}
	for i, name := range names {
		names[i] = brief(name)
	}
	return "seen an object with the fields " + strings.Join(names, ", ") + more
}

// brief quotes the beginning of s.
func brief(s string) string {
	if len(s) > 60 {
		return fmt.Sprintf("%.60q…", s)
	}
	return fmt.Sprintf("%q", s)
}
