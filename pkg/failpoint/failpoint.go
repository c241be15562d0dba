// Package failpoint lets a process die at a named place, so that a test can
// tell what a death there costs.
//
// Built with the tag failpoint, a process whose environment has
//
//	LOGFERRY_FAILPOINT=<name>[:<n>]
//
// kills itself the n-th time (1 without a number) that it passes the point of
// that name, as kill -9 would: nothing is flushed, deferred or given back.
// Without the tag, as in every release, [Hit] is empty and costs nothing.
package failpoint

// Hit says that the process passes the point of that name. Names are constant
// and have no colon. At the point that the environment names it does not
// return.
func Hit(name string) { hit(name) }
