package notification

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/logferry/logferry/pkg/jsontext"
)

// reader reads the values that are wanted out of a text known to be valid.
// Null leaves a value as it is. Every other value of a wrong kind is passed,
// so that what follows can be read, and the first one is kept as the error.
type reader struct {
	jsontext.Scanner
	wrong error
}

// is reports whether the member that was reached has the name, in whatever
// case: some senders write names as Go or .NET would.
func (r *reader) is(name string) bool {
	key := r.Key()
	return len(key) == len(name) && bytes.EqualFold(key, []byte(name))
}

// text reads a string.
func (r *reader) text(name string, to *string) {
	if r.want(name, '"') {
		*to = string(text(r.Value()))
	}
}

// size reads a size, 0 for one that makes no sense. Some senders quote it.
func (r *reader) size(name string, to *int64) {
	if r.Peek() != '"' && !r.want(name, '0') {
		return
	}
	value := r.Value()
	if value[0] == '"' {
		if value = text(value); !isNumber(value) {
			r.fail(name, '"', '0')
			return
		}
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		n = 0
	}
	*to = max(n, 0)
}

// object enters an object, whose members are to be read if there is one.
func (r *reader) object(name string) bool {
	if !r.want(name, '{') {
		return false
	}
	r.Object()
	return true
}

// want reports whether the next value is of the kind that begins like this. It
// passes any other.
func (r *reader) want(name string, kind byte) bool {
	first := r.Peek()
	if first == '-' || first-'0' <= 9 {
		first = '0'
	}
	if first == kind {
		return true
	}
	if r.Value(); first != 'n' {
		r.fail(name, first, kind)
	}
	return false
}

func (r *reader) fail(name string, is, want byte) {
	if r.wrong == nil {
		r.wrong = fmt.Errorf("%s is %s; want %s", name, kindOf(is), kindOf(want))
	}
}

// kindOf says what a value is by its first byte.
func kindOf(first byte) string {
	switch first {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a bool"
	}
	return "a number"
}

// isNumber reports whether text is a JSON number.
func isNumber(text []byte) bool {
	if len(text) == 0 || text[0] != '-' && text[0]-'0' > 9 {
		return false
	}
	s := jsontext.NewScanner(text)
	return len(s.Value()) == len(text)
}

// text returns what a string says, and nothing for a value of another kind.
// Bytes that are no UTF-8 become U+FFFD, each one.
func text(value []byte) []byte {
	if len(value) == 0 || value[0] != '"' {
		return nil
	}
	says := value[1 : len(value)-1]
	if bytes.IndexByte(says, '\\') >= 0 {
		says = jsontext.AppendText(make([]byte, 0, len(says)), says)
	}
	if !utf8.Valid(says) {
		says = []byte(string([]rune(string(says))))
	}
	return says
}
