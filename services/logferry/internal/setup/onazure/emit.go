package onazure

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Forms are what [Blueprint.Emit] writes.
var forms = map[string]func(*template) []File{
	"arm":       (*template).arm,
	"bicep":     (*template).bicep,
	"terraform": (*template).terraform,
}

// Forms returns the forms that [Blueprint.Emit] writes.
func Forms() []string { return sortedKeys(forms) }

// File is one file of what is emitted.
type File struct {
	Name string
	Text []byte
}

// Emit writes what an apply would make as infrastructure as code. Region,
// workspace and principal are parameters, with the blueprint's values as
// defaults where it has some.
func (b Blueprint) Emit(form string) ([]File, error) {
	write, ok := forms[form]
	if !ok {
		return nil, fmt.Errorf("there is no form %q; write %s", form, oneOf(Forms()))
	}
	return write(newTemplate(b)), nil
}

// Versions of the interfaces, as documented for rules with their own endpoint,
// for tables and for assignments.
const (
	insightsVersion   = "2023-03-11"
	tablesVersion     = "2025-07-01"
	assignmentVersion = "2022-04-01"
	kindTable         = kindWorkspace + "/tables"
	kindAssignment    = "Microsoft.Authorization/roleAssignments"
)

// header tells where a file comes from.
const header = "Written by logferry setup azure plan --emit %s: what apply makes."

// template is a blueprint whose region, workspace, principal and endpoint are
// parameters.
type template struct {
	b Blueprint
	// was are the values of the parameters; empty ones are asked for.
	location, workspace, principal, endpoint string
	// holes are the texts in the bodies that stand for a parameter.
	holes map[string]parameter
}

// parameter stands in a body for what is known when the template is used.
type parameter string

// Parameters.
const (
	locationParam  parameter = "location"
	workspaceParam parameter = "workspaceId"
	principalParam parameter = "principalId"
	endpointParam  parameter = "endpointId"
)

func newTemplate(b Blueprint) *template {
	t := &template{b: b, location: b.Location, principal: b.Principal, holes: map[string]parameter{}}
	if b.Workspace != (ID{}) {
		t.workspace = b.Workspace.String()
	}
	hole := func(p parameter) string {
		text := "\x00" + string(p)
		t.holes[text] = p
		return text
	}
	t.b.Location, t.b.Principal = hole(locationParam), hole(principalParam)
	t.b.Workspace = ID{Name: "\x00"}
	t.holes[t.b.Workspace.String()] = workspaceParam
	if b.Endpoint != nil {
		e := *b.Endpoint
		t.endpoint = e.String()
		e.ID = ID{Name: "\x00" + e.Name}
		t.b.Endpoint = &e
		t.holes[e.String()] = endpointParam
	}
	return t
}

// newEndpoint reports whether the template makes an endpoint.
func (t *template) newEndpoint() bool { return t.b.Endpoint != nil && !t.b.Endpoint.Existing }

// endpointName is the name of an endpoint that the template makes.
func (t *template) endpointName() string { return strings.TrimPrefix(t.b.Endpoint.Name, "\x00") }

// tree is the body as maps, lists and values, with parameters in it.
func (t *template) tree(body any) map[string]any {
	text, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("onazure: body: %v", err)) // made by the SDK's own types
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		panic(fmt.Sprintf("onazure: body: %v", err))
	}
	return t.punch(tree).(map[string]any)
}

func (t *template) punch(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = t.punch(v[k])
		}
	case []any:
		for i := range v {
			v[i] = t.punch(v[i])
		}
	case string:
		if p, ok := t.holes[v]; ok {
			return p
		}
	}
	return v
}

// made are the tables that the template makes or gives a column.
func (t *template) made() []Table {
	return slices.DeleteFunc(slices.Clone(t.b.Tables), func(t Table) bool { return len(t.added()) == 0 })
}

// symbol is a name within the template.
func symbol(kind, name string) string {
	return kind + "_" + strings.Map(func(r rune) rune {
		if r == '-' || r == '.' {
			return '_'
		}
		return r
	}, name)
}

// grantDescription is the description of the role assignment.
func (t *template) grantDescription() string { return value(t.b.grantBody().Properties.Description) }

// syntax is how a language writes values.
type syntax struct {
	// assign is between key and value; comma ends an item of a list, before the
	// end of its line.
	assign, comma string
	// aligned has the values of neighbouring lines begin below each other.
	aligned   bool
	key       func(string) string
	text      func(string) string
	parameter func(parameter) string
}

// write writes a value. What belongs to it stands indented below its line.
func (s *syntax) write(v any, indent string) string {
	switch v := v.(type) {
	case map[string]any:
		return s.object(v, indent)
	case []any:
		return s.list(v, indent)
	case parameter:
		return s.parameter(v)
	case raw:
		return string(v)
	case string:
		return s.text(v)
	}
	return fmt.Sprint(v)
}

// raw is an expression of the language itself.
type raw string

// object writes one member a line.
func (s *syntax) object(m map[string]any, indent string) string {
	if len(m) == 0 {
		return "{}"
	}
	var text strings.Builder
	text.WriteString("{\n")
	inner := indent + "  "
	keys := ordered(m)
	for i, k := range keys {
		fmt.Fprintf(&text, "%s%s%s%s%s\n", inner, s.key(k), s.padding(m, keys, i), s.assign, s.write(m[k], inner))
	}
	text.WriteString(indent + "}")
	return text.String()
}

// leading are the keys that come before the others, as people write them.
var leading = []string{"name", "scope", "type", "location", "kind", "tags", "dependsOn", "endpoint", "rule"}

// ordered are the keys of an object in the order in which they are written.
func ordered(m map[string]any) []string {
	rank := func(k string) int {
		if i := slices.Index(leading, k); i >= 0 {
			return i
		}
		return len(leading)
	}
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
}

// padding is what makes key i as long as the longest of the neighbours whose
// values take one line.
func (s *syntax) padding(m map[string]any, keys []string, i int) string {
	if !s.aligned || !s.short(m[keys[i]]) {
		return ""
	}
	longest := 0
	first, last := i, i
	for first > 0 && s.short(m[keys[first-1]]) {
		first--
	}
	for last < len(keys)-1 && s.short(m[keys[last+1]]) {
		last++
	}
	for _, k := range keys[first : last+1] {
		longest = max(longest, len(s.key(k)))
	}
	return strings.Repeat(" ", longest-len(s.key(keys[i])))
}

func (s *syntax) short(v any) bool { return !strings.Contains(s.write(v, ""), "\n") }

// list writes one item a line, an object of plain values in its line, and a
// single plain value in the line of its list.
func (s *syntax) list(items []any, indent string) string {
	if len(items) == 1 && isPlain(items[0]) {
		return "[" + s.write(items[0], indent) + "]"
	}
	var text strings.Builder
	text.WriteString("[\n")
	inner := indent + "  "
	for _, item := range items {
		line := s.write(item, inner)
		if m, ok := item.(map[string]any); ok && isFlat(m) {
			line = s.flat(m)
		}
		fmt.Fprintf(&text, "%s%s%s\n", inner, line, s.comma)
	}
	text.WriteString(indent + "]")
	return text.String()
}

func (s *syntax) flat(m map[string]any) string {
	var members []string
	for _, k := range ordered(m) {
		members = append(members, s.key(k)+s.assign+s.write(m[k], ""))
	}
	return "{ " + strings.Join(members, ", ") + " }"
}

func isPlain(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func isFlat(m map[string]any) bool {
	for _, v := range m {
		if !isPlain(v) {
			return false
		}
	}
	return true
}
