package bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Walk says what is to be walked.
type Walk struct {
	Bucket string
	// Prefix is what the keys begin with; it may end anywhere, also inside a
	// date. Empty: the whole bucket.
	Prefix string
	Span   Span
	// After is a [Page.Mark] of an earlier walk of the same prefix; the walk
	// goes on behind it. Empty: from the beginning.
	After string
}

// Page is some of the objects of a folder, at most 1000.
type Page struct {
	// Folder is what their keys begin with: the folder of a day, or that of
	// objects without one.
	Folder string
	// Day is the day that the folder's path tells, zero if it tells none.
	Day time.Time
	// Objects are in the order of their keys, and versions of one key from new
	// to old. There may be none, when the page is only there for its mark.
	Objects []Object
	// Mark, when it is not empty, says that this page and all before it cover
	// everything up to it: [Walk.After] of a later walk.
	Mark string
}

// Walk calls f for the objects of a span, page by page and in the order of their
// keys. Where the path of an object has a date (2026/11/23, or Hive's
// year=2026/month=11/day=23, with hours below it or not), the date decides
// whether the object is of the span, and folders of other days, months and
// years are not listed. The day counts as a whole. Elsewhere the time that the
// object was written decides.
//
// In a bucket that keeps versions every version is an object; delete markers
// are none. Without s3:ListBucketVersions, Walk lists the latest objects only,
// and refuses when the bucket turns out to keep versions.
//
// It holds one answer of S3 for each level of the path, never the listing. It
// ends with the first error, of S3 or of f.
func (l *Lister) Walk(ctx context.Context, in Walk, f func(Page) error) error {
	if err := l.allowed(in.Bucket); err != nil {
		return err
	}
	if err := in.Span.check(); err != nil {
		return fmt.Errorf("walk s3://%s/%s: %w", in.Bucket, in.Prefix, err)
	}
	if !strings.HasPrefix(in.After, in.Prefix) && in.After != "" {
		return fmt.Errorf("walk s3://%s/%s: cannot go on after %q, which is of another prefix", in.Bucket, in.Prefix, in.After)
	}
	w := &walk{Walk: in, lister: l, yield: f}
	d := dateOf(parent(in.Prefix))
	if d.outside(in.Span) {
		return nil
	}
	return w.folder(ctx, in.Prefix, d)
}

// walk is a walk under way.
type walk struct {
	Walk
	lister *Lister
	yield  func(Page) error
	// begun is set after the first answer; plain when versions cannot be
	// listed.
	begun, plain bool
	// unversioned is when the newest object was written that is known to have
	// no version.
	unversioned time.Time
}

// folder walks what begins with the prefix, which is of the date. Below a day
// there are no more folders.
func (w *walk) folder(ctx context.Context, prefix string, d date) error {
	at := w.start(prefix, d)
	loose := run{folder: parent(prefix), date: d}
	var last entry
	for {
		p, err := w.list(ctx, at)
		if err != nil {
			return err
		}
		for _, e := range p.entries {
			if e.same(last) || w.done(e) {
				continue
			}
			last = e
			if !e.folder {
				loose.entries = append(loose.entries, e)
				continue
			}
			if err := w.flush(ctx, &loose, false); err != nil {
				return err
			}
			if err := w.enter(ctx, e.name, d); err != nil {
				return err
			}
		}
		if err := w.flush(ctx, &loose, p.more); err != nil || !p.more {
			return err
		}
		if p.next == at {
			return fmt.Errorf("list s3://%s/%s: S3 says that there is more and gives the same again", w.Bucket, prefix)
		}
		at = p.next
	}
}

// enter walks a folder inside one of the date, unless it is of another time.
func (w *walk) enter(ctx context.Context, name string, d date) error {
	d = d.enter(strings.TrimSuffix(name[len(parent(strings.TrimSuffix(name, "/"))):], "/"))
	if d.outside(w.Span) {
		return nil
	}
	return w.folder(ctx, name, d)
}

// start returns where the listing of the prefix begins: behind what After says
// is done, before the folder that After is in.
func (w *walk) start(prefix string, d date) position {
	at := position{prefix: prefix, delimiter: "/"}
	if d.day != 0 {
		at.delimiter = ""
	}
	rest, ok := strings.CutPrefix(w.After, prefix)
	if !ok {
		return at
	}
	if at.delimiter != "" {
		rest, _, _ = strings.Cut(rest, "/")
	}
	at.key = prefix + rest
	return at
}

// done reports whether After says that the entry was dealt with: a key up to
// it, or a folder all of whose keys are before it.
func (w *walk) done(e entry) bool {
	return e.name <= w.After && !(e.folder && strings.HasPrefix(w.After, e.name))
}

// list asks for versions, or for the latest objects when the first answer was
// that versions may not be listed.
func (w *walk) list(ctx context.Context, at position) (page, error) {
	if !w.plain {
		p, err := w.lister.versions(ctx, w.Bucket, at)
		if w.plain = !w.begun && codeOf(err) == "AccessDenied"; !w.plain {
			w.begun = true
			return p, err
		}
	}
	return w.lister.latest(ctx, w.Bucket, at)
}

// run is the entries of a folder that were listed and not handed out yet, all
// of one answer.
type run struct {
	folder  string
	date    date
	entries []entry
}

// flush hands the run out. When more follows, it may be another version of the
// last key, so that only the key before is complete.
func (w *walk) flush(ctx context.Context, r *run, more bool) error {
	if len(r.entries) == 0 {
		return nil
	}
	p := Page{Folder: r.folder, Mark: r.entries[len(r.entries)-1].name}
	if r.date.day != 0 {
		p.Day = r.date.begin()
	}
	if more {
		p.Mark = r.before(p.Mark)
	}
	for _, e := range r.entries {
		if !e.deleted && (r.date.day != 0 || w.Span.has(e.object.LastModified)) {
			p.Objects = append(p.Objects, e.object)
		}
	}
	r.entries = r.entries[:0]
	if err := w.checkVersions(ctx, p.Objects); err != nil {
		return err
	}
	return w.yield(p)
}

// before returns the last key of the run that is before the given one.
func (r *run) before(key string) string {
	for _, e := range slices.Backward(r.entries) {
		if e.name != key {
			return e.name
		}
	}
	return ""
}

// checkVersions makes sure, when versions cannot be listed, that there are none:
// the id of an object holds its version, so without it the object would be
// another one. An object without a version speaks for those that are older.
func (w *walk) checkVersions(ctx context.Context, objects []Object) error {
	if !w.plain {
		return nil
	}
	newest := slices.SortedStableFunc(slices.Values(objects), func(a, b Object) int { return b.LastModified.Compare(a.LastModified) })
	for _, o := range newest {
		if !o.LastModified.After(w.unversioned) {
			return nil
		}
		found, err := w.lister.head(ctx, o.Bucket, o.Key)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return err
		}
		if found.VersionID != "" {
			return fmt.Errorf("list s3://%s/%s: the bucket keeps versions, and they may not be listed: grant %s s3:ListBucketVersions on the bucket", w.Bucket, w.Prefix, w.lister.who())
		}
		w.unversioned = o.LastModified
	}
	return nil
}

// parent returns the path up to its last slash.
func parent(path string) string { return path[:strings.LastIndexByte(path, '/')+1] }
