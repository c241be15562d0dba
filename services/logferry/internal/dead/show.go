package dead

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/pkg/batch"
	"github.com/logferry/logferry/pkg/bus"
	"github.com/logferry/logferry/pkg/sink/rowjson"
)

// Show writes all that is known of a letter, then what it holds, as text:
// records and rows as a JSON object a line.
func Show(l bus.Letter, w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range fields(FactsOf(l)) {
		if f.value != "" {
			fmt.Fprintf(t, "%s\t%s\n", f.name, visible(f.value))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	text, err := text(l)
	if err != nil {
		_, err := fmt.Fprintf(w, "\nnot shown: %s\n", visible(err.Error()))
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n", strings.TrimSuffix(text, "\n"))
	return err
}

// field is a fact with its name for people.
type field struct{ name, value string }

func fields(f Facts) []field {
	number := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	moment := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	all := []field{
		{"letter", f.Letter}, {"reason", f.Reason}, {"error", f.Error}, {"stage", f.Stage}, {"kind", f.Kind},
		{"stored", moment(f.Stored)}, {"time", moment(f.Time)}, {"attempts", number(uint64(f.Attempts))},
		{"connection", f.Connection}, {"destination", f.Destination}, {"table", f.Table}, {"format", f.Format},
		{"bucket", f.Bucket}, {"key", f.Key}, {"version", f.Version}, {"etag", f.ETag}, {"object", f.Object},
	}
	if f.Part != nil {
		all = append(all, field{"part", fmt.Sprint(*f.Part)})
	}
	if f.Offset != nil {
		all = append(all, field{"offset", fmt.Sprint(*f.Offset)})
	}
	return append(all,
		field{"layout", f.Layout}, field{"records", number(f.Records)}, field{"sent records", number(f.SentRecords)},
		field{"id", f.ID}, field{"sequence", number(f.Sequence)}, field{"trace", f.Traceparent},
		field{"body", fmt.Sprintf("%d bytes, %s", f.BodySize, f.ContentType)},
	)
}

// text returns what the letter holds as text.
func text(l bus.Letter) (string, error) {
	if l.Broken != nil {
		return plain(l.GetBody())
	}
	switch bus.KindOf(l.DeadLetter) {
	case bus.LetterObject:
		return objectText(l)
	case bus.LetterRows:
		return rowsText(l)
	case bus.LetterRecords:
		return recordsText(l)
	}
	body, err := bus.BodyOf(l.DeadLetter)
	if err != nil {
		return "", err
	}
	return plain(body)
}

// objectText returns what the letter knows of its object besides its facts.
func objectText(l bus.Letter) (string, error) {
	o, err := bus.ObjectOf(l.DeadLetter)
	if err != nil {
		return "", err
	}
	type object struct {
		Region    string    `json:"region,omitempty"`
		Message   string    `json:"message,omitempty"`
		Size      int64     `json:"size,omitempty"`
		EventTime time.Time `json:"event_time,omitzero"`
		Notified  time.Time `json:"notified,omitzero"`
		Skip      uint64    `json:"skip_records,omitempty"`
	}
	facts := object{Region: o.GetRegion(), Message: o.GetMessageId(), Size: o.GetSize(), Skip: o.GetSkipRecords()}
	if o.GetEventTime() != nil {
		facts.EventTime = o.GetEventTime().AsTime()
	}
	if o.GetNotified() != nil {
		facts.Notified = o.GetNotified().AsTime()
	}
	body, err := json.Marshal(facts)
	return "object " + string(body), err
}

// rowsText returns rows as JSON lines, as they are posted.
func rowsText(l bus.Letter) (string, error) {
	b, err := bus.BatchOf(l.DeadLetter)
	if err != nil {
		return "", err
	}
	defer b.Release()
	rows, err := rowjson.New(b.Record)
	if err != nil {
		return "", err
	}
	var all []byte
	for i := range rows.Len() {
		all = append(rows.AppendRow(all, i), '\n')
	}
	return string(all), nil
}

// recordsText returns a record as it is, if it is text, and many as JSON lines.
func recordsText(l bus.Letter) (string, error) {
	b, err := bus.BatchOf(l.DeadLetter)
	if err != nil {
		return "", err
	}
	defer b.Release()
	records, offsets, err := batch.Records(b.Record)
	if err != nil {
		return "", err
	}
	if records.Len() == 1 {
		return plain(records.Value(0))
	}
	type record struct {
		Offset int64  `json:"offset"`
		Record string `json:"record,omitempty"`
		Bytes  []byte `json:"bytes,omitempty"` // of what is no text
	}
	var all bytes.Buffer
	e := json.NewEncoder(&all)
	e.SetEscapeHTML(false)
	for i := range records.Len() {
		r := record{Offset: offsets.Value(i), Record: string(records.Value(i))}
		if !utf8.ValidString(r.Record) {
			r.Record, r.Bytes = "", records.Value(i)
		}
		if err := e.Encode(r); err != nil {
			return "", err
		}
	}
	return all.String(), nil
}

// plain returns a body that is text, fit for a terminal.
func plain(body []byte) (string, error) {
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return "", errors.New("the body is no text; --body FILE writes it to a file")
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return oneLine(r)
	}, string(body)), nil
}
