package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/sink/azure"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

// Destination tries a destination with the writer's credentials and adds what
// it finds to the report. tables are those whose rules are tried; none: all.
func (p *Probe) Destination(ctx context.Context, r *check.Report, d connection.Destination, tables []string) {
	s := &steps{report: r, subject: "destination " + d.Name}
	if d.IsFile() {
		s.try("destination.directory", "directory", func() check.Outcome { return directory(d.Directory) })
		return
	}
	var trial *azure.Trial
	s.need("azure.token", "token", func() (o check.Outcome) {
		trial, o = p.token(ctx, d)
		return o
	})
	if trial != nil {
		defer trial.Close()
	}
	if len(tables) == 0 {
		tables = slices.Sorted(maps.Keys(d.Tables))
	}
	for _, table := range tables {
		to := d.Tables[table]
		for _, id := range to.IDs() {
			stream := azure.StreamName(table, to)
			s.try("azure.rule", fmt.Sprintf("rule of %s", table), func() check.Outcome { return post(ctx, trial, id, stream) })
		}
	}
}

// Trial readies a trial of a destination in Azure, with the probe's
// credentials. Close it.
func (p *Probe) Trial(d connection.Destination) (*azure.Trial, error) {
	return azure.NewTrial(d, p.azure, p.version)
}

func (p *Probe) token(ctx context.Context, d connection.Destination) (*azure.Trial, check.Outcome) {
	trial, err := p.Trial(d)
	if err != nil {
		return nil, check.Fail("mend this key of the destination", "%v", err)
	}
	kind := d.Credential.Kind
	switch err := trial.Token(ctx); {
	case err != nil:
		return trial, check.Fail(azure.AdviseToken(err), "%v", err)
	case kind == connection.CredentialNone:
		return trial, check.Skip("the credential's kind is none")
	case kind == "":
		kind = connection.CredentialDefault
	}
	return trial, check.Pass("%s: got one", kind)
}

// post posts no rows to a rule.
func post(ctx context.Context, trial *azure.Trial, rule, stream string) check.Outcome {
	err := trial.Post(ctx, rule, stream)
	if err == nil {
		return check.Pass("%s takes the stream %s", rule, stream)
	}
	refused, ok := errors.AsType[*azure.Refusal](err)
	if !ok {
		return check.Fail("see the error", "%v", err)
	}
	if refused.Status == 429 {
		return check.Doubt("spread the table's rows over more rules: tables.<table>.rules", "%s, stream %s: %v (request %s)", rule, stream, err, refused.ID)
	}
	fix := refused.Advice
	if fix == "" {
		fix = "try again: it may pass by itself; else see that this machine reaches the endpoint"
	}
	return check.Fail(fix, "%s, stream %s: %v (request %s)", rule, stream, err, refused.ID)
}

// directory makes an empty file where the writer makes its own, and removes it.
func directory(dir string) check.Outcome {
	there := dir
	for { // the writer makes what is missing of the path
		info, err := os.Stat(there)
		if err == nil && !info.IsDir() {
			return check.Fail("name a directory", "%s is a file", there)
		}
		if err == nil {
			break
		}
		if parent := filepath.Dir(there); errors.Is(err, fs.ErrNotExist) && parent != there {
			there = parent
			continue
		}
		return check.Fail("let the writer's user reach the directory", "%v", err)
	}
	f, err := os.CreateTemp(there, ".logferry-probe-*")
	if err != nil {
		return check.Fail(fmt.Sprintf("let user %d, as whom this runs, write into %s", os.Getuid(), there), "%v", err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return check.Doubt("see the error", "%v", err)
	}
	if there != dir {
		return check.Pass("%s can be made in %s", dir, there)
	}
	return check.Pass("%s is writable", dir)
}
