package emit

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// raw is an expression of Terraform, such as a reference.
type raw string

// call is a function call of one argument.
type call struct {
	function string
	argument any
}

// block is a block within a block.
type block object

// heading is the first line of a top-level block.
func heading(kind string, labels ...string) string {
	for _, l := range labels {
		kind += ` "` + l + `"`
	}
	return kind
}

// writer writes the language of Terraform as terraform fmt does.
type writer struct {
	strings.Builder
	text func(string) string // quotes a text
}

// top writes a top-level block, after an empty line.
func (w *writer) top(heading string, body object) {
	fmt.Fprintf(w, "\n%s {\n", heading)
	w.body(body, 1, name)
	w.WriteString("}\n")
}

// body writes arguments and blocks. Arguments of one line that follow each
// other have their values below each other.
func (w *writer) body(body object, depth int, key func(string) string) {
	indent := strings.Repeat("  ", depth)
	for i := 0; i < len(body); {
		width, run := 0, i
		for ; run < len(body) && isLine(body[run].value); run++ {
			width = max(width, utf8.RuneCountInString(key(body[run].key)))
		}
		for ; i < run; i++ {
			fmt.Fprintf(w, "%s%-*s = ", indent, width, key(body[i].key))
			w.value(body[i].value, depth)
			w.WriteByte('\n')
		}
		if i == len(body) {
			break
		}
		if b, ok := body[i].value.(block); ok {
			if i > 0 {
				w.WriteByte('\n')
			}
			fmt.Fprintf(w, "%s%s {\n", indent, body[i].key)
			w.body(object(b), depth+1, name)
			w.WriteString(indent + "}\n")
		} else {
			fmt.Fprintf(w, "%s%s = ", indent, key(body[i].key))
			w.value(body[i].value, depth)
			w.WriteByte('\n')
		}
		i++
	}
}

// isLine reports whether a value is written on one line.
func isLine(value any) bool {
	switch v := value.(type) {
	case object:
		return len(v) == 0
	case block:
		return false
	case call:
		return isLine(v.argument)
	case []any:
		for _, e := range v {
			if _, ok := e.(object); ok {
				return false
			}
		}
	}
	return true
}

func (w *writer) value(value any, depth int) {
	indent := strings.Repeat("  ", depth)
	switch v := value.(type) {
	case string:
		w.WriteString(w.text(v))
	case raw:
		w.WriteString(string(v))
	case call:
		w.WriteString(v.function + "(")
		w.value(v.argument, depth)
		w.WriteString(")")
	case object:
		if len(v) == 0 {
			w.WriteString("{}")
			return
		}
		w.WriteString("{\n")
		w.body(v, depth+1, quoted)
		w.WriteString(indent + "}")
	case []any:
		w.list(v, depth)
	default:
		fmt.Fprint(w, v)
	}
}

// list writes a list on one line, or an element a line when it has objects.
func (w *writer) list(list []any, depth int) {
	w.WriteByte('[')
	if isLine(list) {
		for i, e := range list {
			if i > 0 {
				w.WriteString(", ")
			}
			w.value(e, depth)
		}
		w.WriteByte(']')
		return
	}
	indent := strings.Repeat("  ", depth+1)
	w.WriteByte('\n')
	for i, e := range list {
		w.WriteString(indent)
		w.value(e, depth+1)
		if i < len(list)-1 {
			w.WriteByte(',')
		}
		w.WriteByte('\n')
	}
	w.WriteString(strings.Repeat("  ", depth) + "]")
}

func name(key string) string { return key }

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// quoted writes the key of an object, which may be any text.
func quoted(key string) string {
	if identifier.MatchString(key) {
		return key
	}
	return `"` + key + `"`
}
