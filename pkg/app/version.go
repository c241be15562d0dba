package app

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Written by the linker only: -ldflags "-X github.com/logferry/logferry/pkg/app.version=...".
var version, commit, date string

// Build says what program this is.
type Build struct {
	// Version is the release, or "devel".
	Version string
	// Commit and Date are those of the source, "unknown" when not known.
	Commit, Date string
	// Go is the version of the toolchain, with the platform.
	Go string
}

// Version returns what the linker was told, and otherwise what the toolchain
// noted about the source.
func Version() Build {
	noted := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			noted[s.Key] = s.Value
		}
	}
	return Build{
		Version: cmp.Or(version, "devel"),
		Commit:  cmp.Or(commit, noted["vcs.revision"], "unknown"),
		Date:    cmp.Or(date, noted["vcs.time"], "unknown"),
		Go:      fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
	}
}

func (b Build) String() string {
	return fmt.Sprintf("%s (commit %s, %s, %s)", b.Version, b.Commit, b.Date, b.Go)
}
