package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
	"github.com/logferry/logferry/pkg/localcloud/inject"
	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
)

// The one bucket and queue.
const (
	bucketName = "logs"
	queueName  = "logs"
	deadName   = queueName + "-dead"
)

// defaultMemory is what Options.Memory is when it is not set.
const defaultMemory = 1_500_000_000

// Serve runs the stand-ins until stdin closes: for a program that [Start]
// runs. It reads its options from stdin and says where it is on stdout. The
// end of ctx ends the stand-ins, but Serve waits for stdin all the same.
func Serve(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var o Options
	options := json.NewDecoder(stdin)
	if err := options.Decode(&o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg conc.WaitGroup
	defer wg.Wait()
	defer cancel()
	s, err := newServer(ctx, o)
	if err != nil {
		return err
	}
	defer s.cloud.Close()
	wg.Go(func() { s.stock.run(ctx) })
	defer s.feeder.wg.Wait()
	defer s.feeder.halt()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control := &http.Server{Handler: s.control(ctx), ReadHeaderTimeout: 10 * time.Second}
	wg.Go(func() { _ = control.Serve(listener) })
	defer control.Close()
	if err := s.hello(o.Directory, "http://"+listener.Addr().String(), stdout); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.MultiReader(options.Buffered(), stdin))
	return err
}

// server is the stand-ins with what feeds them and counts.
type server struct {
	options Options
	cloud   *localcloud.Cloud
	queue   string // URL
	stock   *stock
	feeder  *feeder
	counter *counter
	sample  sample
	old     old
	faults  faults
}

func newServer(ctx context.Context, o Options) (*server, error) {
	s := &server{options: o}
	s.counter = newCounter(time.Now(), s.old.add)
	cloud, err := localcloud.Start(ctx, localcloud.Options{
		KeepBytes: -1,
		OnRows: func(table string, rows []ingestion.Row) {
			s.counter.rows(table, rows)
			s.sample.call(rows)
		},
		Key: func(string, ingestion.Row) string { return "" }, // the counter knows better
	})
	if err != nil {
		return nil, err
	}
	s.cloud = cloud
	s.old.remove = func(key string) { _ = cloud.S3.Delete(bucketName, key) }
	if s.queue, err = cloud.SQS.CreateFeedQueue(queueName); err == nil {
		err = cloud.S3.CreateBucket(bucketName)
	}
	if err != nil {
		cloud.Close()
		return nil, err
	}
	s.stock = newStock(o.Memory, o.Seed, func(object samplelog.Object) (notification.Object, error) {
		s.sample.object(object)
		return cloud.S3.PutQuietly(bucketName, object.Key, object.Body)
	})
	s.feeder = &feeder{stock: s.stock, counter: s.counter, send: s.send}
	s.faults.options, s.faults.table = o, cloud.Faults
	s.faults.set(Fault{})
	if o.StoreLatency > 0 {
		cloud.Faults.Fail(inject.Match{Service: inject.S3, Operation: "GetObject"}, inject.Fault{Delay: o.StoreLatency})
	}
	return s, nil
}

// hello says where everything is.
func (s *server) hello(directory, control string, stdout io.Writer) error {
	destination, err := s.cloud.Destination("load", directory)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(Hello{
		PID: os.Getpid(), Control: control, Env: s.cloud.Env(),
		Connection: s.cloud.Connection("load", s.queue, destination.Name), Destination: destination,
	})
}
