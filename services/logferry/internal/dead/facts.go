package dead

import (
	"time"

	"github.com/logferry/logferry/pkg/bus"
)

// Facts is a letter without its body, as it is written as JSON.
type Facts struct {
	Letter      string    `json:"letter"`
	Sequence    uint64    `json:"sequence"`
	Stored      time.Time `json:"stored"`
	ID          string    `json:"id,omitempty"`
	Stage       string    `json:"stage"`
	Reason      string    `json:"reason"`
	Error       string    `json:"error"`
	Kind        string    `json:"kind"`
	Connection  string    `json:"connection,omitempty"`
	Destination string    `json:"destination,omitempty"`
	Table       string    `json:"table,omitempty"`
	Format      string    `json:"format,omitempty"`
	Object      string    `json:"object,omitempty"`
	Bucket      string    `json:"bucket,omitempty"`
	Key         string    `json:"key,omitempty"`
	Version     string    `json:"version,omitempty"`
	ETag        string    `json:"etag,omitempty"`
	Part        *uint32   `json:"part,omitempty"`
	Offset      *int64    `json:"offset,omitempty"`
	Layout      string    `json:"layout,omitempty"`
	Records     uint64    `json:"records"`
	SentRecords uint64    `json:"sent_records,omitempty"`
	Attempts    uint32    `json:"attempts"`
	Time        time.Time `json:"time,omitzero"`
	Traceparent string    `json:"traceparent,omitempty"`
	ContentType string    `json:"content_type"`
	BodySize    int64     `json:"body_size"`
	// Body is the file that holds the body, in an export.
	Body string `json:"body,omitempty"`
}

// FactsOf returns what there is to say of a letter.
func FactsOf(l bus.Letter) Facts {
	f := Facts{
		Letter: l.Token, Sequence: l.Sequence, Stored: l.Stored, ID: l.GetId(), Stage: l.GetStage(), Reason: l.GetReason(),
		Error: l.GetError(), Kind: bus.KindOf(l.DeadLetter), Connection: l.GetConnection(), Destination: l.GetDestination(),
		Table: l.GetTable(), Format: l.GetFormat(), Object: l.GetObjectId(), Bucket: l.GetBucket(), Key: l.GetKey(),
		Version: l.GetVersionId(), ETag: l.GetEtag(), Layout: l.GetLayout(), Records: l.GetRecords(), SentRecords: l.GetSentRecords(),
		Attempts: l.GetAttempts(), Traceparent: l.GetTraceparent(), ContentType: l.GetContentType(), BodySize: l.GetBodySize(),
	}
	if l.GetHasPart() {
		f.Part = &l.Part
	}
	if l.GetOffset() >= 0 {
		f.Offset = &l.Offset
	}
	if l.GetTime() != nil {
		f.Time = l.GetTime().AsTime()
	}
	return f
}
