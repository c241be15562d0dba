package onazure

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/services/logferry/internal/setup"
	"github.com/logferry/logferry/services/logferry/internal/setup/onazure/azuretest"
)

var update = flag.Bool("update", false, "rewrite the golden files and deploy/azure")

// golden compares a text with that of the file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what is generated; go test ./services/logferry/internal/setup/onazure -update writes it:\n%s", name, got)
	}
}

const deploy = "../../../../../deploy/azure"

// What deploy/azure holds is what plan --emit writes of a set-up without flags.
func TestDeployIsGenerated(t *testing.T) {
	b, err := New(Spec{})
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range Forms() {
		files, err := b.Emit(form)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			golden(t, filepath.Join(deploy, form, f.Name), f.Text)
		}
	}
	golden(t, filepath.Join(deploy, "role.json"), RoleDefinition())
}

// Everything that a set-up can make, in each form.
func TestEmit(t *testing.T) {
	s := everything()
	s.Location, s.Tags = "westeurope", map[string]string{"cost-center": "a'b\"[${x}", "bracket": "[x]"}
	b, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range Forms() {
		files, err := b.Emit(form)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if bytes.ContainsRune(f.Text, 0) || bytes.Contains(f.Text, []byte(`\u0000`)) {
				t.Errorf("%s: a parameter is missing", f.Name)
			}
			golden(t, filepath.Join("testdata", form, f.Name), f.Text)
		}
	}
	s.Endpoint = ID{Subscription: azuretest.Subscription, Group: "rg-net", Name: "dce", Kind: kindEndpoint}.String()
	if b, err = New(s); err != nil {
		t.Fatal(err)
	}
	for _, form := range Forms() {
		files, err := b.Emit(form)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", form+"-endpoint", files[0].Name), files[0].Text)
	}
	if _, err := b.Emit("pulumi"); err == nil || err.Error() != `there is no form "pulumi"; write arm, bicep or terraform` {
		t.Errorf("form pulumi: %v; want an error that names the forms", err)
	}
}

// A template has what a template needs.
func TestTemplateIsWhole(t *testing.T) {
	b, err := New(everything())
	if err != nil {
		t.Fatal(err)
	}
	files, err := b.Emit("arm")
	if err != nil {
		t.Fatal(err)
	}
	var template armTemplate
	d := json.NewDecoder(bytes.NewReader(files[0].Text))
	d.DisallowUnknownFields()
	if err := d.Decode(&template); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, r := range template.Resources {
		if r.Type == "" || r.Version == "" || r.Name == "" || r.Properties == nil {
			t.Errorf("resource %q of %q: type, apiVersion, name or properties are missing", r.Name, r.Type)
		}
		for _, need := range r.DependsOn {
			if !strings.Contains(need, "Microsoft.Resources/deployments") && !named[need] {
				t.Errorf("%s depends on %s, which is not above it", r.Name, need)
			}
		}
		named["["+armID(r.Type, r.Name)+"]"] = true
	}
	if template.Schema != armSchema || len(template.Resources) != 10 {
		t.Errorf("schema %q, %d resources; want %q and 10", template.Schema, len(template.Resources), armSchema)
	}
}

// The custom role allows what a set-up calls, and no more.
func TestRoleIsWhatIsCalled(t *testing.T) {
	cloud := azuretest.New()
	b, c := ready(t, everything(), cloud)
	if _, err := apply(t.Context(), b, c); err != nil {
		t.Fatal(err)
	}
	if err := setup.Destroy(t.Context(), b.Resources(c, true), false, func(setup.Change) {}); err != nil {
		t.Fatal(err)
	}
	var called []string
	for _, call := range cloud.Calls() {
		called = append(called, call.Action)
	}
	slices.Sort(called)
	called = slices.Compact(called)
	if !slices.Equal(called, Actions()) {
		t.Errorf("called: %q\nin the role: %q", called, Actions())
	}
}
