package process

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
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

// Build builds into dir what runs as a process: Logferry's own binaries with
// the flags given, such as -race, and a NATS server, which is not ours and is
// built as it is.
func Build(ctx context.Context, dir string, flags ...string) error {
	own := append(flags, module+"services/logferry")
	for _, name := range Services() {
		own = append(own, module+"services/"+strings.TrimPrefix(name, "logferry-")+"/cmd/"+name)
	}
	for _, args := range [][]string{own, {"github.com/nats-io/" + NATSServer + "/v2"}} {
		args = append([]string{"build", "-o", dir + string(filepath.Separator)}, args...)
		if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}
