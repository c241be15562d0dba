package format

import (
	"bytes"
	"io"
)

// Lines is the [Splitter] of text formats: every line that is not blank is a
// record. Use [SplitLines].
type Lines struct {
	window
	started bool
}

// SplitLines cuts a text into lines. Lines end with LF or CRLF, which is not
// part of the record; the last one may lack its end. Blank lines (white space,
// or the NUL bytes of padding) and a byte order mark at the beginning are
// passed over. Lines keep their other white space.
//
// A format whose first line is a header wraps Lines: it takes the first record
// for itself and returns it as the layout.
func SplitLines(r io.Reader) *Lines {
	return &Lines{window: newWindow(r)}
}

// Layout returns "": lines speak for themselves.
func (l *Lines) Layout() string { return "" }

// Next returns the next line, see [Splitter]. The errors of the reader are
// returned as they are, after the last whole line before them.
func (l *Lines) Next() (Record, error) {
	if !l.started {
		l.started = true
		if l.has(byteOrderMark) {
			l.pos += len(byteOrderMark)
		}
	}
	for {
		l.begin()
		end, err := l.lineEnd()
		if err != nil {
			return Record{}, err
		}
		if record, err := l.record(end); err != nil || !isBlank(record.Bytes) {
			return record, err
		}
	}
}

// lineEnd passes the current line and returns the length of its end.
func (l *Lines) lineEnd() (int, error) {
	for {
		if i := bytes.IndexByte(l.buf[l.pos:], '\n'); i >= 0 {
			l.pos += i + 1
			return l.trailing(len("\n")), nil
		}
		l.pos = len(l.buf)
		if err := l.fill(); err == io.EOF && l.at() > l.offset {
			return l.trailing(0), nil
		} else if err != nil {
			return 0, err
		}
	}
}

// trailing adds to the length of a line's end the CR before it, if any.
func (l *Lines) trailing(end int) int {
	if i := l.pos - end - 1; i >= l.start && l.buf[i] == '\r' {
		return end + 1
	}
	return end
}

func isBlank(line []byte) bool {
	for _, c := range line {
		switch c {
		case ' ', '\t', '\r', 0:
		default:
			return false
		}
	}
	return true
}
