package emit

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
)

//go:generate go test -run TestDeploy -update .

var update = flag.Bool("update", false, "rewrite testdata and deploy/aws")

// deploy is where the generated defaults are.
const deploy = "../../../../../deploy/aws"

// defaults are the specifications of deploy/aws, one for each type, for an
// account that AWS's own documents use.
func defaults() map[string]onaws.Spec {
	return map[string]onaws.Spec{
		onaws.CloudTrailType: {},
		onaws.VPCFlowType:    {VPCFlow: onaws.VPCFlow{VPCs: []string{"vpc-0123456789abcdef0"}}},
		onaws.GuardDutyType:  {},
		onaws.AnyType:        {Bucket: "your-bucket"},
	}
}

// The files of deploy/aws are what is emitted for the defaults.
func TestDeploy(t *testing.T) {
	want := map[string]string{}
	for name, spec := range defaults() {
		spec.Type, spec.ExternalID, spec.Principal = name, "an-external-id", "arn:aws:iam::444455556666:role/logferry"
		b, err := onaws.New(spec, onaws.Site{Partition: "aws", Account: "111122223333", Region: "us-east-1"})
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range Kinds() {
			files, err := Files(kind, b, Asked)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				want[path.Join(kind, name, f.Name)] = f.Text
			}
		}
	}
	if *update {
		rewrite(t, want)
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(deploy, name))
		if err != nil || string(got) != text {
			t.Errorf("deploy/aws/%s is out of date (%v): run go generate and read the difference", name, err)
		}
	}
	for _, kind := range Kinds() {
		there, err := filepath.Glob(filepath.Join(deploy, kind, "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range there {
			name, _ := filepath.Rel(deploy, file)
			if _, ok := want[filepath.ToSlash(name)]; !ok {
				t.Errorf("deploy/aws/%s is emitted no more: delete it", name)
			}
		}
	}
}

// A default template is of no account: what it is made from is asked for, or
// known where it is used.
func TestDefaultsNameNobody(t *testing.T) {
	templates, err := filepath.Glob(filepath.Join(deploy, "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range templates {
		if ext := filepath.Ext(file); ext != ".yaml" && ext != ".tf" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		for _, own := range []string{"111122223333", "444455556666", "us-east-1", "an-external-id", "vpc-0123456789abcdef0", "your-bucket", "arn:aws:"} {
			if bytes.Contains(text, []byte(own)) {
				t.Errorf("%s holds %s", file, own)
			}
		}
	}
	if want := 2 * len(defaults()); seen != want {
		t.Errorf("got %d templates; want %d", seen, want)
	}
}

func rewrite(t *testing.T, files map[string]string) {
	for name, text := range files {
		file := filepath.Join(deploy, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Each blueprint that package onaws is tested with, as templates.
func TestTemplates(t *testing.T) {
	cases, err := filepath.Glob("../onaws/testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			testTemplates(t, blueprint(t, file), filepath.Join("testdata", filepath.Base(file)))
		})
	}
}

func testTemplates(t *testing.T, b onaws.Blueprint, golden string) {
	got := &txtar.Archive{}
	for _, kind := range []string{CloudFormation, Terraform} {
		files, err := Files(kind, b, Given)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			got.Files = append(got.Files, txtar.File{Name: kind + "/" + f.Name, Data: []byte(f.Text)})
			check(t, f)
		}
	}
	if *update {
		if err := os.WriteFile(golden, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(want, txtar.Format(got)) {
		t.Errorf("the templates differ (%v); run go test -update and read the difference\ngot %s", err, txtar.Format(got))
	}
}

// check parses what is emitted.
func check(t *testing.T, f File) {
	t.Helper()
	var value map[string]any
	switch filepath.Ext(f.Name) {
	case ".yaml":
		if err := yaml.Unmarshal([]byte(f.Text), &value); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	case ".json":
		if err := json.Unmarshal([]byte(f.Text), &value); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// blueprint works the specification of a case out.
func blueprint(t *testing.T, file string) onaws.Blueprint {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var site onaws.Site
	var spec onaws.Spec
	if err := yaml.Unmarshal(archive.Files[0].Data, &site); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(archive.Files[1].Data, &spec); err != nil {
		t.Fatal(err)
	}
	b, err := onaws.New(spec, site)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestUnknownKind(t *testing.T) {
	_, err := Files("pulumi", onaws.Blueprint{}, Given)
	const want = `emit "pulumi": must be one of cloudformation, terraform, policies`
	if err == nil || err.Error() != want {
		t.Errorf("got %v; want %s", err, want)
	}
}

// A stack in another account or region finds its own names.
func TestMarked(t *testing.T) {
	marks := []mark{{"arn:aws:", "arn:${P}:"}, {"111122223333", "${A}"}, {"eu-west-1", "${R}"}, {"", "${none}"}}
	f := func(text, want string, found bool) {
		t.Helper()
		if got, ok := marked(text, marks, "${!"); got != want || ok != found {
			t.Errorf("%q: got %q, %t; want %q, %t", text, got, ok, want, found)
		}
	}
	f("", "", false)
	f("queue", "queue", false)
	f("arn:aws:sqs:eu-west-1:111122223333:q", "arn:${P}:sqs:${R}:${A}:q", true)
	f("arn:aws-cn:s3:::logs", "arn:aws-cn:s3:::logs", false)
	f("${start} eu-west-1", "${!start} ${R}", true)
}
