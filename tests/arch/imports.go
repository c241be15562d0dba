package arch

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// Import paths of modules that rules speak of.
const (
	arrowModule   = "github.com/apache/arrow/"
	natsClient    = "github.com/nats-io/"
	awsModule     = "github.com/aws/"
	azureModule   = "github.com/Azure/"
	concModule    = "github.com/sourcegraph/conc"
	syncModule    = "golang.org/x/sync"
	promModule    = "github.com/prometheus/"
	otelModule    = "go.opentelemetry.io/otel"
	thriftModule  = "github.com/apache/thrift" // inside Parquet's footer
	zipModule     = "github.com/klauspost/compress"
	protoMessages = modulePath + "proto/logferry/v1"
)

// only lists what a folder and those below it may import besides the standard
// library. The first entry whose folder matches decides.
type only struct {
	folder  string
	allowed []string
	why     string
}

var onlyImports = []only{
	{"pkg/fault", nil, "every package decides about errors with it, so it depends on none"},
	{"pkg/jsontext", nil, "a scanner of bytes needs nothing"},
	{"pkg/table", []string{arrowModule, own("pkg/fault")}, "columns and rows, no I/O"},
	{"pkg/batch", []string{arrowModule, own("pkg/fault"), own("pkg/table")}, "the unit that travels, no I/O"},
	{"pkg/notification", []string{own("pkg/fault"), own("pkg/jsontext"), own("pkg/format")}, "a pure function of a message"},
	{"pkg/unpack", []string{arrowModule, thriftModule, zipModule, own("pkg/fault"), own("pkg/format")}, "bytes in, bytes out"},
	{"pkg/format/formattest", nil, "-"},
	{"pkg/format", []string{arrowModule, own("pkg/fault"), own("pkg/table"), own("pkg/batch"), own("pkg/jsontext"), own("pkg/format")},
		"a format is pure: bytes in, rows out"},
	{"pkg/stage", []string{concModule, syncModule, promModule, otelModule, own("pkg/fault"), own("pkg/batch")},
		"the runner declares the small interfaces it needs and knows no transport"},
}

func own(folder string) string { return modulePath + folder }

// never lists imports that a folder must not have, whatever else it has.
type never struct {
	folder    string
	forbidden []string
	why       string
}

var neverImports = []never{
	{"pkg/format", []string{"context", "net", "os", "syscall", "log", "time/tzdata"}, "a format is pure: bytes in, rows out"},
	{"pkg/notification", []string{"context", "net/http", "os"}, "a pure function of a message"},
	{"pkg/sink", []string{own("pkg/bus"), own("pkg/stage"), own("pkg/app"), natsClient}, "a sink knows rows and its own service only"},
	{"pkg/bus", []string{own("pkg/app"), own("pkg/sink"), own("pkg/format"), awsModule, azureModule}, "the bus carries bytes whatever they mean"},
	{"pkg/connection", []string{awsModule, azureModule, natsClient, own("pkg/bus"), own("pkg/app")}, "what a user configures has no machinery"},
	{"pkg/localcloud", []string{own("pkg/bus"), own("pkg/stage"), own("pkg/app"), natsClient}, "the stand-ins know the clouds' protocols, not Logferry"},
	{"pkg", []string{own("services"), own("tests")}, "services use packages, never the other way"},
	{"services", []string{own("tests")}, "nothing imports tests"},
	{"services/parser", []string{awsModule, azureModule}, "the parser has no cloud"},
	{"services/writer", []string{awsModule}, "the writer has no AWS"},
	{"services/poller", []string{azureModule}, "the poller has no Azure"},
	{"services/lookup", []string{azureModule}, "the lookup has no Azure"},
	{"services/fetcher", []string{azureModule}, "the fetcher has no Azure"},
}

func imports(s *Source) []Problem {
	var problems []Problem
	for _, spec := range s.Imports() {
		path, _ := strconv.Unquote(spec.Path.Value)
		if why := forbidden(s, path); why != "" {
			problems = append(problems, s.at(spec.Pos(), "%s must not import %s: %s", s.Folder(), path, why))
		}
	}
	return problems
}

// forbidden says why a file may not import the path; empty: it may.
func forbidden(s *Source, path string) string {
	// Only the bus speaks NATS. The stories and the wire test look at the
	// streams from outside.
	if strings.HasPrefix(path, natsClient) && !s.In("pkg/bus", "tests") {
		return "pkg/bus is the only importer of NATS; ask it for a source, a publisher or the graveyard"
	}
	if other, ok := strings.CutPrefix(path, own("services/")); ok && s.In("services") && !s.In("services/logferry") {
		mine := strings.Split(s.Folder(), "/")[1]
		if strings.Split(other, "/")[0] != mine {
			return "services meet on the bus; only services/logferry knows them all"
		}
	}
	if s.Test() || isTestPackage(s) {
		return ""
	}
	if i := slices.IndexFunc(onlyImports, func(o only) bool { return s.In(o.folder) }); i >= 0 && !isStandard(path) {
		if o := onlyImports[i]; !hasPrefix(path, o.allowed) {
			return o.why
		}
	}
	for _, n := range neverImports {
		if s.In(n.folder) && hasPrefix(path, n.forbidden) {
			return n.why
		}
	}
	return ""
}

// isTestPackage reports whether the package serves tests: its name ends so.
func isTestPackage(s *Source) bool { return strings.HasSuffix(s.File.Name.Name, "test") }

func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// hasPrefix reports whether the path is one of the prefixes or below it.
func hasPrefix(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return path == p || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/")
	})
}

// formatsListed wants every folder below pkg/format that has a Format in the
// list of package all.
func formatsListed(sources []*Source) []Problem {
	listed := map[string]bool{}
	for _, s := range sources {
		if !s.In("pkg/format/all") || s.Test() {
			continue
		}
		for _, spec := range s.Imports() {
			path, _ := strconv.Unquote(spec.Path.Value)
			listed[strings.TrimPrefix(path, modulePath)] = true
		}
	}
	var problems []Problem
	for _, s := range sources {
		if !s.In("pkg/format") || s.Folder() == "pkg/format" || s.Test() || listed[s.Folder()] {
			continue
		}
		for _, name := range declared(s.File) {
			if name.Name == "Format" && name.Obj != nil && name.Obj.Kind == ast.Fun {
				problems = append(problems, s.at(name.Pos(), "%s has a Format that pkg/format/all does not list: add its line there", s.Folder()))
			}
		}
	}
	return problems
}
