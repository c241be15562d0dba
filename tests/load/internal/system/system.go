// Package system runs what a load run measures: Logferry's services, as one
// process or as many, and the bus between them. It reads what they cost: CPU
// and memory of every process, what each stage of the work takes, and the
// bytes on the bus.
package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/tests/process"
)

// Layout says in which processes the services run.
type Layout string

// The layouts.
const (
	// One is everything in one process, with the embedded bus.
	One Layout = "one"
	// Separate is a process for each service, over one NATS server.
	Separate Layout = "separate"
	// Cluster is a process for each service, over a NATS cluster of three that
	// keeps three copies of each stream.
	Cluster Layout = "cluster"
)

// Binaries returns what a system of that layout runs, for [process.Build].
func (l Layout) Binaries() []string {
	if l == One {
		return []string{process.Everything}
	}
	return append(process.Services(), process.NATSServer)
}

// Layouts returns all layouts.
func Layouts() []Layout { return []Layout{One, Separate, Cluster} }

// Stages returns the stages of the work, in the order that data flows.
func Stages() []string { return []string{"poller", "fetcher", "parser", "writer"} }

// readyTimeout bounds the start of a process, stopTimeout its end.
const (
	readyTimeout = time.Minute
	stopTimeout  = time.Minute
)

// Options are what is run.
type Options struct {
	Layout Layout
	// Replicas is how many processes each stage has; 1, if it is not named.
	Replicas map[string]int
	// Config is the services' configuration. [Start] sets the bus, unless
	// OwnBus says that the configuration has it, and the admin addresses.
	Config app.Config
	OwnBus bool
	// Env is what the services' environment has beside that of this process.
	Env []string
	// Binaries is the folder where [process.Build] has put them.
	Binaries string
	// Folder gets configurations, logs and, until the end, the bus's data.
	Folder string
}

// Member is one process of a system.
type Member struct {
	// Stage is what it does: a stage's name, bus for a NATS server, or
	// logferry when it does everything.
	Stage string
	// Replica counts the processes of the same stage from 1.
	Replica int
	*process.Process

	admin    string // address of metrics; empty: it has none
	profiles string // URL of its CPU profile; empty: it has none
}

// Name tells members apart.
func (m *Member) Name() string {
	if m.Replica > 1 {
		return m.Stage + "-" + strconv.Itoa(m.Replica)
	}
	return m.Stage
}

// System is the processes that run. [System.Stop] ends them.
type System struct {
	options Options
	members []*Member
	data    []string // folders of the bus that end with the system
}

// Start runs the system and returns once all of it is ready. What was started
// is ended when the rest cannot be.
func Start(ctx context.Context, o Options) (_ *System, err error) {
	s := &System{options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Layout == One {
		if !o.OwnBus {
			s.options.Config.Bus.Store = filepath.Join(o.Folder, "bus")
			s.data = append(s.data, s.options.Config.Bus.Store)
		}
		return s, s.Add(ctx, everything)
	}
	if !o.OwnBus {
		if err := s.startBus(ctx); err != nil {
			return nil, err
		}
	}
	for _, stage := range Stages() {
		for range max(o.Replicas[stage], 1) {
			if err := s.Add(ctx, stage); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (o Options) check() error {
	if !slices.Contains(Layouts(), o.Layout) {
		return fmt.Errorf("there is no layout %q; there are %v", o.Layout, Layouts())
	}
	if o.OwnBus && (o.Layout == Cluster || o.Layout == Separate && o.Config.Bus.URL == "") {
		return fmt.Errorf("layout %s on a configuration of one's own wants one process, or bus.url and the layout separate", o.Layout)
	}
	for stage, n := range o.Replicas {
		switch {
		case !slices.Contains(Stages(), stage):
			return fmt.Errorf("there is no stage %q to have replicas; there are %v", stage, Stages())
		case n < 1:
			return fmt.Errorf("%d replicas of %s: want at least 1", n, stage)
		case n > 1 && o.Layout == One:
			return fmt.Errorf("replicas of %s want a layout of several processes: separate or cluster", stage)
		}
	}
	return nil
}

// Members returns the processes, those of the bus first.
func (s *System) Members() []*Member { return slices.Clone(s.members) }

// Add starts one more process of a stage and returns once it is ready.
func (s *System) Add(ctx context.Context, stage string) error {
	m := &Member{Stage: stage, Replica: s.count(stage) + 1}
	var args []string
	binary := "logferry-" + stage
	if stage == everything {
		binary, args = stage, []string{"run"}
	}
	path, err := s.configure(m)
	if err != nil {
		return err
	}
	m.profiles = "http://" + m.admin + "/debug/pprof/profile"
	if err := s.run(m, binary, append(args, "--config", path)...); err != nil {
		return err
	}
	return s.ready(ctx, m, "http://"+m.admin+"/readyz")
}

func (s *System) count(stage string) int {
	n := 0
	for _, m := range s.members {
		if m.Stage == stage {
			n++
		}
	}
	return n
}

// configure writes the configuration of a member, with an admin address of its
// own.
func (s *System) configure(m *Member) (path string, err error) {
	config := s.options.Config
	if m.admin, err = process.FreeAddress(); err != nil {
		return "", err
	}
	config.Admin = app.Admin{Address: m.admin, Profiles: true}
	text, err := yaml.Marshal(config)
	if err != nil {
		return "", fmt.Errorf("configure %s: %w", m.Name(), err)
	}
	path = filepath.Join(s.options.Folder, m.Name()+".yaml")
	return path, os.WriteFile(path, text, 0o600)
}

// run starts a member with a log of its own.
func (s *System) run(m *Member, binary string, args ...string) error {
	log, err := os.Create(filepath.Join(s.options.Folder, m.Name()+".log"))
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own descriptor
	m.Process, err = process.Start(process.Command{
		Path: filepath.Join(s.options.Binaries, binary), Args: args, Env: s.options.Env, Log: log,
	})
	if err != nil {
		return err
	}
	s.members = append(s.members, m)
	return nil
}

func (s *System) ready(ctx context.Context, m *Member, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := m.Ready(ctx, url); err != nil {
		return fmt.Errorf("%w; its log is %s", err, filepath.Join(s.options.Folder, m.Name()+".log"))
	}
	return nil
}

// Check returns an error when a process has ended.
func (s *System) Check() error {
	for _, m := range s.members {
		if ended, err := m.Ended(); ended {
			return errors.Join(fmt.Errorf("%s has ended; its log is %s", m.Name(), filepath.Join(s.options.Folder, m.Name()+".log")), err)
		}
	}
	return nil
}

// Stop ends all processes, the bus last, and removes its data. The error tells which did not end
// well.
func (s *System) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var errs []error
	for _, m := range slices.Backward(s.members) {
		if err := m.Stop(ctx); err != nil && m.Stage != busStage { // a NATS server exits with 1 when it is told to stop
			errs = append(errs, err)
		}
	}
	for _, folder := range s.data {
		errs = append(errs, os.RemoveAll(folder))
	}
	s.members, s.data = nil, nil
	return errors.Join(errs...)
}

// busStage is the stage of NATS servers.
const busStage = "bus"

// startBus runs the NATS servers and points the configuration at them.
func (s *System) startBus(ctx context.Context) error {
	nodes, err := s.nodes()
	if err != nil {
		return err
	}
	var urls []string
	for i, n := range nodes {
		m := &Member{Stage: busStage, Replica: i + 1, profiles: "http://" + n.Profiles + "/debug/pprof/profile"}
		s.data = append(s.data, n.Store())
		if err := os.MkdirAll(n.Folder, 0o700); err != nil {
			return err
		}
		path, err := n.Configure()
		if err != nil {
			return err
		}
		if err := s.run(m, process.NATSServer, "-c", path); err != nil {
			return err
		}
		urls = append(urls, n.URL())
	}
	for i, n := range nodes { // nodes of a cluster need each other to be ready
		if err := s.ready(ctx, s.members[i], n.Health()); err != nil {
			return err
		}
	}
	s.options.Config.Bus.URL = strings.Join(urls, ",")
	s.options.Config.Bus.Replicas = len(nodes)
	return nil
}

// nodes decides about the NATS servers. A single one syncs as the embedded one
// would; in a cluster the copies stand for that.
func (s *System) nodes() ([]process.Node, error) {
	count := 1
	if s.options.Layout == Cluster {
		count = 3
	}
	nodes := make([]process.Node, count)
	var routes []string
	for i := range nodes {
		n := &nodes[i]
		n.Name = "n" + strconv.Itoa(i+1)
		n.Folder = filepath.Join(s.options.Folder, n.Name)
		n.Sync = s.sync()
		for _, address := range []*string{&n.Client, &n.Admin, &n.Profiles, &n.Cluster} {
			free, err := process.FreeAddress()
			if err != nil {
				return nil, err
			}
			*address = free
		}
		routes = append(routes, n.Cluster)
	}
	for i := range nodes {
		if count == 1 {
			nodes[i].Cluster = ""
			continue
		}
		nodes[i].Routes = routes // a node knows itself and leaves its own address out
	}
	return nodes, nil
}

// sync is the sync_interval of a NATS server.
func (s *System) sync() string {
	switch interval := s.options.Config.Bus.Sync; {
	case s.options.Layout == Cluster:
		return "" // the server's own
	case interval == 0:
		return "always"
	default:
		return interval.String()
	}
}
