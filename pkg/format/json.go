package format

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/logferry/logferry/pkg/fault"
)

// jsonSplitter cuts a stream of JSON into records. It only balances brackets
// and strings: whether a record is JSON is for its parser to say.
type jsonSplitter struct {
	window
	arrays []string // in quotes
	// Where the next byte is: inside an array of records, inside the object
	// that has that array as a member, or else between documents.
	inArray, inObject bool
}

// SplitJSON cuts a stream of JSON values into records. The values may follow
// one another in any way: a line each, back to back, pretty-printed, with
// commas or blank space between them. An array gives its elements, and so does
// an object that has a member named in arrays whose value is an array: they
// are read as they come, so that memory is bounded by the longest record.
//
// A byte order mark before a value and NUL bytes after the last one are passed
// over. A stream that ends inside a value is a permanent fault
// ([fault.Truncated]), and so is a byte that cannot begin a value
// ([fault.Corrupt]); the errors of the reader are returned as they are.
func SplitJSON(r io.Reader, arrays ...string) Splitter {
	s := &jsonSplitter{window: newWindow(r)}
	for _, name := range arrays {
		s.arrays = append(s.arrays, `"`+name+`"`)
	}
	return s
}

// Layout returns "": JSON speaks for itself.
func (s *jsonSplitter) Layout() string { return "" }

func (s *jsonSplitter) Next() (Record, error) {
	for {
		found, err := s.step()
		if err != nil {
			return Record{}, err
		}
		if found {
			return s.record(0)
		}
	}
}

// step reads on, at most to the end of a record, and reports whether it found
// one: from the beginning of the window to the next byte.
func (s *jsonSplitter) step() (found bool, err error) {
	switch {
	case s.inArray:
		return s.element()
	case s.inObject:
		s.begin()
		_, err = s.members()
		return false, err
	}
	return s.document()
}

// document reads a document, or up to the first record in it, or something
// that stands between documents.
func (s *jsonSplitter) document() (found bool, err error) {
	s.begin()
	c, err := s.token()
	if err != nil {
		return false, err // io.EOF: the stream is complete
	}
	switch {
	case c == ',':
		s.pos++
	case c == 0:
		return false, s.padding()
	case c == byteOrderMark[0] && s.has(byteOrderMark):
		s.pos += len(byteOrderMark)
	case c == '[':
		s.pos++
		s.inArray = true
	case c == '{' && len(s.arrays) > 0:
		s.begin()
		s.pos++
		return s.members()
	default:
		return true, s.value(c)
	}
	return false, nil
}

// element reads the next element of an array of records, or what stands
// between two, or the end of the array.
func (s *jsonSplitter) element() (found bool, err error) {
	c, err := s.token()
	switch {
	case err != nil:
		return false, s.unfinished(err, "an array of records")
	case c == ',':
		s.pos++
		return false, nil
	case c == ']':
		s.pos++
		s.inArray = false
		return false, nil
	}
	return true, s.value(c)
}

// members reads members of the outermost object, up to the beginning of an
// array of records or the end of the object. It reports whether the object
// ended without having had such an array, and so is itself a record.
func (s *jsonSplitter) members() (whole bool, err error) {
	named := false // the last string is one of s.arrays
	for {
		c, err := s.token()
		if err != nil {
			return false, s.unfinished(err, "an object")
		}
		switch c {
		case '}', ']':
			s.pos++
			whole, s.inObject = !s.inObject, false
			return whole, nil
		case '[':
			if named {
				s.pos++
				s.inArray, s.inObject = true, true
				return false, nil
			}
			err = s.container()
		case '{':
			err = s.container()
		case '"':
			named = s.isNamed()
			err = s.quoted()
		case ':':
			s.pos++
		default:
			named = false
			s.pos++
		}
		if err != nil {
			return false, err
		}
	}
}

// isNamed reports whether the next string is one of s.arrays.
func (s *jsonSplitter) isNamed() bool {
	for _, name := range s.arrays {
		if s.has(name) {
			return true
		}
	}
	return false
}

// padding reads NUL bytes to the end of the stream.
func (s *jsonSplitter) padding() error {
	for {
		c, err := s.token()
		if err != nil {
			return err
		}
		if c != 0 {
			return s.corrupt(c)
		}
		s.pos++
		s.begin()
	}
}

// token passes white space and returns the byte after it, which is not passed.
func (s *jsonSplitter) token() (byte, error) {
	for {
		c, err := s.next()
		if err != nil || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, err
		}
		s.pos++
	}
}

// value passes the value at the next byte, c, which is a record.
func (s *jsonSplitter) value(c byte) error {
	s.begin()
	switch {
	case c == '{' || c == '[':
		return s.container()
	case c == '"':
		return s.quoted()
	case c == '-' || c-'0' <= 9 || c == 't' || c == 'f' || c == 'n':
		return s.scalar()
	}
	return s.corrupt(c)
}

// scalar passes a number or a word, which the end of the stream may end.
func (s *jsonSplitter) scalar() error {
	for {
		c, err := s.next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		switch c {
		case ' ', '\n', '\r', '\t', ',', ']', '}', '[', '{', '"', 0:
			return nil
		}
		s.pos++
	}
}

// container passes the object or array at the next byte.
func (s *jsonSplitter) container() error {
	for depth := 0; ; {
		for i := s.pos; i < len(s.buf); i++ {
			switch s.buf[i] {
			case '"':
				if end := unquoted(s.buf, i+1); end < len(s.buf) && s.buf[end] == '"' {
					i = end
					continue
				}
				s.pos = i
				if err := s.quoted(); err != nil {
					return err
				}
				i = s.pos - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					s.pos = i + 1
					return nil
				}
			}
		}
		s.pos = len(s.buf)
		if err := s.fill(); err != nil {
			return s.unfinished(err, "a value")
		}
	}
}

// quoted passes the string at the next byte, its opening quote.
func (s *jsonSplitter) quoted() error {
	s.pos++
	for {
		s.pos = unquoted(s.buf, s.pos)
		c, err := s.next()
		if err != nil {
			return s.unfinished(err, "a string")
		}
		s.pos++
		switch c {
		case '"':
			return nil
		case '\\':
			if _, err := s.next(); err != nil {
				return s.unfinished(err, "a string")
			}
			s.pos++
		}
	}
}

// unquoted returns the index of the first byte, from index i on, that is a
// quote or a backslash, or the length of the text. It looks at eight bytes at
// a time: subtracting one from a byte borrows into its high bit when the byte
// is zero, that is, what is looked for.
func unquoted(text []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		hits := ((w ^ ones*'"' - ones) | (w ^ ones*'\\' - ones)) &^ w & highs
		if hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for i < len(text) && text[i] != '"' && text[i] != '\\' {
		i++
	}
	return i
}

// unfinished turns the end of the stream, inside what, into a fault.
func (s *jsonSplitter) unfinished(err error, what string) error {
	if err != io.EOF {
		return err
	}
	return fault.Permanent(fault.Truncated, fmt.Errorf("JSON ends at offset %d, inside %s", s.at(), what))
}

func (s *jsonSplitter) corrupt(c byte) error {
	return fault.Permanent(fault.Corrupt, fmt.Errorf("JSON at offset %d: %q cannot begin a value", s.at(), c))
}
