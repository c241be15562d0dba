package emit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// A template is a tree of objects, lists ([]any), texts, numbers and booleans.
// Fields keep their order.
type object []field

type field struct {
	key   string
	value any
}

// tree returns the tree of a JSON text.
func tree(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return next(d)
}

// next reads a value. The texts come from this program, so they are JSON; what
// is not shows in the golden files.
func next(d *json.Decoder) any {
	token, err := d.Token()
	if err != nil {
		return err.Error()
	}
	switch token {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			key, _ := d.Token()
			o = append(o, field{fmt.Sprint(key), next(d)})
		}
		_, _ = d.Token()
		return o
	case json.Delim('['):
		list := []any{}
		for d.More() {
			list = append(list, next(d))
		}
		_, _ = d.Token()
		return list
	}
	if n, ok := token.(json.Number); ok {
		i, _ := n.Int64()
		return i
	}
	return token
}

// document returns a policy as a tree.
func document(statements ...policy.Statement) any { return tree(policy.New(statements...).String()) }

// keyPolicy is the whole policy of a new key: the account manages it, and the
// blueprint's statements.
func keyPolicy(b onaws.Blueprint) []policy.Statement {
	return append([]policy.Statement{{
		Sid: "EnableIAMUserPermissions", Effect: "Allow",
		Principal: policy.Principal{"AWS": {fmt.Sprintf("arn:%s:iam::%s:root", b.Partition, b.Account)}},
		Action:    policy.Values{"kms:*"}, Resource: policy.Values{"*"},
	}}, b.Key.Statements...)
}

// texts returns the tree with each text replaced.
func texts(value any, replace func(string) any) any {
	switch v := value.(type) {
	case string:
		return replace(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = texts(e, replace)
		}
		return list
	case object:
		o := make(object, len(v))
		for i, f := range v {
			o[i] = field{f.key, texts(f.value, replace)}
		}
		return o
	}
	return value
}

// mark stands for a value that is not known before a template is used.
type mark struct {
	value, name string
}

// marked returns the text with its values replaced by marks, ${name}, and
// whether there were any. What looks like a mark in the text is written with
// escape in place of "${".
func marked(text string, marks []mark, escape string) (out string, found bool) {
	var b strings.Builder
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "${"); ok {
			b.WriteString(escape)
			text = rest
			continue
		}
		m, ok := first(text, marks)
		if !ok {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		found = true
		b.WriteString(m.name)
		text = text[len(m.value):]
	}
	return b.String(), found
}

func first(text string, marks []mark) (mark, bool) {
	for _, m := range marks {
		if m.value != "" && strings.HasPrefix(text, m.value) {
			return m, true
		}
	}
	return mark{}, false
}

// indented returns a value as JSON for people.
func indented(value any) string {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err.Error() // texts only
	}
	return string(append(bytes.TrimSpace(text), '\n'))
}
