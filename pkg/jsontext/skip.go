package jsontext

// The methods here pass what is at index i of the text and return the index
// behind it. After an error the text ends where they were, so that they pass
// nothing more: who calls them need not look at each.

// at returns the byte at index i, 0 at the end of the text.
func (s *Scanner) at(i int) byte {
	if i < len(s.text) {
		return s.text[i]
	}
	return 0
}

// space passes white space.
func (s *Scanner) space(i int) int {
	if i < len(s.text) && s.text[i] > ' ' {
		return i
	}
	return s.spaces(i)
}

func (s *Scanner) spaces(i int) int {
	for i < len(s.text) && isSpace(s.text[i]) {
		i++
		s.spaced = true
	}
	return i
}

func isSpace(c byte) bool {
	const spaces uint64 = 1<<' ' | 1<<'\n' | 1<<'\r' | 1<<'\t'
	return spaces>>c&1 != 0
}

// value passes a value.
func (s *Scanner) value(i int) int {
	if c := s.at(i); c == '{' || c == '[' {
		return s.nested(i)
	}
	return s.single(i)
}

// nested passes an object or array with all that is in it. It is a loop, and
// keeps of each level only whether it is an object: calls would cost more than
// the bytes.
func (s *Scanner) nested(i int) int {
	var objects levels
	object := false // the innermost is one
	for depth := s.depth; ; {
		if c := s.at(i); c == '"' {
			i = s.quoted(i)
		} else if c != '{' && c != '[' {
			i = s.single(i)
		} else if depth == MaxDepth {
			return s.fail(i, "nested too deep")
		} else {
			object = c == '{'
			objects.set(depth, object)
			depth++
			if i = s.space(i + 1); s.at(i) != end(object) {
				if object {
					i = s.name(i)
				}
				continue
			}
		}
		for { // ends, and the comma before the next value
			i = s.space(i)
			if c := s.at(i); c == ',' {
				i = s.space(i + 1)
				if object {
					i = s.name(i)
				}
				break
			} else if c != end(object) {
				return s.fail(i, noComma)
			}
			i++
			if depth--; depth == s.depth {
				return i
			}
			object = objects.has(depth - 1)
		}
	}
}

// levels are bits, one for each level of nesting.
type levels [MaxDepth / 64]uint64

func (l *levels) set(level int, is bool) {
	word := &l[level/64%len(l)]
	*word &^= 1 << (level % 64)
	if is {
		*word |= 1 << (level % 64)
	}
}

func (l *levels) has(level int) bool { return l[level/64%len(l)]>>(level%64)&1 != 0 }

// end returns what ends an object, or else an array.
func end(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

// name passes a key, its colon, and the white space behind that.
func (s *Scanner) name(i int) int {
	if s.at(i) != '"' {
		return s.fail(i, noKey)
	}
	return s.colon(s.quoted(i))
}

func (s *Scanner) colon(i int) int {
	if i = s.space(i); s.at(i) != ':' {
		return s.fail(i, "no colon after a key")
	}
	return s.space(i + 1)
}

// single passes a value that holds no others.
func (s *Scanner) single(i int) int {
	switch s.at(i) {
	case '"':
		return s.quoted(i)
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	}
	return s.number(i)
}

func (s *Scanner) literal(i int, word string) int {
	for n := range len(word) {
		if s.at(i) != word[n] {
			return s.fail(i, "no value")
		}
		i++
	}
	return i
}

// number passes a number: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (s *Scanner) number(i int) int {
	if s.at(i) == '-' {
		i++
	}
	if s.at(i) == '0' {
		i++
	} else {
		i = s.digits(i, "no value")
	}
	if s.at(i) == '.' {
		i = s.digits(i+1, "no digit after the point of a number")
	}
	if s.at(i)|0x20 == 'e' {
		if i++; s.at(i) == '+' || s.at(i) == '-' {
			i++
		}
		i = s.digits(i, "no digit in the exponent of a number")
	}
	return i
}

// digits passes decimal digits, of which there must be one.
func (s *Scanner) digits(i int, otherwise string) int {
	start := i
	for s.at(i)-'0' <= 9 {
		i++
	}
	if i == start {
		return s.fail(i, otherwise)
	}
	return i
}
