package poller

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Message is a queue message that the poller holds: nobody else receives it
// until it is deleted or given back.
type Message struct {
	ID   string
	Body []byte
	// Sent is when the message entered the queue, zero when SQS does not tell.
	Sent time.Time
	// Receives counts how often SQS has handed the message out, at least 1.
	Receives int

	// call has room for one: the request about the receipt that is under way.
	// So an extension never overtakes a give-back.
	call chan struct{}
	hold hold // guarded by the keeper
}

// hold is the claim on a message.
type hold struct {
	// receipt is the newest handle: older ones need not delete the message.
	receipt string
	// since is when the newest receipt was got. SQS ends the hold 12 hours
	// later, whatever is asked.
	since time.Time
	// due is when the visibility is to be extended.
	due time.Time
	// lost is set when SQS no longer honours the receipt.
	lost bool
}

// newMessage reads what SQS has handed out at that time.
func newMessage(m types.Message, now time.Time) *Message {
	held := &Message{
		ID:       aws.ToString(m.MessageId),
		Body:     []byte(aws.ToString(m.Body)),
		Receives: 1,
		call:     make(chan struct{}, 1),
		hold:     hold{receipt: aws.ToString(m.ReceiptHandle), since: now},
	}
	if n, err := strconv.Atoi(attribute(m, types.MessageSystemAttributeNameApproximateReceiveCount)); err == nil {
		held.Receives = max(n, 1)
	}
	if ms, err := strconv.ParseInt(attribute(m, types.MessageSystemAttributeNameSentTimestamp), 10, 64); err == nil {
		held.Sent = time.UnixMilli(ms)
	}
	return held
}

// begin waits until no request about m is under way, and starts one. Unless it
// returns an error, end must follow.
func (m *Message) begin(ctx context.Context) error {
	select {
	case m.call <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryBegin is begin without the wait.
func (m *Message) tryBegin() bool {
	select {
	case m.call <- struct{}{}:
		return true
	default:
		return false
	}
}

// end ends what begin started.
func (m *Message) end() { <-m.call }

func attribute(m types.Message, name types.MessageSystemAttributeName) string {
	return m.Attributes[string(name)]
}
