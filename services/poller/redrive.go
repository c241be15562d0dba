package poller

import (
	"context"
	"fmt"
	"sync"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/fault"
	"github.com/logferry/logferry/pkg/notification"
	logferryv1 "github.com/logferry/logferry/proto/logferry/v1"
)

// Reader reads messages of queues a second time, as the poller reads them. It
// is safe for concurrent use.
type Reader struct {
	creds       *awscred.Cache
	connections map[string]connection.Connection

	mu    sync.Mutex
	known map[string]*objects // by connection
}

// NewReader returns a reader for the connections of the configuration.
func NewReader(env *app.Env) *Reader {
	r := &Reader{creds: awscred.New(env.Log), connections: map[string]connection.Connection{}, known: map[string]*objects{}}
	for _, c := range env.Config.Connections {
		r.connections[c.Name] = c
	}
	return r
}

// Objects returns the objects that a message of the connection announces, with
// the identity that they have whatever announces them. All of the message must
// be usable now: the error says what is not, and is permanent unless S3 did
// not answer.
func (r *Reader) Objects(ctx context.Context, connection string, message []byte) ([]*logferryv1.Object, error) {
	c, ok := r.connections[connection]
	if !ok {
		return nil, fault.Permanent(fault.NoConnection, fmt.Errorf("connection %s is not in the configuration: put it back", connection))
	}
	n, err := notification.Parse(message)
	if err != nil {
		return nil, err
	}
	if len(n.Rejected) > 0 {
		return nil, fault.Permanent(fault.UnknownNotification, fmt.Errorf("the message still has records that cannot be used: %s", summary(n.Rejected)))
	}
	for _, o := range n.Objects {
		if !c.Reads(o.Bucket) {
			return nil, fault.Permanent(fault.BucketNotAllowed,
				fmt.Errorf("bucket %s is still not one of the buckets of connection %s: add it to connections[].buckets", o.Bucket, connection))
		}
	}
	lookup, err := r.objects(ctx, c)
	if err != nil {
		return nil, err
	}
	found := make([]*logferryv1.Object, len(n.Objects))
	for i, o := range n.Objects {
		o, err := lookup.identify(ctx, o)
		if err != nil {
			return nil, err
		}
		found[i] = objectOf(c.Name, &Message{}, o)
	}
	return found, nil
}

// objects returns what looks up the connection's objects.
func (r *Reader) objects(ctx context.Context, c connection.Connection) (*objects, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.known[c.Name]; o != nil {
		return o, nil
	}
	region := ""
	if queues := c.Queues(); len(queues) > 0 {
		region = connection.QueueRegion(queues[0])
	}
	cfg, err := r.creds.Config(ctx, c, region)
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", c.Name, err)
	}
	r.known[c.Name] = newObjects(r.creds, c, cfg.Region)
	return r.known[c.Name], nil
}
