package samplelog

import (
	"fmt"
	"strings"
)

// template is a text with places to fill in, ready to be written fast.
type template []segment

// segment is a text and what follows it.
type segment struct {
	text string
	fill fill
}

// fill appends a value of the current record.
type fill func(g *Generator, b []byte) []byte

// compile reads a text with places like ${account}. It panics on a place that
// does not exist: the texts are part of the program.
func compile(text string) template {
	var t template
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			return append(t, segment{text: text})
		}
		name, after, _ := strings.Cut(rest, "}")
		f, ok := places()[name]
		if !ok {
			panic(fmt.Sprintf("samplelog: there is no place ${%s}", name))
		}
		t = append(t, segment{before, f})
		text = after
	}
}

// write appends the template, filled in.
func (g *Generator) write(b []byte, t template) []byte {
	for _, s := range t {
		b = append(b, s.text...)
		if s.fill != nil {
			b = s.fill(g, b)
		}
	}
	return b
}
