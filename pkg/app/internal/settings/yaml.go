package settings

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

func (s *Source) readYAML(text []byte, config any) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Problems{s.syntax(err)}
	}
	if len(file.Docs) > 1 {
		return Problems{{Place: s.file, Text: "holds more than one YAML document; keep one"}}
	}
	d := decoder{Source: s, anchors: map[string]ast.Node{}}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			d.value("", doc.Body, reflect.ValueOf(config).Elem())
		}
	}
	return nil
}

// syntax tells an error of the YAML parser without the text it was found in.
func (s *Source) syntax(err error) Problem {
	p := Problem{Place: s.file, Text: "is not YAML"}
	if e, ok := errors.AsType[yaml.Error](err); ok {
		p.Text = "is not YAML: " + e.GetMessage()
		if t := e.GetToken(); t != nil {
			p.Place = s.line(t.Position.Line)
		}
	}
	return p
}

// decoder walks the nodes of a file along the type they are to fill.
type decoder struct {
	*Source
	anchors map[string]ast.Node
}

// value fills v, the value of key, from node. A null leaves the default.
func (d decoder) value(key string, node ast.Node, v reflect.Value) {
	node = d.resolve(key, node)
	if node == nil || node.Type() == ast.NullType {
		return
	}
	switch {
	case v.Kind() == reflect.Struct:
		d.each(key, node, func(name string, value ast.Node) { d.field(key, name, value, v) })
	case v.Kind() == reflect.Map:
		d.mapping(key, node, v)
	case v.Kind() == reflect.Slice:
		d.list(key, node, v)
	default:
		d.scalar(key, node, v)
	}
}

// resolve follows anchors and aliases. It returns nil, having reported why,
// for an alias of nothing.
func (d decoder) resolve(key string, node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode:
		value := d.resolve(key, n.Value)
		d.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		value, ok := d.anchors[n.Value.GetToken().Value]
		if !ok {
			d.Report(key, "refers to an anchor that is not defined before it")
		}
		return value
	}
	return node
}

// each calls f for every entry of a mapping.
func (d decoder) each(key string, node ast.Node, f func(name string, value ast.Node)) {
	m, ok := node.(ast.MapNode)
	if !ok {
		d.Report(key, "must be a mapping of keys to values")
		return
	}
	for entries := m.MapRange(); entries.Next(); {
		name := entries.Key().GetToken()
		d.places[join(key, name.Value)] = d.line(name.Position.Line)
		f(name.Value, entries.Value())
	}
}

// field fills the field of the struct that has the name.
func (d decoder) field(key, name string, node ast.Node, v reflect.Value) {
	i, ok := fieldNamed(v.Type(), name)
	if !ok {
		d.Report(join(key, name), "unknown key"+hint(name, names(v.Type())))
		return
	}
	d.value(join(key, name), node, v.Field(i))
}

// mapping fills a map: all its keys are allowed.
func (d decoder) mapping(key string, node ast.Node, v reflect.Value) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	d.each(key, node, func(name string, value ast.Node) {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(join(key, name), value, element)
		v.SetMapIndex(reflect.ValueOf(name), element)
	})
}

func (d decoder) list(key string, node ast.Node, v reflect.Value) {
	n, ok := node.(*ast.SequenceNode)
	if !ok {
		d.Report(key, "must be a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Values), len(n.Values)))
	for i, value := range n.Values {
		element := fmt.Sprintf("%s[%d]", key, i)
		d.places[element] = d.line(value.GetToken().Position.Line)
		d.value(element, value, v.Index(i))
	}
}

func (d decoder) scalar(key string, node ast.Node, v reflect.Value) {
	var text string
	switch n := node.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.LiteralNode:
		text = strings.TrimSpace(n.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		text = n.GetToken().Value
	default:
		d.Report(key, "must be a single value")
		return
	}
	if err := set(v, text); err != nil {
		d.Report(key, err.Error())
	}
}
