// Package e2e holds the end-to-end stories: the real binaries, as one process
// and as many, against stand-ins of both clouds. Everything that goes in is
// counted and named, and so is everything that comes out.
package e2e
