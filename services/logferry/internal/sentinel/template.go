package sentinel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// scope is what the expressions of a template may refer to: the defaults of its
// parameters, and its variables. Their names have no case.
type scope map[string]json.RawMessage

// scope returns the scope of a template.
func (n node) scope() scope {
	s := scope{}
	for name, p := range n.Parameters {
		s[reference("parameters", name)] = p.DefaultValue
	}
	for name, value := range n.Variables {
		s[reference("variables", name)] = value
	}
	return s
}

func reference(kind, name string) string { return kind + " " + strings.ToLower(name) }

var (
	// expression is an expression that is a reference and nothing else.
	expression = regexp.MustCompile(`^\[\s*(parameters|variables)\('([^']+)'\)\s*\]$`)
	// placeholder is what the content of a solution has in its place.
	placeholder = regexp.MustCompile(`\{\{.*\}\}`)
)

// text reads a value that is one text; a missing one is empty.
func (s scope) text(key string, value json.RawMessage) (string, error) {
	texts, err := s.texts(key, value)
	if err != nil || len(texts) == 0 {
		return "", err
	}
	if len(texts) > 1 {
		return "", fmt.Errorf("its %s has several values", key)
	}
	return texts[0], nil
}

// texts reads a value that is a list of texts, or one. The error says that it
// is none, or an expression that only a deployment works out.
func (s scope) texts(key string, value json.RawMessage) ([]string, error) {
	return s.resolve(key, value, maxDepth)
}

// resolve reads texts through at most so many references and lists: a
// parameter's default may be another's, and its own in a template that is wrong.
func (s scope) resolve(key string, value json.RawMessage, depth int) (texts []string, err error) {
	if value = bytes.TrimSpace(value); len(value) == 0 || string(value) == "null" {
		return nil, nil
	}
	if depth == 0 {
		return nil, unresolved(key)
	}
	var one string
	if json.Unmarshal(value, &one) == nil {
		return s.expand(key, one, depth)
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil, fmt.Errorf("its %s is neither a text nor a list of texts", key)
	}
	for _, element := range list {
		each, err := s.resolve(key, element, depth-1)
		if err != nil {
			return nil, err
		}
		texts = append(texts, each...)
	}
	return texts, nil
}

// expand returns a text that stands for itself, or what it refers to.
func (s scope) expand(key, text string, depth int) ([]string, error) {
	if refers := expression.FindStringSubmatch(text); refers != nil {
		if value := s[reference(refers[1], refers[2])]; value != nil {
			return s.resolve(key, value, depth-1)
		}
	}
	switch {
	case strings.HasPrefix(text, "["), placeholder.MatchString(text):
		return nil, unresolved(key)
	case text == "":
		return nil, nil
	}
	return []string{text}, nil
}

func unresolved(key string) error {
	return fmt.Errorf("its %s is an expression that only a deployment works out; import the connector as it is deployed, by --subscription, --resource-group and --workspace", key)
}
