package connection

import (
	"strings"
	"time"
)

// AllRegions in place of a list of regions stands for all that are enabled in
// the account.
const AllRegions = "all"

// MaxSince is how far back CloudTrail's event history reaches.
const MaxSince = 90 * 24 * time.Hour

// Lookup has a connection read CloudTrail's event history through its API
// LookupEvents, for accounts without a trail to S3. It knows management events
// and, when asked for, insights; no data events. The zero Lookup reads nothing.
type Lookup struct {
	// Accounts are the accounts to read; none: that of the connection's role.
	Accounts []Account `yaml:"accounts,omitempty"`
	// Regions are the regions to read; none, or AllRegions: all that are enabled
	// in each account.
	Regions []string `yaml:"regions,omitempty"`
	// Since is how much of the time before the connection's first run is read
	// too, at most MaxSince.
	Since time.Duration `yaml:"since,omitempty"`
	// Insights has CloudTrail's insight events read besides.
	Insights bool `yaml:"insights,omitempty"`
}

// Account is an AWS account, by the role that may read its event history.
type Account struct {
	RoleARN string `yaml:"role_arn"`
	// ExternalID is presented when the role is assumed.
	ExternalID string `yaml:"external_id,omitempty"`
}

// ID returns the account's number.
func (a Account) ID() string {
	if parts := strings.SplitN(a.RoleARN, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// IsSet reports whether the event history is to be read at all.
func (l Lookup) IsSet() bool {
	return len(l.Accounts) > 0 || len(l.Regions) > 0 || l.Since != 0 || l.Insights
}

// IsEverywhere reports whether all regions that are enabled are to be read.
func (l Lookup) IsEverywhere() bool {
	return len(l.Regions) == 0 || l.Regions[0] == AllRegions
}

// AsAccounts returns the connection as each account of its lookup: with the
// role, and only it, of that account.
func (c Connection) AsAccounts() []Connection {
	if !c.Lookup.IsSet() {
		return nil
	}
	if len(c.Lookup.Accounts) == 0 {
		return []Connection{c}
	}
	all := make([]Connection, len(c.Lookup.Accounts))
	for i, a := range c.Lookup.Accounts {
		all[i] = c
		all[i].RoleARN, all[i].ExternalID = a.RoleARN, a.ExternalID
	}
	return all
}
