// Package conformance runs real log files, collected from public projects,
// through the same path as the logferry parse command, and compares what comes
// out with expectations that were written from AWS's and Microsoft's
// documents. The files are not part of this repository: LOGFERRY_SAMPLES names
// their folder, and the build tag conformance turns the tests on.
package conformance
