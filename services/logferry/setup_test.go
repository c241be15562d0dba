package main

import (
	"bufio"
	"bytes"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
)

// What a plan saved is what the next command reads, and flags win over it.
func TestSpecFile(t *testing.T) {
	saved := onaws.Spec{
		Name: "logferry-a", Type: "vpcflow", Bucket: "b", ExistingBucket: true,
		VPCFlow: onaws.VPCFlow{VPCs: []string{"vpc-1"}, Parquet: true, Interval: 60},
	}
	path := filepath.Join(t.TempDir(), "spec.yaml")
	if err := saveSpec(path, saved); err != nil {
		t.Fatal(err)
	}
	f := func(given onaws.Spec, change func(*onaws.Spec)) {
		t.Helper()
		want := saved
		change(&want)
		got, err := readSpec(path, given)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	f(onaws.Spec{}, func(*onaws.Spec) {})
	f(onaws.Spec{Bucket: "c"}, func(s *onaws.Spec) { s.Bucket = "c" })
	f(onaws.Spec{VPCFlow: onaws.VPCFlow{Hive: true}}, func(s *onaws.Spec) { s.VPCFlow.Hive = true })
	f(onaws.Spec{VPCFlow: onaws.VPCFlow{VPCs: []string{"vpc-2", "vpc-3"}}}, func(s *onaws.Spec) { s.VPCFlow.VPCs = []string{"vpc-2", "vpc-3"} })
}

// A person is asked for what is missing, and again when an answer is no answer.
func TestAskSpec(t *testing.T) {
	f := func(answers string, given, want onaws.Spec) {
		t.Helper()
		var out bytes.Buffer
		got, err := askSpec(&dialogue{bufio.NewReader(strings.NewReader(answers)), &out}, given)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("answers %q: got %+v, %v; want %+v; asked:\n%s", answers, got, err, want, &out)
		}
	}
	f("\n\n\n\n", onaws.Spec{}, onaws.Spec{Type: "cloudtrail"})
	f("nothing\nguardduty\n\n\n", onaws.Spec{}, onaws.Spec{Type: "guardduty"})
	f("org-logs\no-abcdefghij\n210987654321\n", onaws.Spec{Type: "cloudtrail"}, onaws.Spec{
		Type: "cloudtrail", Bucket: "org-logs", ExistingBucket: true, Principal: "210987654321",
		CloudTrail: onaws.CloudTrail{Organization: "o-abcdefghij"},
	})
	f("\nvpc-1,vpc-2\n-\n", onaws.Spec{Type: "vpcflow"}, onaws.Spec{Type: "vpcflow", VPCFlow: onaws.VPCFlow{VPCs: []string{"vpc-1", "vpc-2"}}})
	// an answer that must be given
	f("\nlogs\n\n", onaws.Spec{Type: "any"}, onaws.Spec{Type: "any", Bucket: "logs"})
	// nothing that is there already is asked for
	f("", onaws.Spec{Type: "any", Bucket: "logs", Principal: "210987654321"}, onaws.Spec{Type: "any", Bucket: "logs", Principal: "210987654321"})
}

// An input that ends is an error, not an endless question.
func TestAskEnd(t *testing.T) {
	if _, err := askSpec(&dialogue{bufio.NewReader(strings.NewReader("nothing\n")), new(bytes.Buffer)}, onaws.Spec{}); err == nil {
		t.Error("got no error; want one")
	}
}
