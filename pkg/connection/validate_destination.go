package connection

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

func (v validator) destination(d Destination) {
	if d.IsFile() {
		v.directory(d)
		return
	}
	v.require(d.Endpoint != "", "endpoint", "is missing; write the endpoint's https URL, or a directory instead")
	v.require(d.Format == "", "format", "is only for a directory; drop it")
	if d.Endpoint != "" {
		v.endpoint(d)
	}
	v.rules(d)
	v.credential(d.Credential)
}

func (v validator) directory(d Destination) {
	const only = "is only for an endpoint; drop it, or the directory"
	v.require(d.Endpoint == "", "endpoint", only)
	v.require(d.Cloud == "", "cloud", only)
	v.require(len(d.Tables) == 0, "tables", only)
	v.require(d.Credential == Credential{}, "credential", only)
	v.require(d.CAFile == "", "ca_file", only)
	v.require(d.Format == "" || d.Format == "jsonl" || d.Format == "parquet", "format", "must be jsonl or parquet")
}

// clouds are the clouds with the end of their ingestion endpoints' hosts.
var clouds = map[string]string{"public": ".azure.com", "usgovernment": ".azure.us", "china": ".azure.cn"}

func (v validator) endpoint(d Destination) {
	u, err := url.Parse(d.Endpoint)
	if err != nil || u.Host == "" {
		v.require(false, "endpoint", "is no URL; write https://<name>.<region>.ingest.monitor.azure.com")
		return
	}
	local := u.Scheme == "http" && isLoopback(u) && d.Credential.Kind == CredentialNone
	v.require(u.Scheme == "https" || local, "endpoint", "must begin with https:// (http:// only for this machine and credential kind none)")
	v.require(strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.User == nil, "endpoint", "must be a scheme and a host only; drop the rest")
	cloud := cmp.Or(d.Cloud, "public")
	v.require(clouds[cloud] != "", "cloud", "must be public, usgovernment or china")
	for _, name := range slices.Sorted(maps.Keys(clouds)) {
		elsewhere := name != cloud && clouds[cloud] != "" && strings.HasSuffix(u.Hostname(), clouds[name])
		v.require(!elsewhere, "cloud", "is not the cloud of the endpoint; write "+name)
	}
}

func (v validator) rules(d Destination) {
	v.require(len(d.Tables) > 0, "tables", "is empty; name each table with its rule: AWSCloudTrail: { rule: dcr-... }")
	for _, table := range slices.Sorted(maps.Keys(d.Tables)) {
		key, rule := "tables."+table, d.Tables[table]
		v.require(slices.Contains(v.tables, table), key, "is no known table; known are "+strings.Join(v.tables, ", "))
		v.ruleIDs(key, rule)
		custom := strings.HasPrefix(rule.Stream, "Custom-") || strings.HasPrefix(rule.Stream, "Microsoft-")
		v.require(rule.Stream == "" || custom, key+".stream", "must begin with Custom- or Microsoft-")
		v.require(rule.EventTime == "" || columnPattern.MatchString(rule.EventTime), key+".event_time",
			"must be the name of a custom column: a letter, then letters, digits and underscores, _CF at the end, at most 45 in all; write one such as EventTime_CF")
	}
}

// ruleIDs checks the ids of the rules of a table.
func (v validator) ruleIDs(key string, rule Rule) {
	const must = "must be the rule's immutable id: dcr- and 32 hexadecimal digits"
	v.require(rulePattern.MatchString(rule.Rule) || rule.Rule == "" && len(rule.Rules) > 0, key+".rule", must)
	seen := map[string]bool{rule.Rule: true}
	for i, id := range rule.Rules {
		key := fmt.Sprintf("%s.rules[%d]", key, i)
		v.require(rulePattern.MatchString(id), key, must)
		v.require(id == "" || !seen[id], key, "is given twice; drop one")
		seen[id] = true
	}
}

// credentialKeys are the keys that a kind of credential requires and allows.
var credentialKeys = map[string]struct{ required, allowed []string }{
	CredentialDefault:           {nil, []string{"tenant_id", "client_id"}},
	CredentialManagedIdentity:   {nil, []string{"client_id"}},
	CredentialWorkloadIdentity:  {nil, []string{"tenant_id", "client_id", "token_file"}},
	CredentialClientSecret:      {[]string{"tenant_id", "client_id"}, []string{"client_secret_file"}},
	CredentialClientCertificate: {[]string{"tenant_id", "client_id", "certificate_file"}, []string{"certificate_password_file"}},
	CredentialAWSWebIdentity:    {[]string{"tenant_id", "client_id"}, []string{"aws_region"}},
	CredentialNone:              {nil, nil},
}

func (v validator) credential(c Credential) {
	kind := cmp.Or(c.Kind, CredentialDefault)
	keys, ok := credentialKeys[kind]
	if !ok {
		v.require(false, "credential.kind", "must be one of "+strings.Join(slices.Sorted(maps.Keys(credentialKeys)), ", "))
		return
	}
	for _, k := range []struct{ key, value string }{
		{"tenant_id", c.TenantID}, {"client_id", c.ClientID}, {"client_secret_file", c.ClientSecretFile},
		{"certificate_file", c.CertificateFile}, {"certificate_password_file", c.CertificatePasswordFile},
		{"token_file", c.TokenFile}, {"aws_region", c.AWSRegion},
	} {
		required, allowed := slices.Contains(keys.required, k.key), slices.Contains(keys.allowed, k.key)
		v.require(!required || k.value != "", "credential."+k.key, "is missing; kind "+kind+" needs it")
		v.require(required || allowed || k.value == "", "credential."+k.key, "is not used by kind "+kind+"; drop it")
	}
	u, err := url.Parse(c.AuthorityHost)
	v.require(c.AuthorityHost == "" || err == nil && u.Scheme == "https" && u.Host != "", "credential.authority_host", "must be an https URL")
}
