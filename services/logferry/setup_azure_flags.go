package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/logferry/logferry/services/logferry/internal/setup/onazure"
)

// azureFlags binds every field of a spec to a flag.
func azureFlags(c *cobra.Command, s *onazure.Spec) {
	f := c.Flags()
	f.StringVar(&s.Workspace, "workspace", s.Workspace, "Log Analytics `WORKSPACE` with Sentinel: its resource id, or its name")
	f.StringVar(&s.Subscription, "subscription", s.Subscription, "subscription `ID` of the rules (default that of the workspace)")
	f.StringVar(&s.ResourceGroup, "resource-group", s.ResourceGroup, "resource `GROUP` of the rules (default that of the workspace)")
	f.StringVar(&s.Location, "location", s.Location, "`REGION` of the rules, which must be that of the workspace (default that)")
	f.StringVar(&s.Principal, "principal", s.Principal, "object `ID` of the service principal or managed identity that runs Logferry")
	f.StringSliceVar(&s.Tables, "tables", s.Tables, "`TABLES` that rows go to (default "+strings.Join(onazure.Tables(), ",")+")")
	f.StringVar(&s.RulePer, "rule-per", s.RulePer, "`WHAT` has a rule of its own: destination, table or connection (default destination)")
	f.StringVar(&s.Connection, "connection", s.Connection, "`NAME` of the connection, with --rule-per connection")
	f.StringVar(&s.Endpoint, "dce", s.Endpoint, "data collection endpoint for private link: the resource `ID` of one, or new")
	f.StringVar(&s.Access, "access", s.Access, "`ACCESS` to a new endpoint: disabled (but by private link), enabled or securedbyperimeter (default disabled)")
	f.StringVar(&s.EventTime, "event-time", s.EventTime, "add this datetime `COLUMN` to the tables, for the time of old events: EventTime_CF")
	f.BoolVar(&s.Health, "health", s.Health, "make the table "+onazure.HealthTable+" and its stream, too")
	f.StringToStringVar(&s.Tags, "tag", s.Tags, "`KEY=VALUE` to tag rules and endpoint with; may be given again")
	f.Lookup("tag").DefValue = "" // else help shows brackets
	f.StringVar(&s.Name, "name", s.Name, "`NAME` of the set-up, with which those of what it makes begin (default logferry)")
	f.StringVar(&s.Cloud, "cloud", s.Cloud, "`CLOUD`: public, usgovernment or china (default public)")
}

// readAzureSpec reads a spec from a file, if one is named. Flags that are given
// win.
func readAzureSpec(path string, given onazure.Spec) (onazure.Spec, error) {
	if path == "" {
		return given, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return given, fmt.Errorf("read the specification: %w", err)
	}
	var s onazure.Spec
	if err := yaml.UnmarshalWithOptions(text, &s, yaml.Strict()); err != nil {
		return given, fmt.Errorf("%s: %w", path, err)
	}
	flags, err := yaml.MarshalWithOptions(given, yaml.OmitEmpty())
	if err == nil {
		err = yaml.Unmarshal(flags, &s)
	}
	if err != nil {
		return given, fmt.Errorf("read the flags: %w", err)
	}
	return s, nil
}

// saveAzureSpec writes a spec that the next call reads with --spec.
func saveAzureSpec(path string, s onazure.Spec) error {
	text, err := yaml.MarshalWithOptions(s, yaml.OmitEmpty())
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the specification: %w", err)
	}
	return nil
}
