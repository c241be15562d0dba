package sentinel

import (
	"fmt"
	"strings"
)

// maxName is how long the name of a connection may be, less room for a number.
const maxName = 60

// names returns a name for each connector: the resource's own, or the table's
// when the resource is named by a GUID. Those that would have the same table's
// name get the GUID's first digits, so that they keep their names when another
// one comes.
func names(connectors []Connector) []string {
	shared := map[string]int{}
	for _, c := range connectors {
		shared[base(c)]++
	}
	taken := map[string]bool{}
	out := make([]string, len(connectors))
	for i, c := range connectors {
		name := base(c)
		if shared[name] > 1 && guid.MatchString(c.Name) {
			name += "-" + strings.ToLower(c.Name[:8])
		}
		unique := name
		for n := 2; taken[unique]; n++ {
			unique = fmt.Sprintf("%s-%d", name, n)
		}
		taken[unique] = true
		out[i] = unique
	}
	return out
}

// base is the name of a connector that is not made unique yet.
func base(c Connector) string {
	if c.Name == "" || guid.MatchString(c.Name) {
		return valid(c.Table)
	}
	return valid(c.Name)
}

// valid makes a connection's name of a text: lower case, a dash for whatever
// else.
func valid(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return ' '
	}, text)
	name = strings.Join(strings.Fields(name), "-")
	if len(name) > maxName {
		name = strings.Trim(name[:maxName], "-")
	}
	if name == "" {
		return "sentinel"
	}
	return name
}
