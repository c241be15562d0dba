package emit

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// A template that is used in the blueprint's own account and region holds the
// blueprint's policies and texts again.
func TestTemplatesSayTheSame(t *testing.T) {
	cases, err := filepath.Glob("../onaws/testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		b := blueprint(t, file)
		for _, values := range []Values{Given, Asked} {
			text, err := cloudFormation(b, values)
			if err != nil {
				t.Fatal(err)
			}
			got := newStack(t, b, values, text)
			f := func(resource, property string, want ...policy.Statement) {
				t.Helper()
				have, ok := got.properties(resource)[property]
				if !ok {
					t.Errorf("%s: %s has no %s", file, resource, property)
					return
				}
				same(t, file+": "+resource, have, want)
			}
			f("Role", "AssumeRolePolicyDocument", b.Role.Trust.Statement...)
			if !b.Bucket.Existing {
				f("BucketPolicy", "PolicyDocument", b.Bucket.Statements...)
			}
			if !b.Queue.Existing {
				f("QueuePolicy", "PolicyDocument", b.Queue.Statements...)
			}
			if b.Topic != nil && !b.Topic.Existing {
				f("TopicPolicy", "PolicyDocument", b.Topic.Statements...)
			}
			if b.Key != nil && b.Key.ARN == "" {
				f("Key", "KeyPolicy", keyPolicy(b)...)
			}
			if b.Rule != nil {
				pattern, err := json.Marshal(got.properties("Rule")["EventPattern"])
				if err != nil || string(pattern) != b.Rule.Pattern {
					t.Errorf("%s: got the pattern %s; want %s", file, pattern, b.Rule.Pattern)
				}
			}
		}
	}
}

// same compares a policy of a template with statements.
func same(t *testing.T, what string, have any, want []policy.Statement) {
	t.Helper()
	text, err := json.Marshal(have)
	if err != nil {
		t.Fatal(err)
	}
	d, err := policy.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range want {
		if len(d.Statement) != len(want) || d.Statement[i].Sid != s.Sid || !d.Statement[i].Equal(s) {
			t.Errorf("%s: got %s; want %s", what, d, policy.New(want...))
			return
		}
	}
}

// used is a template in use, with what CloudFormation fills in.
type used struct {
	t         *testing.T
	resources map[string]any
	known     map[string]string
}

func newStack(t *testing.T, b onaws.Blueprint, values Values, text string) used {
	var template struct {
		Resources map[string]any `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(text), &template); err != nil {
		t.Fatal(err)
	}
	u := used{t, template.Resources, map[string]string{
		"AWS::AccountId": b.Account, "AWS::Region": b.Region, "AWS::Partition": b.Partition,
		"AWS::URLSuffix": onaws.DNSSuffix(b.Partition),
	}}
	for _, p := range parameters(b, values) {
		u.known[p.name] = p.value
	}
	return u
}

func (u used) properties(resource string) map[string]any {
	r, ok := u.resources[resource].(map[string]any)
	if !ok {
		u.t.Errorf("the template has no %s", resource)
		return nil
	}
	return u.resolve(r["Properties"]).(map[string]any)
}

var variable = regexp.MustCompile(`\$\{[^!}][^}]*\}`)

// resolve does what CloudFormation does with Ref and Fn::Sub.
func (u used) resolve(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if text, ok := v["Fn::Sub"].(string); ok {
			text = variable.ReplaceAllStringFunc(text, func(name string) string { return u.value(strings.Trim(name, "${}")) })
			return strings.ReplaceAll(text, "${!", "${")
		}
		if name, ok := v["Ref"].(string); ok {
			if _, isResource := u.resources[name]; isResource {
				return name
			}
			return u.value(name)
		}
		for key, e := range v {
			v[key] = u.resolve(e)
		}
	case []any:
		for i, e := range v {
			v[i] = u.resolve(e)
		}
	}
	return value
}

func (u used) value(name string) string {
	value, ok := u.known[name]
	if !ok {
		u.t.Errorf("the template uses %s, which nobody knows", name)
	}
	return value
}
