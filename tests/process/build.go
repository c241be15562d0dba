package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is the path that every module of the workspace begins with.
const module = "github.com/logferry/logferry/"

// NATSServer is the binary of a NATS server.
const NATSServer = "nats-server"

// Services returns the binaries of the four services, in the order that data
// flows.
func Services() []string {
	return []string{"logferry-poller", "logferry-fetcher", "logferry-parser", "logferry-writer"}
}

// Everything is the binary that runs all services in one process.
const Everything = "logferry"

// All returns every binary that [Build] knows.
func All() []string { return append(Services(), Everything, NATSServer) }

// Build builds those binaries into dir: Logferry's own with the flags given,
// such as -race, and a NATS server, which is not ours, as it is.
func Build(ctx context.Context, dir string, names []string, flags ...string) error {
	var own, others []string
	for _, name := range names {
		switch name {
		case NATSServer:
			others = append(others, "github.com/nats-io/"+NATSServer+"/v2")
		case Everything:
			own = append(own, module+"services/"+name)
		default:
			own = append(own, module+"services/"+strings.TrimPrefix(name, "logferry-")+"/cmd/"+name)
		}
	}
	return errors.Join(build(ctx, dir, flags, own), build(ctx, dir, nil, others))
}

func build(ctx context.Context, dir string, flags, packages []string) error {
	if len(packages) == 0 {
		return nil
	}
	args := slices.Concat([]string{"build", "-o", dir + string(filepath.Separator)}, flags, packages)
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
