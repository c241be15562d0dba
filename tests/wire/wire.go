// Package wire proves that the contract between Logferry's services can be
// kept by others: a program in another language, with the NATS client and the
// Arrow library of its own world, reads the streams by what proto/wire.md says
// and by nothing else. The build tag wire turns the test on; it needs node and
// the packages of package-lock.json.
package wire
