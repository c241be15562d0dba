package connection

import (
	"slices"
	"testing"
	"time"
)

func TestLookup(t *testing.T) {
	const rule, role = "dcr-0123456789abcdef0123456789abcdef", "arn:aws:iam::111122223333:role/r"
	destination := Destination{
		Name: "here", Endpoint: "https://dce-1.westeurope-1.ingest.monitor.azure.com",
		Tables: map[string]Rule{"AWSCloudTrail": {Rule: rule}},
	}
	f := func(edit func(*Connection, *Destination), want ...string) {
		t.Helper()
		d := destination
		c := Connection{Name: "a", Destination: "here", Lookup: Lookup{Accounts: []Account{{RoleARN: role, ExternalID: "x1"}}}}
		if edit != nil {
			edit(&c, &d)
		}
		var problems []string
		Validate([]Destination{d}, []Connection{c}, []string{"AWSCloudTrail", "AWSVPCFlow"}, func(key, text string) {
			problems = append(problems, key+": "+text)
		})
		if !slices.Equal(problems, want) {
			t.Errorf("got problems %q; want %q", problems, want)
		}
	}
	const key = "connections[0]."
	f(nil)
	// the connection's own role, or none
	f(func(c *Connection, _ *Destination) { c.Lookup = Lookup{Regions: []string{AllRegions}} })
	f(func(c *Connection, _ *Destination) { c.Lookup = Lookup{Insights: true}; c.RoleARN = role })
	f(func(c *Connection, _ *Destination) { c.Lookup = Lookup{} },
		key+"queue_url: is missing; write https://sqs.<region>.amazonaws.com/<account>/<queue>")
	f(func(c *Connection, _ *Destination) { c.RoleARN = role },
		key+"role_arn: has no effect: each of lookup.accounts has its own role; drop it, or list its account there")
	f(func(c *Connection, _ *Destination) {
		c.RoleARN, c.QueueURL = role, "https://sqs.eu-west-1.amazonaws.com/111122223333/q"
	})
	f(func(c *Connection, _ *Destination) {
		c.Lookup.Accounts = append(c.Lookup.Accounts, Account{RoleARN: role + "2"})
	},
		key+"lookup.accounts[1].role_arn: is of an account that is listed before; list each account once")
	f(func(c *Connection, _ *Destination) { c.Lookup.Accounts[0].RoleARN = "111122223333" },
		key+"lookup.accounts[0].role_arn: is no role's ARN; write arn:aws:iam::<12-digit account>:role/<name>")
	f(func(c *Connection, _ *Destination) { c.WebIdentityTokenFile = "/token"; c.RoleARN = "" },
		key+"lookup.accounts[0].external_id: is not used with web_identity_token_file, since AWS takes none there; drop it")
	// regions
	f(func(c *Connection, _ *Destination) { c.Lookup.Regions = []string{"eu-west-1", "all"} },
		key+"lookup.regions[1]: stands for all regions; write it alone, or a list without it")
	f(func(c *Connection, _ *Destination) { c.Lookup.Regions = []string{"eu-west-1", "eu-west-1"} },
		key+"lookup.regions[1]: is given twice; drop one")
	f(func(c *Connection, _ *Destination) { c.Lookup.Regions = []string{"Ireland"} },
		key+"lookup.regions[0]: is no AWS region; write one such as eu-west-1, or all alone")
	f(func(c *Connection, _ *Destination) { c.Lookup.Regions = []string{"cn-north-1"} },
		key+"lookup.regions[0]: is of another partition than a role in lookup.accounts; make a connection for each partition")
	// how far back
	f(func(c *Connection, _ *Destination) { c.Lookup.Since = MaxSince })
	f(func(c *Connection, _ *Destination) { c.Lookup.Since = MaxSince + time.Second },
		key+"lookup.since: must be from 0s to 2160h: CloudTrail keeps 90 days")
	// where rows go
	f(func(c *Connection, _ *Destination) { c.Table = "AWSVPCFlow" },
		key+"table: is not that of CloudTrail's events, which lookup reads; write auto or AWSCloudTrail",
		key+"table: is not taken by the destination; add destinations[0].tables.AWSVPCFlow with its rule")
	f(func(_ *Connection, d *Destination) { d.Tables = map[string]Rule{"AWSVPCFlow": {Rule: rule}} },
		key+"lookup: has no table to go to; add destinations[0].tables.AWSCloudTrail with its rule")
}

// An account's history is read by one connection, or its events come twice.
func TestLookupOnce(t *testing.T) {
	f := func(want bool, first, second Lookup) {
		t.Helper()
		d := Destination{Name: "here", Directory: "rows"}
		connections := []Connection{{Name: "a", Destination: "here", Lookup: first}, {Name: "b", Destination: "here", Lookup: second}}
		good := true
		Validate([]Destination{d}, connections, []string{"AWSCloudTrail"}, func(key, text string) {
			good = false
			if key != "connections[1].lookup" {
				t.Errorf("got problem %s: %s", key, text)
			}
		})
		if good != want {
			t.Errorf("%v, %v: good %t; want %t", first, second, good, want)
		}
	}
	in := func(account string, regions ...string) Lookup {
		return Lookup{Accounts: []Account{{RoleARN: "arn:aws:iam::" + account + ":role/r"}}, Regions: regions}
	}
	f(true, in("111122223333"), in("444455556666"))
	f(false, in("111122223333"), in("111122223333"))
	f(true, in("111122223333", "eu-west-1"), in("111122223333", "eu-west-2"))
	f(false, in("111122223333", "eu-west-1", "eu-west-2"), in("111122223333", "eu-west-2"))
	f(false, in("111122223333", "all"), in("111122223333", "eu-west-2"))
	f(false, in("111122223333", "eu-west-2"), in("111122223333", "all"))
}

func TestAsAccounts(t *testing.T) {
	c := Connection{Name: "a", RoleARN: "arn:aws:iam::111122223333:role/r", ExternalID: "x1"}
	if got := c.AsAccounts(); len(got) != 0 {
		t.Errorf("without a lookup: got %v", got)
	}
	c.Lookup.Regions = []string{AllRegions}
	if got := c.AsAccounts(); len(got) != 1 || got[0].RoleARN != c.RoleARN || got[0].ExternalID != "x1" {
		t.Errorf("without accounts: got %v; want its own role", got)
	}
	c.Lookup.Accounts = []Account{{RoleARN: "arn:aws:iam::444455556666:role/s"}, {RoleARN: "arn:aws:iam::777788889999:role/s", ExternalID: "y2"}}
	got := c.AsAccounts()
	if len(got) != 2 || got[0].RoleARN != c.Lookup.Accounts[0].RoleARN || got[0].ExternalID != "" || got[1].ExternalID != "y2" || got[1].Name != "a" {
		t.Errorf("got %v; want each account's role", got)
	}
}
