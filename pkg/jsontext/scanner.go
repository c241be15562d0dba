package jsontext

// Scanner steps through one JSON text. It stops at the first error: from then
// on its methods return nothing, and [Scanner.End] says what was wrong. The
// zero Scanner reads an empty text; a Scanner can be reset to another text and
// so reuse its memory. It is not safe for concurrent use.
type Scanner struct {
	text  []byte
	pos   int
	depth int
	first bool // nothing of the innermost array or object was read yet
	err   error

	key     []byte
	escaped bool   // the string last read holds escapes
	spaced  bool   // white space was passed since this was last cleared
	scratch []byte // of Text and Compact
	keys    []byte // scratch of Member
}

// NewScanner returns a scanner at the beginning of text.
func NewScanner(text []byte) Scanner { return Scanner{text: text} }

// Reset puts the scanner at the beginning of text.
func (s *Scanner) Reset(text []byte) {
	*s = Scanner{text: text, scratch: s.scratch, keys: s.keys}
}

// Peek returns the first byte of the next value, which tells its kind, or 0 at
// the end of the text and after an error.
func (s *Scanner) Peek() byte {
	s.pos = s.space(s.pos)
	return s.at(s.pos)
}

// Object enters the next value, which must be an object. Its members are read
// with [Scanner.Member].
func (s *Scanner) Object() { s.enter('{', "no object") }

// Array enters the next value, which must be an array. Its elements are read
// with [Scanner.Element].
func (s *Scanner) Array() { s.enter('[', "no array") }

func (s *Scanner) enter(open byte, otherwise string) {
	switch {
	case s.Peek() != open:
		s.fail(s.pos, otherwise)
	case s.depth == MaxDepth:
		s.fail(s.pos, "nested too deep")
	default:
		s.pos++
		s.depth++
		s.first = true
	}
}

// Member moves to the next member of the object and reads its key; its value
// must be read next. At the end of the object it leaves the object and returns
// false, as it does on an error.
func (s *Scanner) Member() bool {
	if !s.more('}') {
		return false
	}
	s.spell()
	return s.err == nil
}

// spell reads the key at the next byte.
func (s *Scanner) spell() {
	if s.at(s.pos) != '"' {
		s.fail(s.pos, noKey)
		return
	}
	s.key = s.inside()
	if s.escaped {
		s.keys = AppendText(s.keys[:0], s.key)
		s.key = s.keys
	}
	s.pos = s.colon(s.pos)
}

// Key returns the key that the last [Scanner.Member] read, unescaped. It is
// valid until the next call of Member.
func (s *Scanner) Key() []byte { return s.key }

// Element moves to the next element of the array, which must be read next. At
// the end of the array it leaves the array and returns false, as it does on an
// error.
func (s *Scanner) Element() bool { return s.more(']') }

// more passes the comma before the next member or element, or the end of the
// object or array.
func (s *Scanner) more(end byte) bool {
	c := s.Peek()
	switch {
	case c == ',' && !s.first:
		s.pos = s.space(s.pos + 1)
		return true
	case c == end:
		s.pos++
		s.depth--
		s.first = false
		return false
	case s.first:
		s.first = false
		return s.err == nil
	}
	s.fail(s.pos, noComma)
	return false
}

const (
	noComma = "no comma and no end of the object or array"
	noKey   = "no key of a member"
)

// Value passes the next value, whatever it is, and returns it as it is in the
// text, without the white space around it.
func (s *Scanner) Value() []byte {
	start := s.space(s.pos)
	s.pos = s.value(start)
	if s.err != nil {
		return nil
	}
	return s.text[start:s.pos]
}

// Compact passes the next value and returns it without the white space outside
// its strings: a slice of the text when it has none. The result is valid until
// the next call of Compact or Text.
func (s *Scanner) Compact() []byte {
	s.pos = s.space(s.pos)
	s.spaced = false
	value := s.Value()
	if !s.spaced {
		return value
	}
	s.scratch = AppendCompact(s.scratch[:0], value)
	return s.scratch
}

// Text passes the next value, which must be a string, and returns what it
// says: a slice of the text when it has no escapes. The result is valid until
// the next call of Compact or Text.
func (s *Scanner) Text() []byte {
	if s.Peek() != '"' {
		s.fail(s.pos, "no string")
		return nil
	}
	raw := s.inside()
	if !s.escaped {
		return raw
	}
	s.scratch = AppendText(s.scratch[:0], raw)
	return s.scratch
}

// inside passes the string at the next byte and returns what is between its
// quotes.
func (s *Scanner) inside() []byte {
	start := s.pos + 1
	end := special(s.text, start)
	if s.escaped = s.at(end) != '"'; s.escaped {
		if end = s.escapes(end); s.err != nil {
			return nil
		}
		end--
	}
	s.pos = end + 1
	return s.text[start:end]
}

// Offset returns the index of the next byte.
func (s *Scanner) Offset() int { return s.pos }

// Err returns the first error, a [*SyntaxError].
func (s *Scanner) Err() error { return s.err }

// End returns the first error; it is one if anything but white space is left
// of the text.
func (s *Scanner) End() error {
	if s.Peek(); s.pos < len(s.text) {
		s.fail(s.pos, "more after the value")
	}
	return s.err
}

// fail records the first error: what, at index i. The text ends there, and i
// is returned.
func (s *Scanner) fail(i int, what string) int {
	if s.err != nil {
		return i
	}
	if i == len(s.text) {
		what = "the text ends too soon"
	}
	s.err = &SyntaxError{i, what}
	s.text, s.pos = s.text[:i], i
	return i
}
