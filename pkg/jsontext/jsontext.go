// Package jsontext reads JSON text in place: it checks every byte of it
// against the grammar (RFC 8259), copies nothing and allocates nothing. It
// serves parsers that pick some members of a record and pass the others on as
// they are.
//
// A [Scanner] steps through one text. What it hands out are slices of that
// text:
//
//	s := jsontext.NewScanner(text)
//	for s.Object(); s.Member(); {
//		switch string(s.Key()) {
//		case "id":
//			id = s.Text()
//		default:
//			s.Value()
//		}
//	}
//	err := s.End()
//
// Two things differ from encoding/json. Bytes in strings that are no UTF-8 are
// handed out as they are, for the consumer to mend. And nesting is limited to
// [MaxDepth]. Of members with the same key the scanner shows every one, in
// order; who keeps the last agrees with encoding/json.
package jsontext

import "fmt"

// MaxDepth is how deep arrays and objects may nest.
const MaxDepth = 512

// SyntaxError says where a text departs from the grammar.
type SyntaxError struct {
	// Offset is the index of the offending byte.
	Offset int
	// What was found there, or is missing.
	What string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("JSON at offset %d: %s", e.Offset, e.What)
}

// Valid reports whether text is one JSON value, and says what is wrong if it
// is not.
func Valid(text []byte) error {
	s := NewScanner(text)
	s.Value()
	return s.End()
}

// Get returns the value at the end of the path of keys, as it is in the text,
// or nil if there is none. Of members with the same key the last counts. The
// text must be valid.
func Get(text []byte, path ...string) []byte {
	for _, key := range path {
		var found []byte
		s := NewScanner(text)
		if s.Peek() != '{' {
			return nil
		}
		for s.Object(); s.Member(); {
			if value := s.Value(); string(s.Key()) == key {
				found = value
			}
		}
		text = found
	}
	return text
}

// First returns the first element of an array, as it is in the text, or nil if
// there is none. The text must be valid.
func First(text []byte) []byte {
	s := NewScanner(text)
	if s.Peek() != '[' {
		return nil
	}
	if s.Array(); !s.Element() {
		return nil
	}
	return s.Value()
}
