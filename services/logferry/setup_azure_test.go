package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/services/logferry/internal/setup/onazure"
	"github.com/logferry/logferry/services/logferry/internal/setup/onazure/azuretest"
)

// azure runs a command of setup azure on the cloud and returns what it prints.
func azure(t *testing.T, cloud *azuretest.Cloud, args ...string) (string, error) {
	t.Helper()
	c := azureCommand(func(string, string) (azcore.TokenCredential, arm.ClientOptions, error) {
		return cloud.Credential(), cloud.Options(), nil
	})
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetIn(strings.NewReader(""))
	c.SetArgs(args)
	c.SilenceErrors, c.SilenceUsage = true, true
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// wantStatus checks the exit status of an error, 0 for none.
func wantStatus(t *testing.T, err error, want int) {
	t.Helper()
	got := 0
	if err != nil {
		got = 1
	}
	if status, ok := errors.AsType[*app.StatusError](err); ok {
		got = status.Status
	}
	if got != want {
		t.Errorf("status %d (%v); want %d", got, err, want)
	}
}

// The story of a set-up on the command line, on the SDK's fakes of ARM.
func TestSetupAzureOnARMFakes(t *testing.T) {
	cloud := azuretest.New()
	spec := filepath.Join(t.TempDir(), "azure.yaml")
	run := func(status int, want string, args ...string) {
		t.Helper()
		out, err := azure(t, cloud, args...)
		wantStatus(t, err, status)
		if !strings.Contains(out, want) {
			t.Errorf("%q: got\n%s\nwant\n%s", args, out, want)
		}
	}
	run(0, `logferry: workspace la-sentinel, resource group rg-logs of subscription 11111111-1111-1111-1111-111111111111

  keep   workspace la-sentinel: it is in westeurope and has Microsoft Sentinel
  keep   table AWSGuardDuty
  keep   table AWSVPCFlow
+ create data collection rule logferry
      + flow of Custom-Logferry-AWSGuardDuty to Microsoft-AWSGuardDuty: source
      + flow of Custom-Logferry-AWSVPCFlow to Microsoft-AWSVPCFlow: source
      + stream Custom-Logferry-AWSGuardDuty: 14 columns
      + stream Custom-Logferry-AWSVPCFlow: 40 columns
+ create role Monitoring Metrics Publisher of 22222222-2222-2222-2222-222222222222 on logferry

2 to change, 3 as wanted
`, "plan", "--workspace", azuretest.WorkspaceID, "--tables", "AWSGuardDuty,AWSVPCFlow", "--principal", azuretest.Principal, "--save", spec)
	run(3, "FAIL  data collection rule logferry: it is not there\n        fix: logferry setup azure apply", "verify", "--spec", spec)
	run(3, "nothing can be posted: the rule logferry is not there", "verify", "--spec", spec, "--post")
	run(2, "", "apply", "--spec", spec)
	run(0, `destinations:
  - name: here
    endpoint: https://logferry-a1b2.westeurope-1.ingest.monitor.azure.com
    tables:
      AWSGuardDuty:
        rule: `+azuretest.ImmutableID("logferry")+`
      AWSVPCFlow:
        rule: `+azuretest.ImmutableID("logferry")+`
`, "apply", "--spec", spec, "--yes", "--destination", "here")
	run(0, "ok    role Monitoring Metrics Publisher", "verify", "--spec", spec)
	run(0, "0 to change, 5 as wanted", "plan", "--spec", spec)
	run(0, "In the configuration:\n\ndestinations:", "apply", "--spec", spec) // nothing to agree to
	run(0, "~ update data collection rule logferry\n      + flow of Custom-Logferry-AWSCloudTrail", "plan", "--spec", spec, "--tables", strings.Join(onazure.Tables(), ","))
	run(2, "", "destroy", "--spec", spec)
	run(0, "- delete data collection rule logferry", "destroy", "--spec", spec, "--yes")
	if n := len(cloud.Rules) + len(cloud.Grants); n != 0 {
		t.Errorf("destroy: %d rules and roles are left; want none", n)
	}
}

// What a set-up made goes also when the workspace is gone.
func TestSetupAzureDestroyWithoutWorkspace(t *testing.T) {
	cloud := azuretest.New()
	settings := []string{"--workspace", azuretest.WorkspaceID, "--principal", azuretest.Principal, "--health", "--yes"}
	if _, err := azure(t, cloud, append([]string{"apply"}, settings...)...); err != nil {
		t.Fatal(err)
	}
	cloud.Refusals["Microsoft.OperationalInsights/workspaces/read"] = &azuretest.Refusal{Status: 404, Code: "ResourceNotFound", Message: "gone"}
	clear(cloud.Tables)
	if out, err := azure(t, cloud, append([]string{"destroy"}, settings...)...); err != nil || len(cloud.Rules)+len(cloud.Grants) != 0 {
		t.Errorf("destroy: %v, %d rules, %d roles are left; want none:\n%s", err, len(cloud.Rules), len(cloud.Grants), out)
	}
	_, err := azure(t, cloud, append([]string{"apply"}, settings...)...)
	wantStatus(t, err, 1)
	if err == nil || !strings.Contains(err.Error(), "there is no workspace") {
		t.Errorf("apply: %v; want that there is no workspace", err)
	}
}

// With a configuration, the destination is written into Logferry.
func TestSetupAzureWritesTheDestination(t *testing.T) {
	cloud := azuretest.New()
	dir := t.TempDir()
	config := filepath.Join(dir, "logferry.yaml")
	if err := os.WriteFile(config, []byte("bus: {store: "+filepath.Join(dir, "bus")+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(status int, want string, more ...string) {
		t.Helper()
		out, err := azure(t, cloud, append([]string{"apply", "--yes", "--workspace", azuretest.WorkspaceID, "--principal", azuretest.Principal}, more...)...)
		wantStatus(t, err, status)
		if err != nil {
			out += err.Error()
		}
		if !strings.HasSuffix(strings.TrimSpace(out), want) {
			t.Errorf("%q: got\n%s\nwant\n%s", more, out, want)
		}
	}
	f(2, "--replace is for --config; add that, or drop it", "--replace")
	f(1, "no such file or directory", "--config", filepath.Join(dir, "none.yaml"))
	if n := len(cloud.Calls()); n != 0 {
		t.Errorf("%d calls were made before the configuration was read; want none", n)
	}
	f(0, "destination sentinel: added", "--config", config)
	f(0, "destination sentinel: unchanged", "--config", config)
	f(1, "destination sentinel is there already, and is not the same; replace it with --replace, or choose another name", "--config", config, "--tables", "AWSVPCFlow")
	f(0, "destination sentinel: replaced", "--config", config, "--tables", "AWSVPCFlow", "--replace")
	f(0, "}", "--config", config, "--destination", "programs", "--output", "json")
	f(0, "destination programs: unchanged", "--config", config, "--destination", "programs")
}

// Programs read one document.
func TestSetupAzureJSON(t *testing.T) {
	cloud := azuretest.New()
	f := func(args ...string) map[string]any {
		t.Helper()
		out, err := azure(t, cloud, append(args, "--workspace", azuretest.WorkspaceID, "--tables", "AWSVPCFlow", "--output", "json")...)
		if err != nil {
			t.Fatal(err)
		}
		var document map[string]any
		if err := json.Unmarshal([]byte(out), &document); err != nil {
			t.Fatalf("%q: %v in\n%s", args, err, out)
		}
		return document
	}
	if got := f("plan")["pending"]; got != 1.0 {
		t.Errorf("plan: %v pending; want 1", got)
	}
	want := []any{map[string]any{
		"name": "sentinel", "endpoint": azuretest.IngestionURL("logferry"),
		"tables": map[string]any{"AWSVPCFlow": map[string]any{"rule": azuretest.ImmutableID("logferry")}},
	}}
	if got := f("apply", "--yes")["destinations"]; !reflect.DeepEqual(got, want) {
		t.Errorf("apply: destinations %v; want %v", got, want)
	}
	if got := f("verify")["verdict"]; got != "ok" {
		t.Errorf("verify: verdict %v; want ok", got)
	}
	if got := f("destroy", "--yes")["pending"]; got != 1.0 {
		t.Errorf("destroy: %v done; want 1", got)
	}
}

// What a plan saved is what the next command reads, and flags win over it.
func TestAzureSpecFile(t *testing.T) {
	saved := onazure.Spec{Name: "a", Workspace: azuretest.WorkspaceID, Tables: []string{"AWSVPCFlow"}, Health: true, Tags: map[string]string{"owner": "soc"}}
	path := filepath.Join(t.TempDir(), "azure.yaml")
	if err := saveAzureSpec(path, saved); err != nil {
		t.Fatal(err)
	}
	f := func(given onazure.Spec, change func(*onazure.Spec)) {
		t.Helper()
		want := saved
		change(&want)
		got, err := readAzureSpec(path, given)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	f(onazure.Spec{}, func(*onazure.Spec) {})
	f(onazure.Spec{Name: "b"}, func(s *onazure.Spec) { s.Name = "b" })
	f(onazure.Spec{Tables: []string{"AWSGuardDuty"}}, func(s *onazure.Spec) { s.Tables = []string{"AWSGuardDuty"} })
	if err := os.WriteFile(path, []byte("workspce: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readAzureSpec(path, onazure.Spec{}); err == nil || !strings.Contains(err.Error(), "workspce") {
		t.Errorf("a field that is none: %v; want an error that names it", err)
	}
}

// Without a cloud, the set-up is written as code.
func TestSetupAzureEmit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "iac")
	cloud := azuretest.New()
	out, err := azure(t, cloud, "plan", "--health", "--emit", "bicep", "--dir", dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "main.bicep") + "\n" + filepath.Join(dir, "tables.bicep") + "\n"; out != want {
		t.Errorf("got %q; want %q", out, want)
	}
	if n := len(cloud.Calls()); n != 0 {
		t.Errorf("%d calls were made; want none", n)
	}
}

func TestSetupAzureUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		_, err := azure(t, azuretest.New(), args...)
		wantStatus(t, err, 2)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", args, err, want)
		}
	}
	f("there is no command setup azure fly", "fly")
	f("workspace: is missing", "plan")
	f("--emit and --dir go together", "plan", "--emit", "bicep")
	f(`there is no emit "pulumi"; there are arm, bicep, terraform`, "plan", "--emit", "pulumi", "--dir", "x")
	f(`there is no output "xml"`, "plan", "--output", "xml")
	f(`tables: "AWSWAF" is no table of a format`, "verify", "--tables", "AWSWAF")
	f("read the specification: open", "plan", "--spec", "missing.yaml")
	f("add --yes", "apply", "--workspace", azuretest.WorkspaceID)
}
