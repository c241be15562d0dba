package arch

// Rules are all rules that source text alone decides.
func Rules() []Rule {
	return []Rule{
		{Name: "imports", File: imports,
			Why: "data flows one way: I/O at the edges, pure functions in the middle"},
		{Name: "formats listed", All: formatsListed,
			Why: "the list of formats is explicit: what is not in it does not exist"},

		{Name: "package doc", Package: packageDoc,
			Why: "a reader meets a package by its doc comment"},
		{Name: "exported doc", File: exportedDoc,
			Why: "an exported name is a promise, and the comment says which"},

		{Name: "function size", File: functionSize,
			Why: "a function is read in one go"},
		{Name: "file size", File: fileSize,
			Why: "a file has one subject"},
		{Name: "gofmt", File: gofmt,
			Why: "one layout for all"},

		{Name: "names", File: names,
			Why: "a package is named for what it gives, and its names are read with it"},

		{Name: "go statement", File: goStatement,
			Why: "whoever starts a goroutine waits for it and sees its panic: conc does both"},
		{Name: "init", File: initFunction,
			Why: "nothing happens by being imported"},
		{Name: "package variables", Package: packageVariables,
			Why: "many services live in one process: there is no state but in values"},
		{Name: "process", File: processCalls,
			Why: "only main ends the process and reads its flags"},
		{Name: "waiting", File: waiting,
			Why: "sleeping is guessing: wait for the event, with a timer and the context, or use testing/synctest"},
		{Name: "skipped tests", File: skippedTests,
			Why: "a test that needs something starts it or fails"},
		{Name: "context", File: contexts,
			Why: "a context belongs to a call: first argument, never stored"},
		{Name: "errors", File: errorText,
			Why: "callers ask errors what went wrong, and people read them in one line"},
		{Name: "log messages", File: logMessages,
			Why: "a constant message can be searched for; what varies goes into attributes"},
	}
}
