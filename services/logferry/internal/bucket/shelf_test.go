package bucket

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
)

// stored is a version of an object on a shelf, or a delete marker.
type stored struct {
	key, version string // version empty: null
	deleted      bool
	modified     time.Time
}

// shelf is a bucket named logs that can be listed as S3 documents it. The
// stand-in of pkg/localcloud lists versions without telling where the next page
// begins.
type shelf struct {
	objects   []stored // versions of a key from new to old
	versioned bool
	pageSize  int
	region    string
	silent    bool // does not name the region
	pays      bool // refuses who does not pay
	stuck     bool // begins anew with every page
	denied    string
	vanished  string // the key of an object that is listed and not there

	mu    sync.Mutex
	calls []string
}

// place returns a Lister of the shelf, whose objects are put in order.
func (s *shelf) place(t *testing.T, c connection.Connection) *Lister {
	t.Helper()
	slices.SortStableFunc(s.objects, func(a, b stored) int { return strings.Compare(a.key, b.key) })
	if s.pageSize == 0 {
		s.pageSize = 1000
	}
	if s.region == "" {
		s.region = "eu-west-1"
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
		"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	c.Name = "acme"
	if c.QueueURL == "" {
		c.QueueURL = "https://sqs.eu-west-1.amazonaws.com/123456789012/feed"
	}
	return New(awscred.New(slog.New(slog.DiscardHandler)), c)
}

// called returns the calls since it was asked last.
func (s *shelf) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// deny refuses calls of that kind from now on.
func (s *shelf) deny(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = kind
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	operation := "latest " + q.Get("prefix")
	switch {
	case r.Method == http.MethodHead:
		operation = "head " + key
	case q.Has("versions"):
		operation = "versions " + q.Get("prefix")
	}
	s.mu.Lock()
	s.calls = append(s.calls, operation)
	denied := s.denied
	s.mu.Unlock()
	kind, _, _ := strings.Cut(operation, " ")
	if !s.silent {
		w.Header().Set("X-Amz-Bucket-Region", s.region)
	}
	switch {
	case bucket != "logs":
		refuse(w, http.StatusNotFound, "NoSuchBucket")
	case !strings.Contains(r.Header.Get("Authorization"), "/"+s.region+"/s3/"):
		refuse(w, http.StatusMovedPermanently, "PermanentRedirect")
	case strings.Contains(denied, kind), s.pays && r.Header.Get("X-Amz-Request-Payer") != "requester":
		refuse(w, http.StatusForbidden, "AccessDenied")
	case kind == "head":
		s.head(w, key)
	default:
		s.list(w, q, kind == "versions")
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func (s *shelf) head(w http.ResponseWriter, key string) {
	i := slices.IndexFunc(s.objects, func(o stored) bool { return o.key == key })
	if i < 0 || s.objects[i].deleted || key == s.vanished {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	o := s.objects[i]
	if s.versioned {
		w.Header().Set("X-Amz-Version-Id", o.id())
	}
	w.Header().Set("Etag", o.etag())
	w.Header().Set("Content-Length", "7")
	w.Header().Set("Last-Modified", o.modified.Format(http.TimeFormat))
}

func (o stored) id() string {
	if o.version == "" {
		return "null"
	}
	return o.version
}

func (o stored) etag() string { return `"tag-` + strconv.Itoa(len(o.key)) + o.version + `"` }

// line is an object in an answer.
type line struct {
	Key, VersionId, ETag string
	Size                 int64
	LastModified         string
}

// answer is a page, of either kind of listing.
type answer struct {
	XMLName                                                                 xml.Name `xml:"Result"`
	IsTruncated                                                             bool
	EncodingType, NextKeyMarker, NextVersionIdMarker, NextContinuationToken string `xml:",omitempty"`
	Version, DeleteMarker, Contents                                         []line
	CommonPrefixes                                                          []struct{ Prefix string }
	lastKey, lastVersion                                                    string
}

// list answers with the page after the marker. What is rolled up into a folder
// counts once, and a marker that is a folder stands for all in it.
func (s *shelf) list(w http.ResponseWriter, q url.Values, versions bool) {
	after, version := q.Get("key-marker"), q.Get("version-id-marker")
	if !versions {
		after = cmp.Or(q.Get("continuation-token"), q.Get("start-after"))
	}
	if s.stuck {
		after, version = "", ""
	}
	a, passed := answer{EncodingType: "url"}, false
	for i, o := range s.objects {
		rest, ok := strings.CutPrefix(o.key, q.Get("prefix"))
		hidden := !versions && (o.deleted || i > 0 && s.objects[i-1].key == o.key)
		if !ok || hidden || o.key < after {
			continue
		}
		if o.key == after && !passed {
			passed = o.id() == version // those after it are older
			continue
		}
		folder := ""
		if n := strings.Index(rest, "/"); q.Get("delimiter") != "" && n >= 0 {
			folder = q.Get("prefix") + rest[:n+1]
		}
		if folder != "" && (folder == a.lastKey || folder == after) {
			continue
		}
		if len(a.Version)+len(a.DeleteMarker)+len(a.Contents)+len(a.CommonPrefixes) == s.pageSize {
			a.truncate(versions)
			break
		}
		a.add(o, folder, versions)
	}
	_ = xml.NewEncoder(w).Encode(a)
}

func (a *answer) truncate(versions bool) {
	a.IsTruncated = true
	if versions {
		a.NextKeyMarker, a.NextVersionIdMarker = encode(a.lastKey), a.lastVersion
		return
	}
	a.NextContinuationToken = a.lastKey
}

func (a *answer) add(o stored, folder string, versions bool) {
	if folder != "" {
		a.lastKey, a.lastVersion = folder, ""
		a.CommonPrefixes = append(a.CommonPrefixes, struct{ Prefix string }{encode(folder)})
		return
	}
	a.lastKey, a.lastVersion = o.key, o.id()
	l := line{Key: encode(o.key), VersionId: o.id(), ETag: o.etag(), Size: 7, LastModified: o.modified.Format(time.RFC3339)}
	switch {
	case o.deleted:
		a.DeleteMarker = append(a.DeleteMarker, l)
	case versions:
		a.Version = append(a.Version, l)
	default:
		a.Contents = append(a.Contents, l)
	}
}

func encode(name string) string { return strings.ReplaceAll(url.QueryEscape(name), "%2F", "/") }
