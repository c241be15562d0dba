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
	escaped bool   // the string last passed holds escapes
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
	s.space()
	if s.pos == len(s.text) {
		return 0
	}
	return s.text[s.pos]
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
		s.fail(otherwise)
	case s.depth == MaxDepth:
		s.fail("nested too deep")
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
	s.key = s.name()
	if s.escaped {
		s.keys = AppendText(s.keys[:0], s.key)
		s.key = s.keys
	}
	return s.err == nil
}

// name passes a key and its colon and returns the inside of the key.
func (s *Scanner) name() []byte {
	if s.Peek() != '"' {
		s.fail("no key of a member")
		return nil
	}
	key := s.quoted()
	if s.Peek() != ':' {
		s.fail("no colon after a key")
		return nil
	}
	s.pos++
	return key
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
	switch c := s.Peek(); {
	case c == end:
		s.pos++
		s.depth--
		s.first = false
		return false
	case s.first:
		s.first = false
		return s.err == nil
	case c == ',':
		s.pos++
		return true
	}
	s.fail("no comma and no end of the object or array")
	return false
}

// Value passes the next value, whatever it is, and returns it as it is in the
// text, without the white space around it.
func (s *Scanner) Value() []byte {
	s.space()
	start := s.pos
	s.skip()
	if s.err != nil {
		return nil
	}
	return s.text[start:s.pos]
}

// Compact passes the next value and returns it without the white space outside
// its strings: a slice of the text when it has none. The result is valid until
// the next call of Compact or Text.
func (s *Scanner) Compact() []byte {
	s.space()
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
		s.fail("no string")
		return nil
	}
	raw := s.quoted()
	if s.err != nil || !s.escaped {
		return raw
	}
	s.scratch = AppendText(s.scratch[:0], raw)
	return s.scratch
}

// Offset returns the index of the next byte.
func (s *Scanner) Offset() int { return s.pos }

// Err returns the first error, a [*SyntaxError].
func (s *Scanner) Err() error { return s.err }

// End returns the first error; it is one if anything but white space is left
// of the text.
func (s *Scanner) End() error {
	if s.Peek(); s.pos < len(s.text) {
		s.fail("more after the value")
	}
	return s.err
}

// fail records the first error: what, at the next byte. There is nothing to
// read after it.
func (s *Scanner) fail(what string) {
	if s.err != nil {
		return
	}
	if s.pos == len(s.text) {
		what = "the text ends too soon"
	}
	s.err = &SyntaxError{s.pos, what}
	s.text = s.text[:s.pos]
}
