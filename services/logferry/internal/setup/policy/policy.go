// Package policy reads, compares, merges and writes AWS policy documents. Two
// statements are the same when they mean the same: the order of keys and lists
// does not matter, and a single value is a list of one.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Version is the version of the policy language that documents are written in.
const Version = "2012-10-17"

// Size limits of AWS, in characters: of a bucket policy, the inline policies of
// a role in all, a role's trust policy by default, a queue policy and a key
// policy.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	MaxBucket = 20_480
	MaxInline = 10_240
	MaxTrust  = 2_048
	MaxQueue  = 8_192
	MaxTopic  = 30_720
	MaxKey    = 32_768
)

// Values is one value or several; written as one when there is one.
type Values []string

// MarshalJSON implements [json.Marshaler].
func (v Values) MarshalJSON() ([]byte, error) {
	if len(v) == 1 {
		return json.Marshal(v[0])
	}
	return json.Marshal([]string(v))
}

// UnmarshalJSON implements [json.Unmarshaler]. Numbers and booleans, which
// conditions may hold, become their text.
func (v *Values) UnmarshalJSON(text []byte) error {
	var one any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&one); err != nil {
		return err
	}
	list, ok := one.([]any)
	if !ok {
		list = []any{one}
	}
	*v = (*v)[:0]
	for _, e := range list {
		switch e := e.(type) {
		case string:
			*v = append(*v, e)
		case json.Number, bool:
			*v = append(*v, fmt.Sprint(e))
		default:
			return fmt.Errorf("%s is no value of a policy", text)
		}
	}
	return nil
}

// Principal maps kinds (AWS, Service, Federated) to values. Everybody, "*", is
// the kind "*" with the value "*".
type Principal map[string]Values

// MarshalJSON implements [json.Marshaler].
func (p Principal) MarshalJSON() ([]byte, error) {
	if len(p) == 1 && slices.Equal(p["*"], Values{"*"}) {
		return []byte(`"*"`), nil
	}
	return json.Marshal(map[string]Values(p))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Principal) UnmarshalJSON(text []byte) error {
	if string(bytes.TrimSpace(text)) == `"*"` {
		*p = Principal{"*": {"*"}}
		return nil
	}
	return json.Unmarshal(text, (*map[string]Values)(p))
}

// Conditions map operators to keys to values.
type Conditions map[string]map[string]Values

// Statement is one statement. What it holds is kept when it is written again,
// also what this set-up never writes.
type Statement struct {
	Sid          string     `json:"Sid,omitempty"`
	Effect       string     `json:"Effect"`
	Principal    Principal  `json:"Principal,omitempty"`
	NotPrincipal Principal  `json:"NotPrincipal,omitempty"`
	Action       Values     `json:"Action,omitempty"`
	NotAction    Values     `json:"NotAction,omitempty"`
	Resource     Values     `json:"Resource,omitempty"`
	NotResource  Values     `json:"NotResource,omitempty"`
	Condition    Conditions `json:"Condition,omitempty"`
}

// Document is a policy.
type Document struct {
	Version   string      `json:"Version,omitempty"`
	ID        string      `json:"Id,omitempty"`
	Statement []Statement `json:"Statement"`
}

// New returns a document of this version with the statements.
func New(statements ...Statement) Document {
	return Document{Version: Version, Statement: statements}
}

// Parse reads a document, whose Statement may be a list or a single one; an
// empty text is an empty document.
func Parse(text string) (Document, error) {
	if text == "" {
		return New(), nil
	}
	var raw struct {
		Version   string          `json:"Version"`
		ID        string          `json:"Id"`
		Statement json.RawMessage `json:"Statement"`
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return Document{}, fmt.Errorf("read policy: %w", err)
	}
	d := Document{Version: raw.Version, ID: raw.ID}
	list := raw.Statement
	if len(list) > 0 && list[0] == '{' {
		list = slices.Concat([]byte{'['}, list, []byte{']'})
	}
	if len(list) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(list, &d.Statement); err != nil {
		return Document{}, fmt.Errorf("read policy: %w", err)
	}
	return d, nil
}

// String returns the document as compact JSON.
func (d Document) String() string {
	text, err := json.Marshal(d)
	if err != nil {
		return err.Error() // a document holds texts only
	}
	return string(text)
}

// Equal reports whether two statements mean the same, whatever their Sids.
func (s Statement) Equal(o Statement) bool { return s.canonical() == o.canonical() }

// canonical returns a text that is the same for statements that mean the same.
func (s Statement) canonical() string {
	s.Sid = ""
	s.Action, s.NotAction = sorted(s.Action), sorted(s.NotAction)
	s.Resource, s.NotResource = sorted(s.Resource), sorted(s.NotResource)
	s.Principal, s.NotPrincipal = sortedIn(s.Principal), sortedIn(s.NotPrincipal)
	conditions := Conditions{}
	for operator, keys := range s.Condition {
		conditions[operator] = sortedIn(keys)
	}
	s.Condition = conditions
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func sorted(v Values) Values {
	v = slices.Sorted(slices.Values(v))
	return slices.Compact(v)
}

func sortedIn[M ~map[string]Values](m M) M {
	if m == nil {
		return nil
	}
	out := make(M, len(m))
	for k, v := range m {
		out[k] = sorted(v)
	}
	return out
}

// Has reports whether the document has a statement that means the same.
func (d Document) Has(s Statement) bool { return slices.ContainsFunc(d.Statement, s.Equal) }

// Merge returns the document with the wanted statements in it, and what was
// added and removed for that. A statement with the Sid of a wanted one is
// replaced by it; all others stay as and where they are, and so do Version and
// Id.
func (d Document) Merge(wanted ...Statement) (merged Document, added, removed []Statement) {
	merged = d
	merged.Statement = slices.Clone(d.Statement)
	if merged.Version == "" {
		merged.Version = Version
	}
	for _, s := range wanted {
		at := slices.IndexFunc(merged.Statement, func(o Statement) bool { return s.Sid != "" && o.Sid == s.Sid })
		switch {
		case at < 0 && merged.Has(s):
		case at < 0:
			merged.Statement, added = append(merged.Statement, s), append(added, s)
		case !merged.Statement[at].Equal(s):
			removed, added = append(removed, merged.Statement[at]), append(added, s)
			merged.Statement[at] = s
		}
	}
	return merged, added, removed
}

// Without returns the document without the statements that mean the same as one
// of these and have its Sid, and what was removed.
func (d Document) Without(unwanted ...Statement) (rest Document, removed []Statement) {
	rest = d
	rest.Statement = nil
	for _, s := range d.Statement {
		if slices.ContainsFunc(unwanted, func(o Statement) bool { return o.Sid == s.Sid && o.Equal(s) }) {
			removed = append(removed, s)
			continue
		}
		rest.Statement = append(rest.Statement, s)
	}
	return rest, removed
}

// CheckSize says what to do when the document is longer than AWS takes.
func (d Document) CheckSize(limit int) error {
	if n := len(d.String()); n > limit {
		return fmt.Errorf("the policy would have %d characters, and AWS takes %d: %w", n, limit, ErrTooLarge)
	}
	return nil
}

// ErrTooLarge is the error of a policy that is longer than AWS takes.
var ErrTooLarge = errors.New("remove statements that are no longer needed, or use a resource of its own")
