package onazure

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Spec is what a person asks for, by flags or a file. Empty fields are worked
// out; [New] says what is wrong with the others.
type Spec struct {
	// Name names the set-up and begins the names of what it makes; empty:
	// "logferry".
	Name string `yaml:"name,omitempty"`
	// Cloud is public (the default), usgovernment or china.
	Cloud string `yaml:"cloud,omitempty"`
	// Workspace is the Log Analytics workspace: its resource id, or its name when
	// it is in the subscription and resource group below.
	Workspace string `yaml:"workspace,omitempty"`
	// Subscription and ResourceGroup are where the rules are made; empty: those of
	// the workspace.
	Subscription  string `yaml:"subscription,omitempty"`
	ResourceGroup string `yaml:"resource_group,omitempty"`
	// Location is the region of the rules; empty: the workspace's, which it must
	// be in any case.
	Location string `yaml:"location,omitempty"`
	// Tables are the tables that rows go to; empty: those of all formats.
	Tables []string `yaml:"tables,omitempty"`
	// RulePer is destination (the default), table or connection: what has a rule
	// of its own. A rule has an endpoint of its own, and a destination has one:
	// with a rule for each table, an endpoint is wanted for all, or each table
	// becomes a destination.
	RulePer string `yaml:"rule_per,omitempty"`
	// Connection is the connection that the rule is named after, with rule_per
	// connection.
	Connection string `yaml:"connection,omitempty"`
	// Principal is the object id of the identity that posts: a service principal
	// or managed identity. Empty: nobody is given the right to.
	Principal string `yaml:"principal,omitempty"`
	// Endpoint is a data collection endpoint for private link: the resource id of
	// one that is there, or "new"; empty: the rules' own endpoints are used.
	Endpoint string `yaml:"endpoint,omitempty"`
	// Access says who reaches a new endpoint: disabled (the default: private link
	// only), enabled or securedbyperimeter.
	Access string `yaml:"access,omitempty"`
	// EventTime is a datetime column, such as EventTime_CF, that is added to the
	// tables and gets each row's own time, which the service replaces in
	// TimeGenerated when it is old; empty: none is.
	EventTime string `yaml:"event_time,omitempty"`
	// Health makes the table LogferryHealth_CL and a rule for it.
	Health bool `yaml:"health,omitempty"`
	// Tags are put on rules and endpoint besides [Tag].
	Tags map[string]string `yaml:"tags,omitempty"`
}

// What has a rule of its own.
const (
	PerDestination = "destination"
	PerTable       = "table"
	PerConnection  = "connection"
)

// NewEndpoint is the value of Spec.Endpoint that has one made.
const NewEndpoint = "new"

// clouds are the clouds that a set-up knows.
var clouds = []string{"public", "usgovernment", "china"}

// accesses are who reaches an endpoint, as Azure spells it.
var accesses = []string{"Disabled", "Enabled", "SecuredByPerimeter"}

var (
	setupPattern     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$`)
	guidPattern      = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	groupPattern     = regexp.MustCompile(`^[-\w.()]{0,89}[-\w()]$`)
	workspacePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$`)
	locationPattern  = regexp.MustCompile(`^[a-z0-9]+$`)
	// A custom column of one of the service's own tables ends in _CF.
	columnPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,41}_CF$`)
)

// problems returns everything that is wrong with the spec by itself, each with
// the field and what to write instead.
func (s Spec) problems() error {
	var wrong []error
	require := func(ok bool, field, text string) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("%s: %s", field, text))
		}
	}
	matches := func(value string, p *regexp.Regexp) bool { return value == "" || p.MatchString(value) }
	require(matches(s.Name, setupPattern), "name", "must be letters, digits and dashes, and begin with a letter")
	require(s.Cloud == "" || slices.Contains(clouds, s.Cloud), "cloud", "must be "+oneOf(clouds))
	require(matches(s.Subscription, guidPattern), "subscription", "must be a subscription's id, a GUID; az account show prints it")
	require(matches(s.ResourceGroup, groupPattern), "resource_group", "is no resource group's name")
	require(matches(s.Location, locationPattern), "location", "is no region; write one such as westeurope")
	require(matches(s.Principal, guidPattern), "principal",
		"must be the object id of a service principal or managed identity, a GUID; az ad sp show --id APPLICATION-ID --query id prints it")
	for i, t := range s.Tables {
		require(isTable(t), "tables", fmt.Sprintf("%q is no table of a format; write %s", t, oneOf(Tables())))
		require(!slices.Contains(s.Tables[:i], t), "tables", fmt.Sprintf("%q is given twice; drop one", t))
	}
	require(matches(s.EventTime, columnPattern), "event_time",
		"must be the name of a custom column: letters, digits and underscores, _CF at the end, at most 45 in all; write one such as EventTime_CF")
	require(s.Access == "" || slices.ContainsFunc(accesses, s.isAccess), "access", "must be disabled, enabled or securedbyperimeter")
	require(s.Access == "" || s.Endpoint == NewEndpoint, "access", "is only for a new endpoint; drop it, or write endpoint: new")
	require(matches(s.Connection, setupPattern), "connection", "must be letters, digits and dashes, and begin with a letter")
	require(slices.Contains([]string{"", PerDestination, PerTable, PerConnection}, s.RulePer), "rule_per", "must be destination, table or connection")
	require(s.RulePer != PerConnection || s.Connection != "", "connection", "is missing; name the connection that the rule is for")
	require(s.RulePer == PerConnection || s.Connection == "", "connection", "is only for rule_per connection; drop it, or write rule_per: connection")
	_, own := s.Tags[Tag]
	require(!own, "tags", Tag+" is the set-up's own; drop it")
	return errors.Join(wrong...)
}

func (s Spec) isAccess(name string) bool { return strings.EqualFold(name, s.Access) }

// oneOf lists what may be written.
func oneOf(words []string) string {
	last := len(words) - 1
	if last <= 0 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
