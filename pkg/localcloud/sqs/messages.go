package sqs

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
)

// attribute is a message attribute, carried and not looked at.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

// entry is one of a batch, or the only one of a single call.
type entry struct {
	ID                string `json:"Id"`
	MessageBody       string
	DelaySeconds      *int
	MessageAttributes map[string]attribute
	ReceiptHandle     string
	VisibilityTimeout *int
}

type entryInput struct {
	QueueURL string `json:"QueueUrl"`
	entry
}

type batchInput struct {
	QueueURL string `json:"QueueUrl"`
	Entries  []entry
}

type sent struct {
	ID        string `json:"Id,omitempty"`
	MessageID string `json:"MessageId"`
	MD5       string `json:"MD5OfMessageBody"`
}

type done struct {
	ID string `json:"Id"`
}

type failed struct {
	ID          string `json:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

type batchOutput struct {
	Successful []any
	Failed     []failed `json:",omitempty"`
}

func (s *Server) sendMessage(in entryInput) (any, error) {
	q, err := s.byURL(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return q.send(in.entry)
}

func (s *Server) sendMessageBatch(in batchInput) (any, error) {
	size := 0
	for _, e := range in.Entries {
		size += len(e.MessageBody)
	}
	if size > maxBody {
		return nil, newError("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", "Batch requests cannot be longer than %d bytes.", maxBody)
	}
	return s.batch("SendMessageBatch", in, (*queue).send)
}

// send adds the message of an entry.
func (q *queue) send(e entry) (any, error) {
	if e.MessageBody == "" {
		return nil, errParameter("The request must contain the parameter MessageBody.")
	}
	if len(e.MessageBody) > maxBody {
		return nil, errParameter("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxBody)
	}
	q.mu.Lock()
	delay := q.delay
	q.mu.Unlock()
	if e.DelaySeconds != nil {
		delay = time.Duration(*e.DelaySeconds) * time.Second
	}
	m := &message{id: newID(), body: e.MessageBody, attributes: e.MessageAttributes, sent: time.Now()}
	out := sent{e.ID, m.id, md5Hex(m.body)}
	q.add(m, delay)
	return out, nil
}

func (s *Server) deleteMessage(in entryInput) (any, error) {
	q, err := s.byURL(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return q.delete(in.entry)
}

func (s *Server) deleteMessageBatch(in batchInput) (any, error) {
	return s.batch("DeleteMessageBatch", in, (*queue).delete)
}

func (q *queue) delete(e entry) (any, error) {
	return done{e.ID}, q.remove(e.ReceiptHandle)
}

func (s *Server) changeVisibility(in entryInput) (any, error) {
	q, err := s.byURL(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return q.change(in.entry)
}

func (s *Server) changeVisibilityBatch(in batchInput) (any, error) {
	return s.batch("ChangeMessageVisibilityBatch", in, (*queue).change)
}

func (q *queue) change(e entry) (any, error) {
	timeout, err := visibility(e.VisibilityTimeout, 0)
	if err != nil {
		return nil, err
	}
	return done{e.ID}, q.hide(e.ReceiptHandle, timeout)
}

// batch does one thing for each entry; the entries fail one by one.
func (s *Server) batch(operation string, in batchInput, do func(*queue, entry) (any, error)) (any, error) {
	q, err := s.byURL(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.Entries); err != nil {
		return nil, err
	}
	out := batchOutput{Successful: []any{}}
	for _, e := range in.Entries {
		fault := s.options.Faults.Next(inject.Call{Service: inject.SQS, Operation: operation + "/entry", Resource: q.name})
		if fault.IsError() {
			out.Failed = append(out.Failed, failed{e.ID, fault.Code, fault.Message, fault.Status < http.StatusInternalServerError})
			continue
		}
		result, err := do(q, e)
		if err != nil {
			api := err.(*apiError) // all that do returns
			out.Failed = append(out.Failed, failed{e.ID, api.code, api.message, true})
			continue
		}
		out.Successful = append(out.Successful, result)
	}
	return out, nil
}

func checkBatch(entries []entry) error {
	if len(entries) == 0 {
		return newError("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one entry in the request.")
	}
	if len(entries) > maxBatch {
		return newError("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
			"Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(entries))
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if !queueName.MatchString(e.ID) { // the same letters and length
			return newError("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId",
				"A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[e.ID] {
			return newError("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Id %s repeated.", e.ID)
		}
		seen[e.ID] = true
	}
	return nil
}

// visibility checks a visibility timeout in seconds.
func visibility(seconds *int, preset time.Duration) (time.Duration, error) {
	if seconds == nil {
		return preset, nil
	}
	timeout := time.Duration(*seconds) * time.Second
	if timeout < 0 || timeout > maxVisibility {
		return 0, errParameter("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.", *seconds)
	}
	return timeout, nil
}

type receiveInput struct {
	QueueURL                    string `json:"QueueUrl"`
	MaxNumberOfMessages         *int
	WaitTimeSeconds             *int
	VisibilityTimeout           *int
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
}

type receivedMessage struct {
	MessageID         string `json:"MessageId"`
	ReceiptHandle     string
	MD5OfBody         string
	Body              string
	Attributes        map[string]string    `json:",omitempty"`
	MessageAttributes map[string]attribute `json:",omitempty"`
}

func (s *Server) receiveMessage(ctx context.Context, in receiveInput, again bool) (any, error) {
	q, err := s.byURL(in.QueueURL)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	hidden, wait := q.visibility, q.wait
	q.mu.Unlock()
	limit := 1
	if in.MaxNumberOfMessages != nil {
		limit = *in.MaxNumberOfMessages
	}
	if in.WaitTimeSeconds != nil {
		wait = time.Duration(*in.WaitTimeSeconds) * time.Second
	}
	if limit < 1 || limit > maxBatch {
		return nil, errParameter("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", limit)
	}
	if wait < 0 || wait > maxWait {
		return nil, errParameter("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", int(wait.Seconds()))
	}
	if hidden, err = visibility(in.VisibilityTimeout, hidden); err != nil {
		return nil, err
	}
	got, err := q.receive(ctx, limit, hidden, wait, again)
	if err != nil {
		return nil, newError("OverLimit", "OverLimit", "%v", err)
	}
	var out struct {
		Messages []receivedMessage `json:",omitempty"`
	}
	for _, r := range got {
		out.Messages = append(out.Messages, in.answer(r))
	}
	return out, nil
}

func (in receiveInput) answer(r received) receivedMessage {
	out := receivedMessage{
		MessageID: r.id, ReceiptHandle: r.receipt, MD5OfBody: md5Hex(r.body), Body: r.body,
	}
	millis := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	names := slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames)
	for name, value := range map[string]string{
		"SentTimestamp":                    millis(r.sent),
		"ApproximateReceiveCount":          strconv.Itoa(r.receives),
		"ApproximateFirstReceiveTimestamp": millis(r.firstReceived),
		"SenderId":                         "AIDALOCALCLOUD000000",
		"DeadLetterQueueSourceArn":         r.source,
	} {
		if value != "" && (slices.Contains(names, "All") || slices.Contains(names, name)) {
			if out.Attributes == nil {
				out.Attributes = map[string]string{}
			}
			out.Attributes[name] = value
		}
	}
	for name, value := range r.attributes {
		if slices.Contains(in.MessageAttributeNames, "All") || slices.Contains(in.MessageAttributeNames, name) {
			if out.MessageAttributes == nil {
				out.MessageAttributes = map[string]attribute{}
			}
			out.MessageAttributes[name] = value
		}
	}
	return out
}
