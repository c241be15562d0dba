package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/johannesboyne/gofakes3"

	"github.com/logferry/logferry/pkg/localcloud/inject"
)

// notificationConfiguration is what S3 answers about a bucket's notifications.
type notificationConfiguration struct {
	XMLName xml.Name             `xml:"http://s3.amazonaws.com/doc/2006-03-01/ NotificationConfiguration"`
	Queues  []queueConfiguration `xml:"QueueConfiguration"`
}

type queueConfiguration struct {
	ID      string       `xml:"Id"`
	Queue   string       `xml:"Queue"`
	Events  []string     `xml:"Event"`
	Filters []filterRule `xml:"Filter>S3Key>FilterRule"`
}

type filterRule struct {
	Name  string `xml:"Name"`
	Value string `xml:"Value"`
}

// serveNotifications answers with the rules of the bucket.
func (s *Server) serveNotifications(w http.ResponseWriter, bucket string) {
	if exists, err := s.backend.BucketExists(bucket); err != nil || !exists {
		Refuse(w, inject.Fault{Status: http.StatusNotFound, Code: string(gofakes3.ErrNoSuchBucket), Message: "The specified bucket does not exist"})
		return
	}
	var out notificationConfiguration
	s.mu.Lock()
	for _, r := range s.rules {
		if r.Bucket == bucket {
			out.Queues = append(out.Queues, r.configuration(s.options))
		}
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}

func (r Rule) configuration(o Options) queueConfiguration {
	q := queueConfiguration{
		ID: r.Queue, Queue: "arn:aws:sqs:" + o.Region + ":" + o.Account + ":" + r.Queue, Events: []string{"s3:ObjectCreated:*"},
	}
	if r.Prefix != "" {
		q.Filters = append(q.Filters, filterRule{"prefix", r.Prefix})
	}
	if r.Suffix != "" {
		q.Filters = append(q.Filters, filterRule{"suffix", r.Suffix})
	}
	return q
}
