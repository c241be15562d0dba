package settings

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tag returns the name that the yaml tag gives a field.
func tag(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// names lists the keys of a struct.
func names(t reflect.Type) []string {
	var list []string
	for f := range t.Fields() {
		list = append(list, tag(f))
	}
	return list
}

func fieldNamed(t reflect.Type, name string) (index int, ok bool) {
	i := slices.Index(names(t), name)
	return i, i >= 0 && name != ""
}

// set fills v from text. An int is a count; an int64 is a size in bytes and
// may have a unit; a slice of strings is separated by commas.
func set(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
		return nil
	case *[]string:
		*p = fields(text)
		return nil
	case *bool:
		return parse(p, text, strconv.ParseBool, "must be true or false")
	case *int:
		return parse(p, text, strconv.Atoi, "must be a whole number")
	case *time.Duration:
		return parse(p, text, time.ParseDuration, "must be a duration with a unit, such as 500ms, 20s, 5m or 24h")
	case *int64:
		return parse(p, text, parseSize, "must be a size, such as 1048576, 512MiB or 4GiB")
	}
	return fmt.Errorf("cannot be set from a text (%s)", v.Type())
}

// parse fills p or says what the text must be. It hides the parser's own
// error, which would quote the value.
func parse[T any](p *T, text string, f func(string) (T, error), must string) error {
	value, err := f(text)
	if err != nil {
		return errors.New(must)
	}
	*p = value
	return nil
}

func fields(text string) []string {
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// units are the multiples of a byte, longer names first.
var units = []struct {
	name string
	size int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3},
	{"Ti", 1 << 40}, {"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10},
	{"B", 1}, {"", 1},
}

var errSize = errors.New("no size")

// parseSize reads a number of bytes with an optional unit: 4GiB.
func parseSize(text string) (int64, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.size {
			return 0, errSize
		}
		return n * u.size, nil
	}
	return 0, errSize
}

// hint names the key that was probably meant, or all there are.
func hint(name string, known []string) string {
	if k, ok := nearest(strings.ToLower(name), known, max(2, len(name)/3)); ok {
		return "; did you mean " + k + "?"
	}
	return "; known here: " + strings.Join(known, ", ")
}

// nearest finds the known name that is the fewest changes away, at most reach.
func nearest(name string, known []string, reach int) (best string, ok bool) {
	for _, k := range known {
		if d := distance(name, k); d <= reach {
			best, reach, ok = k, d-1, true
		}
	}
	return best, ok
}

// distance is how many letters must be added, dropped or changed to make b of
// a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
