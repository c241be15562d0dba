package connection

import (
	"fmt"
	"maps"
	"slices"
)

// lookupTable is the table of what a lookup reads.
const lookupTable = "AWSCloudTrail"

// lookup checks what is to be read of CloudTrail's event history.
func (v validator) lookup(c Connection, destinations []Destination) {
	l := c.Lookup
	if !l.IsSet() {
		return
	}
	v.require(l.Since >= 0 && l.Since <= MaxSince, "lookup.since", "must be from 0s to 2160h: CloudTrail keeps 90 days")
	v.accounts(c)
	v.regions(l)
	own := c.Table == "" || c.Table == Auto || c.Table == lookupTable
	v.require(own, "table", "is not that of CloudTrail's events, which lookup reads; write auto or "+lookupTable)
	for i, d := range destinations {
		if d.Name == c.Destination && !d.Takes(lookupTable) {
			v.require(false, "lookup", fmt.Sprintf("has no table to go to; add destinations[%d].tables.%s with its rule", i, lookupTable))
		}
	}
}

func (v validator) accounts(c Connection) {
	l := c.Lookup
	v.require(len(l.Accounts) == 0 || c.RoleARN == "" || len(c.Queues()) > 0, "role_arn",
		"has no effect: each of lookup.accounts has its own role; drop it, or list its account there")
	seen := map[string]bool{}
	for i, a := range l.Accounts {
		key := fmt.Sprintf("lookup.accounts[%d]", i)
		v.require(rolePattern.MatchString(a.RoleARN), key+".role_arn", "is no role's ARN; write arn:aws:iam::<12-digit account>:role/<name>")
		v.require(a.ExternalID == "" || externalIDPattern.MatchString(a.ExternalID) && len(a.ExternalID) <= 1224, key+".external_id",
			"must be 2 to 1224 letters, digits and characters of +=,.@:/-_")
		v.require(c.WebIdentityTokenFile == "" || a.ExternalID == "", key+".external_id",
			"is not used with web_identity_token_file, since AWS takes none there; drop it")
		v.require(a.ID() == "" || !seen[a.ID()], key+".role_arn", "is of an account that is listed before; list each account once")
		seen[a.ID()] = true
	}
}

func (v validator) regions(l Lookup) {
	for i, region := range l.Regions {
		key := fmt.Sprintf("lookup.regions[%d]", i)
		if region == AllRegions {
			v.require(len(l.Regions) == 1, key, "stands for all regions; write it alone, or a list without it")
			continue
		}
		v.require(regionPattern.MatchString(region), key, "is no AWS region; write one such as eu-west-1, or all alone")
		v.require(!slices.Contains(l.Regions[:i], region), key, "is given twice; drop one")
		for _, a := range l.Accounts {
			role := rolePattern.FindStringSubmatch(a.RoleARN)
			v.require(role == nil || !regionPattern.MatchString(region) || role[1] == Partition(region), key,
				"is of another partition than a role in lookup.accounts; make a connection for each partition")
		}
	}
}

// once checks that no earlier connection reads an account's event history in
// the same region: its events would come twice. readers has the connections by
// account and region.
func (v validator) once(c Connection, i int, readers map[string]map[string]int) {
	for _, as := range c.AsAccounts() {
		regions := c.Lookup.Regions
		if c.Lookup.IsEverywhere() {
			regions = []string{AllRegions}
		}
		account := Account{RoleARN: as.RoleARN}.ID()
		if readers[account] == nil {
			readers[account] = map[string]int{}
		}
		for _, region := range regions {
			v.only(region, i, readers[account])
			readers[account][region] = i
		}
	}
}

func (v validator) only(region string, i int, readers map[string]int) {
	for _, other := range slices.Sorted(maps.Keys(readers)) {
		same := other == region || other == AllRegions || region == AllRegions
		v.require(!same || readers[other] == i, "lookup",
			fmt.Sprintf("reads an account and region that connections[%d] reads too, and each event would come twice; let one of them read it", readers[other]))
	}
}
