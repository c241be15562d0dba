package poller

import (
	"strconv"
	"sync"
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

	// call is held while a request about the receipt is under way, so that an
	// extension never overtakes a give-back.
	call sync.Mutex
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

func attribute(m types.Message, name types.MessageSystemAttributeName) string {
	return m.Attributes[string(name)]
}
