package format

import (
	"bytes"
	"slices"

	"github.com/logferry/logferry/pkg/jsontext"
)

// SniffJSON reports whether an object that begins with head is recognised by
// one of the members of its first JSON object: is gets the name and, of a
// string, the text. It looks into an array, and into the members named in
// into, for the object.
func SniffJSON(head []byte, is func(name, text []byte) bool, into ...string) bool {
	s := jsontext.NewScanner(bytes.TrimPrefix(head, []byte(byteOrderMark)))
	return sniff(&s, is, into)
}

func sniff(s *jsontext.Scanner, is func(name, text []byte) bool, into []string) bool {
	switch s.Peek() {
	case '[':
		s.Array()
		return s.Element() && sniff(s, is, into)
	case '{':
		for s.Object(); s.Member(); {
			name := s.Key()
			var text []byte
			switch {
			case s.Peek() == '"':
				text = s.Text()
			case slices.Contains(into, string(name)):
				if sniff(s, is, into) {
					return true
				}
				continue
			default:
				s.Value()
			}
			if s.Err() == nil && is(name, text) {
				return true
			}
		}
	}
	return false
}
