// Package sqs is a stand-in of Amazon SQS: standard queues over the AWS JSON
// 1.0 protocol, in memory, with visibility timeouts, receive counts,
// dead-letter queues, long polls and receipts that go stale. It is quick with
// hundreds of thousands of messages.
package sqs

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
)

// Target is how the X-Amz-Target header of a call to SQS begins.
const Target = "AmazonSQS."

const contentType = "application/x-amz-json-1.0"

// maxRequest bounds the body of a call: a batch of the largest size with
// escapes.
const maxRequest = 8 << 20

// Options configures a [Server]. All fields are required.
type Options struct {
	// URL is the endpoint that queue URLs begin with.
	URL     string
	Region  string
	Account string
	Faults  *inject.Table
}

// Server is the stand-in, an [http.Handler] for the calls with [Target].
type Server struct {
	options Options

	mu     sync.Mutex
	queues map[string]*queue
}

// New returns a Server without queues.
func New(o Options) *Server {
	return &Server{options: o, queues: map[string]*queue{}}
}

// Send puts a message into the queue of that name. It is what S3 and SNS do.
func (s *Server) Send(name, body string) error {
	q, err := s.queue(name)
	if err != nil {
		return err
	}
	q.add(&message{id: newID(), body: body, sent: time.Now()}, 0)
	return nil
}

// CreateFeedQueue makes a queue as a connection has it, with a dead-letter
// queue <name>-dead that takes what was received five times. It returns the
// queue's URL.
func (s *Server) CreateFeedQueue(name string) (url string, err error) {
	dead, err := s.create(createQueueInput{QueueName: name + "-dead"})
	if err != nil {
		return "", err
	}
	q, err := s.create(createQueueInput{QueueName: name, Attributes: map[string]string{
		"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":5}`, dead.arn),
	}})
	if err != nil {
		return "", err
	}
	return q.url, nil
}

// SetPolicy sets the policy of the queue of that name. It is kept, and not
// enforced.
func (s *Server) SetPolicy(name, policy string) error {
	q, err := s.queue(name)
	if err != nil {
		return err
	}
	return s.setOne(q, "Policy", policy)
}

// URL returns the URL of the queue of that name.
func (s *Server) URL(name string) string {
	return s.options.URL + "/" + s.options.Account + "/" + name
}

// Depth is how many messages a queue holds.
type Depth struct {
	// Visible can be received, InFlight were received and not deleted, Delayed
	// were sent with a delay.
	Visible, InFlight, Delayed int
}

// Depth returns how many messages the queue of that name holds.
func (s *Server) Depth(name string) (Depth, error) {
	q, err := s.queue(name)
	if err != nil {
		return Depth{}, err
	}
	counts := q.depth()
	return Depth{counts[ready], counts[inFlight], counts[delayed]}, nil
}

func (s *Server) queue(name string) (*queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.queues[name]
	if !ok {
		return nil, errNoQueue()
	}
	return q, nil
}

// byURL returns the queue that a URL names; only its path counts, as clients
// send the call to the endpoint they know.
func (s *Server) byURL(url string) (*queue, error) {
	if url == "" {
		return nil, newError("InvalidAddress", "InvalidAddress", "The address %s is not valid for this endpoint.", url)
	}
	return s.queue(url[strings.LastIndexByte(url, '/')+1:])
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), Target)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		write(w, http.StatusRequestEntityTooLarge, errParameter("The request is longer than %d bytes.", maxRequest))
		return
	}
	call := inject.Call{Service: inject.SQS, Operation: operation, Resource: resource(body)}
	fault := s.options.Faults.Next(call)
	inject.Serve(w, r, fault, func(w http.ResponseWriter, r *http.Request) {
		out, err := s.do(r.Context(), call, body, fault.Duplicate)
		if err != nil {
			write(w, http.StatusBadRequest, err)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_ = json.NewEncoder(w).Encode(out)
	}, Refuse)
}

// resource returns the name of the queue that a call is about.
func resource(body []byte) string {
	var in struct{ QueueURL, QueueName string }
	if json.Unmarshal(body, &in) != nil {
		return ""
	}
	if in.QueueName != "" {
		return in.QueueName
	}
	return in.QueueURL[strings.LastIndexByte(in.QueueURL, '/')+1:]
}

func (s *Server) do(ctx context.Context, call inject.Call, body []byte, again bool) (any, error) {
	switch call.Operation {
	case "CreateQueue":
		return run(body, s.createQueue)
	case "DeleteQueue":
		return run(body, s.deleteQueue)
	case "GetQueueUrl":
		return run(body, s.getQueueURL)
	case "ListQueues":
		return run(body, s.listQueues)
	case "GetQueueAttributes":
		return run(body, s.getQueueAttributes)
	case "SetQueueAttributes":
		return run(body, s.setQueueAttributes)
	case "PurgeQueue":
		return run(body, s.purgeQueue)
	case "SendMessage":
		return run(body, s.sendMessage)
	case "SendMessageBatch":
		return run(body, s.sendMessageBatch)
	case "ReceiveMessage":
		return run(body, func(in receiveInput) (any, error) { return s.receiveMessage(ctx, in, again) })
	case "DeleteMessage":
		return run(body, s.deleteMessage)
	case "DeleteMessageBatch":
		return run(body, s.deleteMessageBatch)
	case "ChangeMessageVisibility":
		return run(body, s.changeVisibility)
	case "ChangeMessageVisibilityBatch":
		return run(body, s.changeVisibilityBatch)
	}
	return nil, &apiError{"com.amazon.coral.service#UnknownOperationException", "InvalidAction",
		"The action " + call.Operation + " is not valid for this endpoint."}
}

// run decodes the input of an operation and does it.
func run[In any](body []byte, do func(In) (any, error)) (any, error) {
	var in In
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &apiError{"com.amazon.coral.service#SerializationException", "SerializationException", err.Error()}
	}
	return do(in)
}

// names returns the names of the queues that begin with prefix, sorted.
func (s *Server) names(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.queues {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func md5Hex(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}
