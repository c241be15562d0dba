// Package chaos kills processes and the bus, cuts networks and lets both
// clouds fail while objects pass, and counts what that costs: rows that are
// lost, rows that come twice, and the time until all is well again. The build
// tag chaos turns the tests on.
package chaos
