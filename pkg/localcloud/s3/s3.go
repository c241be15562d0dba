// Package s3 is a stand-in of Amazon S3: an in-memory server (gofakes3) with
// what it lacks to be read like the real one: notifications to queues,
// If-Match on reads, the bucket's region, and faults.
package s3

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/notification"
)

// maxObject bounds an object, compressed as it is stored.
const maxObject = 1 << 30

// Options configures a [Server]. All fields are required.
type Options struct {
	Region  string
	Account string
	Faults  *inject.Table
	// Send puts a message into a queue.
	Send func(queue, body string) error
}

// Rule says which new objects of a bucket are announced on which queue.
type Rule struct {
	Bucket         string
	Prefix, Suffix string
	Queue          string
}

// Server is the stand-in, an [http.Handler].
type Server struct {
	options Options
	backend *s3mem.Backend
	handler http.Handler

	mu    sync.Mutex
	rules []Rule
}

// New returns a Server without buckets.
func New(o Options) *Server {
	backend := s3mem.New()
	return &Server{options: o, backend: backend, handler: gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0)).Server()}
}

// CreateBucket makes a bucket.
func (s *Server) CreateBucket(name string) error {
	if err := s.backend.CreateBucket(name); err != nil {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	return nil
}

// Version turns the versioning of a bucket on.
func (s *Server) Version(bucket string) error {
	enabled := gofakes3.VersioningConfiguration{Status: gofakes3.VersioningEnabled}
	if err := s.backend.SetVersioningConfiguration(bucket, enabled); err != nil {
		return fmt.Errorf("turn on the versioning of %s: %w", bucket, err)
	}
	return nil
}

// Notify announces new objects from now on, after a test event.
func (s *Server) Notify(r Rule) error {
	if err := s.options.Send(r.Queue, notification.Test(r.Bucket, time.Now())); err != nil {
		return fmt.Errorf("notify queue %s: %w", r.Queue, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, r)
	return nil
}

// Put stores an object and announces it, as a PutObject call does.
func (s *Server) Put(bucket, key string, body []byte) error {
	if err := s.store(bucket, key, body); err != nil {
		return err
	}
	return s.announce(bucket, key, "ObjectCreated:Put")
}

// PutQuietly stores an object and announces nothing: for objects that lie
// there already, and for messages made by hand.
func (s *Server) PutQuietly(bucket, key string, body []byte) (notification.Object, error) {
	if err := s.store(bucket, key, body); err != nil {
		return notification.Object{}, err
	}
	return s.describe(bucket, key)
}

func (s *Server) store(bucket, key string, body []byte) error {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body))
	meta := map[string]string{
		"Content-Type":         "application/x-gzip",
		"Last-Modified":        time.Now().UTC().Format(http.TimeFormat),
		"X-Amz-Checksum-Crc32": base64.StdEncoding.EncodeToString(sum), // SDKs check it
	}
	_, err := s.backend.PutObject(bucket, key, meta, bytes.NewReader(body), int64(len(body)), nil)
	if err != nil {
		return fmt.Errorf("put s3://%s/%s: %w", bucket, key, err)
	}
	return nil
}

// Delete removes an object without a word.
func (s *Server) Delete(bucket, key string) error {
	if _, err := s.backend.DeleteObject(bucket, key); err != nil {
		return fmt.Errorf("delete s3://%s/%s: %w", bucket, key, err)
	}
	return nil
}

// describe returns what a message says of an object.
func (s *Server) describe(bucket, key string) (notification.Object, error) {
	o, err := s.backend.HeadObject(bucket, key)
	if err != nil {
		return notification.Object{}, fmt.Errorf("head s3://%s/%s: %w", bucket, key, err)
	}
	defer o.Contents.Close()
	object := notification.Object{
		Bucket: bucket, Key: key, Size: o.Size, ETag: hex.EncodeToString(o.Hash),
		Region: s.options.Region, Account: s.options.Account, Time: time.Now(),
	}
	if s.versioned(bucket) {
		object.Version = string(o.VersionID)
	}
	return object, nil
}

// versioned reports whether the bucket keeps versions. The server below gives
// every object a version, also where S3 gives none.
func (s *Server) versioned(bucket string) bool {
	c, err := s.backend.VersioningConfiguration(bucket)
	return err == nil && c.Status != gofakes3.VersioningNone
}

// announce tells the queues that want to know of a new object.
func (s *Server) announce(bucket, key, event string) error {
	queues := s.queues(bucket, key)
	if len(queues) == 0 {
		return nil
	}
	object, err := s.describe(bucket, key)
	if err != nil {
		return err
	}
	object.Event = event
	for _, queue := range queues {
		if err := s.options.Send(queue, notification.S3(object)); err != nil {
			return fmt.Errorf("announce s3://%s/%s on %s: %w", bucket, key, queue, err)
		}
	}
	return nil
}

func (s *Server) queues(bucket, key string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var queues []string
	for _, r := range s.rules {
		if r.Bucket == bucket && strings.HasPrefix(key, r.Prefix) && strings.HasSuffix(key, r.Suffix) {
			queues = append(queues, r.Queue)
		}
	}
	return queues
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	bucket, key, _ := strings.Cut(path, "/")
	call := inject.Call{Service: inject.S3, Operation: operation(r, bucket, key), Resource: path}
	w.Header().Set("x-amz-bucket-region", s.options.Region)
	r.Body = http.MaxBytesReader(w, r.Body, maxObject)
	inject.Serve(w, r, s.options.Faults.Next(call), func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, call.Operation, bucket, key)
	}, Refuse)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, operation, bucket, key string) {
	event := ""
	switch operation {
	case "GetBucketNotificationConfiguration":
		s.serveNotifications(w, bucket)
		return
	case "GetObject", "HeadObject":
		if want := r.Header.Get("If-Match"); want != "" && s.changed(bucket, key, r.URL.Query().Get("versionId"), want) {
			Refuse(w, inject.Fault{Status: http.StatusPreconditionFailed, Code: "PreconditionFailed",
				Message: "At least one of the pre-conditions you specified did not hold"})
			return
		}
	case "PutObject":
		event = "ObjectCreated:Put"
	case "CopyObject":
		event = "ObjectCreated:Copy"
	case "CompleteMultipartUpload":
		event = "ObjectCreated:CompleteMultipartUpload"
	}
	status := &statusWriter{ResponseWriter: w, status: http.StatusOK, versioned: s.versioned(bucket)}
	s.handler.ServeHTTP(status, r)
	if !status.written { // an answer without a body
		status.WriteHeader(http.StatusOK)
	}
	if event != "" && status.status == http.StatusOK {
		// The object is stored and the answer is under way: as with AWS, the
		// client never learns of a notification that does not arrive.
		_ = s.announce(bucket, key, event)
	}
}

// changed reports whether the object, or a version of it, is there with
// another ETag.
func (s *Server) changed(bucket, key, version, etag string) bool {
	o, err := s.backend.HeadObjectVersion(bucket, key, gofakes3.VersionID(version)) // no version: the latest
	if err != nil {
		return false
	}
	defer o.Contents.Close()
	return hex.EncodeToString(o.Hash) != strings.Trim(etag, `"`)
}

// operation returns the API's name of a call, for those that Logferry and its
// tests make, else the method.
func operation(r *http.Request, bucket, key string) string {
	query := r.URL.Query()
	switch {
	case bucket == "":
		return "ListBuckets"
	case key == "" && r.Method == http.MethodGet && query.Has("location"):
		return "GetBucketLocation"
	case key == "" && r.Method == http.MethodGet && query.Has("versioning"):
		return "GetBucketVersioning"
	case key == "" && r.Method == http.MethodGet && query.Has("notification"):
		return "GetBucketNotificationConfiguration"
	case key == "" && r.Method == http.MethodGet && query.Has("versions"):
		return "ListObjectVersions"
	case key == "" && r.Method == http.MethodGet:
		return "ListObjectsV2"
	case key == "" && r.Method == http.MethodPut:
		return "CreateBucket"
	case key == "" && r.Method == http.MethodHead:
		return "HeadBucket"
	case r.Method == http.MethodPost && query.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost && query.Has("uploadId"):
		return "CompleteMultipartUpload"
	case r.Method == http.MethodPut && query.Has("uploadId"):
		return "UploadPart"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "CopyObject"
	case r.Method == http.MethodPut:
		return "PutObject"
	case r.Method == http.MethodGet:
		return "GetObject"
	case r.Method == http.MethodHead:
		return "HeadObject"
	case r.Method == http.MethodDelete:
		return "DeleteObject"
	}
	return r.Method
}

// statusWriter remembers the status of an answer, and takes the version out of
// one about a bucket without versions.
type statusWriter struct {
	http.ResponseWriter
	status             int
	versioned, written bool
}

func (s *statusWriter) WriteHeader(status int) {
	s.status, s.written = status, true
	if !s.versioned {
		s.Header().Del("x-amz-version-id")
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(p []byte) (int, error) {
	if !s.written {
		s.WriteHeader(http.StatusOK)
	}
	return s.ResponseWriter.Write(p)
}

// Unwrap gives [http.ResponseController] the writer below.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Refuse answers with an error in the shape of S3.
func Refuse(w http.ResponseWriter, f inject.Fault) {
	code := f.Code
	if code == "" {
		code = "InternalError"
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(f.Status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
	}{Code: code, Message: f.Message, RequestID: "LOCALCLOUD"})
}
