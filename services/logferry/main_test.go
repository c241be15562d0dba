package main

import (
	"compress/gzip"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"logferry": main})
}

// Each script is a story of the command line.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"gzip": zip, "status": status},
	})
}

// zip compresses files: gzip FILE... writes FILE.gz.
func zip(ts *testscript.TestScript, _ bool, files []string) {
	for _, name := range files {
		f, err := os.Create(ts.MkAbs(name + ".gz"))
		ts.Check(err)
		w := gzip.NewWriter(f)
		_, err = w.Write([]byte(ts.ReadFile(name)))
		ts.Check(err)
		ts.Check(w.Close())
		ts.Check(f.Close())
	}
}

// status runs a program and wants that exit status: status 2 logferry fly.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](ts.Exec(args[1], args[2:]...)); ok {
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v: exit status %d; want %d", args[1:], got, want)
	}
}
