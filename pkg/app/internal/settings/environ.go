package settings

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Prefix begins the name of every variable that sets a key.
const Prefix = "LOGFERRY"

// serviceLink matches the variables that Kubernetes sets in every pod for a
// service whose name begins with logferry. They are nobody's settings.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)(_|$)|_PORT(_\d+_(TCP|UDP|SCTP)(_|$)|$)`)

// readEnviron sets the keys that variables of the environment name: the key's
// path in capitals, joined by underscores, and elements of lists by their name:
// LOGFERRY_CONNECTIONS_ORG_TRAIL_EXTERNAL_ID. Only keys that exist without the
// variable can be set: all but those of list elements and map entries that the
// file does not have. A variable of one of the sections (LOGFERRY_BUS_...) that
// names no key is a problem; other variables are nobody's business here.
func (s *Source) readEnviron(environ []string, config any) {
	e := environment{Source: s, values: map[string]string{}, used: map[string]string{}}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, Prefix+"_") {
			e.values[name] = value
		}
	}
	e.walk("", Prefix, reflect.ValueOf(config).Elem())
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		if _, used := e.used[name]; !used && ofSection(name, reflect.TypeOf(config).Elem()) && !serviceLink.MatchString(name) {
			e.unknown(name)
		}
	}
}

// ofSection reports whether the variable is one of a section of the
// configuration.
func ofSection(variable string, config reflect.Type) bool {
	return slices.ContainsFunc(names(config), func(section string) bool {
		return strings.HasPrefix(variable, Prefix+"_"+spell(section)+"_")
	})
}

func (e *environment) unknown(name string) {
	text := "sets no key; write the key's path in capitals, list elements by their name"
	if k, ok := nearest(name, e.known, max(2, len(name)/5)); ok {
		text = "sets no key; did you mean " + k + "?"
	}
	e.problems = append(e.problems, Problem{Place: name, Text: text})
}

type environment struct {
	*Source
	values map[string]string // by variable
	used   map[string]string // key by variable
	known  []string          // every variable that sets a key
}

// walk visits every key below one, with the variable that sets it.
func (e *environment) walk(key, variable string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct:
		for f, value := range v.Fields() {
			e.walk(join(key, tag(f)), variable+"_"+spell(tag(f)), value)
		}
	case v.Kind() == reflect.Map:
		for _, name := range slices.Sorted(maps.Keys(keys(v))) {
			element := reflect.New(v.Type().Elem()).Elem()
			element.Set(v.MapIndex(reflect.ValueOf(name)))
			e.walk(join(key, name), variable+"_"+spell(name), element)
			v.SetMapIndex(reflect.ValueOf(name), element)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			element := v.Index(i)
			if n, ok := fieldNamed(element.Type(), "name"); ok && element.Field(n).String() != "" {
				e.walk(fmt.Sprintf("%s[%d]", key, i), variable+"_"+spell(element.Field(n).String()), element)
			}
		}
	default:
		e.set(key, variable, v)
	}
}

func keys(v reflect.Value) map[string]bool {
	set := map[string]bool{}
	for _, k := range v.MapKeys() {
		set[k.String()] = true
	}
	return set
}

// spell writes a key or a name as a part of a variable.
func spell(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func (e *environment) set(key, variable string, v reflect.Value) {
	e.known = append(e.known, variable)
	value, ok := e.values[variable]
	if !ok {
		return
	}
	e.places[key] = variable
	if other, ok := e.used[variable]; ok {
		e.Report(key, "the variable names "+other+" too; give the two other names")
	}
	e.used[variable] = key
	if err := set(v, value); err != nil {
		e.Report(key, err.Error())
	}
}
