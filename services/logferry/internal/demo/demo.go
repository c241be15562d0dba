// Package demo runs Logferry between stand-ins of both clouds and checks that
// every row arrives exactly once.
//
//	feed ──objects──▶ S3, SQS ──▶ services ──▶ ingestion ──▶ files of rows
//	   └─ account of what was put ──▶ check ◀── what arrived ─┘
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc/pool"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/localcloud"
	"github.com/logferry/logferry/pkg/localcloud/ingestion"
)

// The names are those of the README's examples, which so can be tried word for
// word.
const (
	bucket         = "org-logs"
	queueName      = "org-trail"
	connectionName = "org-trail"
	workspace      = "sentinel"
	elsewhere      = "workspace-2" // where a replay may write
)

const (
	// patience is how long nothing may arrive before the rest is given up.
	patience = 20 * time.Second
	stayRate = 10 // objects a second
)

// Options say what to run. Out and Services are required.
type Options struct {
	// Objects is how many good objects are put, when Stay does not say that it
	// goes on for ever; Rate is how many a second, 0 for no limit.
	Objects, Rate int
	Stay          bool
	// Dir is a new or empty directory; empty: a temporary one is made. It is
	// left for the user to look at.
	Dir string
	// Admin is the address of the admin endpoint; empty: none.
	Admin    string
	Services []app.Service
	// Out gets progress and results.
	Out io.Writer
}

// demo is one run.
type demo struct {
	Options
	cloud   *localcloud.Cloud
	rows    *rowFiles
	metrics *prometheus.Registry
	account account
	began   time.Time
}

// Run runs the demo until everything has arrived; with Stay until ctx ends, and
// other commands may work beside it meanwhile. The error says what failed, or
// which rows are missing or doubled.
func Run(ctx context.Context, o Options) error {
	d := &demo{Options: o, metrics: prometheus.NewRegistry(), account: newAccount(), began: time.Now()}
	if d.Stay && d.Rate == 0 {
		d.Rate = stayRate
	}
	if err := d.directory(); err != nil {
		return err
	}
	life := context.WithoutCancel(ctx) // what is in flight when ctx ends still arrives
	if err := d.startCloud(life); err != nil {
		return err
	}
	defer d.cloud.Close()
	err := d.carry(ctx, life)
	if err := errors.Join(err, d.rows.Close(), os.RemoveAll(filepath.Join(d.Dir, "bus"))); err != nil {
		return err
	}
	return d.report()
}

func (d *demo) directory() (err error) {
	if d.Dir == "" {
		d.Dir, err = os.MkdirTemp("", "logferry-demo-")
	} else {
		err = os.MkdirAll(filepath.Clean(d.Dir), 0o755)
	}
	if err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	if entries, err := os.ReadDir(d.Dir); err != nil || len(entries) > 0 {
		return errors.Join(err, fmt.Errorf("directory %s is not empty; name a new one", d.Dir))
	}
	d.rows, err = newRowFiles(filepath.Join(d.Dir, "rows"))
	return err
}

func (d *demo) startCloud(ctx context.Context) (err error) {
	o := localcloud.Options{KeepBytes: -1, RequireCredentials: true, OnRows: d.rows.add, Key: d.identity}
	if d.cloud, err = localcloud.Start(ctx, o); err != nil {
		return fmt.Errorf("start the stand-ins of the clouds: %w", err)
	}
	for _, variable := range d.environ() {
		name, value, _ := strings.Cut(variable, "=")
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// environ is the environment in which AWS is found, by the services and by
// other commands as in life. Whatever profile the user has must not get in the
// way.
func (d *demo) environ() []string {
	return append(d.cloud.Env(), "AWS_PROFILE=", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

// identity returns what makes a row one of its kind, if it can be told.
func (d *demo) identity(table string, row ingestion.Row) string {
	if d.Stay {
		return "" // keys without end would fill the memory
	}
	return ingestion.DefaultKey(table, row)
}

// config is what a user would write in a file.
func (d *demo) config() (app.Config, error) {
	queue, err := d.cloud.Feed(bucket, queueName)
	if err != nil {
		return app.Config{}, fmt.Errorf("make bucket and queue: %w", err)
	}
	dir, err := filepath.Abs(d.Dir) // other commands may run in another directory
	if err != nil {
		return app.Config{}, fmt.Errorf("find the directory: %w", err)
	}
	destination, err := d.cloud.Destination(workspace, dir)
	if err != nil {
		return app.Config{}, err
	}
	maps.DeleteFunc(destination.Tables, func(table string, _ connection.Rule) bool {
		_, known := all.Formats().ForTable(table)
		return !known
	})
	cfg := app.DefaultConfig()
	cfg.Bus.Store = filepath.Join(dir, "bus")
	cfg.Bus.MaxBytes = 1 << 30
	cfg.Admin.Address = d.Admin
	cfg.Destinations = []connection.Destination{destination}
	cfg.Connections = []connection.Connection{d.cloud.Connection(connectionName, queue, workspace)}
	if !d.Stay {
		return cfg, nil
	}
	cfg.Destinations = append(cfg.Destinations, connection.Destination{Name: elsewhere, Directory: filepath.Join(dir, elsewhere)})
	return cfg, d.playground(cfg)
}

// carry feeds the bucket and runs the services until everything has arrived.
func (d *demo) carry(ctx, life context.Context) error {
	cfg, err := d.config()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(d.Dir, "logferry.log"))
	if err != nil {
		return fmt.Errorf("make the log: %w", err)
	}
	defer log.Close()
	d.greet()
	running, stop := context.WithCancel(life)
	defer stop()
	feeding, stopFeed := context.WithCancel(ctx)
	defer stopFeed()
	p := pool.New().WithErrors()
	p.Go(func() error {
		defer stop() // without services nothing will arrive
		return app.Run(running, cfg, slog.New(slog.NewJSONHandler(log, nil)), app.Options{Metrics: d.metrics}, d.Services...)
	})
	p.Go(func() error { return d.feed(feeding) })
	d.watch(running)
	stopFeed()
	stop()
	return p.Wait()
}
