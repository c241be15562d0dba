package demo

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/logferry/logferry/pkg/app"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/localcloud/samplelog"
)

// What a demo that stays has for the other commands, besides what it runs with.
const (
	configName      = "logferry.yaml"
	environmentName = "env.sh"
	// earlyDays is on how many days before the demo objects lie in the bucket
	// that were never announced: what an audit finds and a backfill carries.
	earlyDays = 3
	// earlyObjects is how many lie there for each day: one round of samples.
	earlyObjects = 8
)

// playground readies what the other commands need beside a demo that stays: its
// configuration, the environment in which its AWS is found, and objects from
// before there was a queue.
func (d *demo) playground(cfg app.Config) error {
	var exports strings.Builder
	for _, variable := range d.environ() {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Fprintf(&exports, "export %s=%s\n", name, quoted(value))
	}
	for name, text := range map[string]string{configName: configText(cfg), environmentName: exports.String()} {
		if err := os.WriteFile(filepath.Join(d.Dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write what other commands need: %w", err)
		}
	}
	for day := 1; day <= earlyDays; day++ {
		then := d.began.AddDate(0, 0, -day)
		logs := samplelog.New(uint64(then.UnixNano()), then)
		for i := range earlyObjects {
			o := sample(logs, i)
			if _, err := d.cloud.S3.PutQuietly(bucket, o.Key, o.Body); err != nil {
				return err
			}
		}
	}
	return nil
}

// configText is the configuration as a user writes it, but for what has its
// default.
func configText(cfg app.Config) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# What the demo runs with. Other commands work beside it with this file, in the")
	line("# environment of %s.", environmentName)
	line("bus: { store: %q, max_bytes: %d }", cfg.Bus.Store, cfg.Bus.MaxBytes)
	line("admin: { address: %q }", cfg.Admin.Address)
	line("destinations:")
	for _, d := range cfg.Destinations {
		line("  - name: %s", d.Name)
		if d.IsFile() {
			line("    directory: %q", d.Directory)
			continue
		}
		c := d.Credential
		line("    endpoint: %s\n    ca_file: %q", d.Endpoint, d.CAFile)
		line("    credential:\n      kind: %s\n      tenant_id: %s\n      client_id: %s", c.Kind, c.TenantID, c.ClientID)
		line("      client_secret_file: %q\n      authority_host: %s", c.ClientSecretFile, c.AuthorityHost)
		line("    tables:")
		for _, table := range d.TablesOf(nil) {
			line("      %s: { rule: %s, stream: %s }", table, d.Tables[table].Rule, d.Tables[table].Stream)
		}
	}
	line("connections:")
	for _, c := range cfg.Connections {
		line("  - { name: %s, queue_url: %q, region: %s, table: %s, destination: %s }", c.Name, c.QueueURL, c.Region, cmp.Or(c.Table, connection.Auto), c.Destination)
	}
	return b.String()
}

// quoted is a word as a shell takes it.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// invite says what may be tried while the demo stays.
func (d *demo) invite() {
	config, logferry := filepath.Join(d.Dir, configName), program(os.Args[0])
	place := fmt.Sprintf(" --connection %s --bucket %s --from %s", connectionName, bucket, d.began.UTC().AddDate(0, 0, -earlyDays).Format(time.DateOnly))
	fmt.Fprintf(d.Out, "\nMeanwhile, in another terminal:\n\n  . %s\n", filepath.Join(d.Dir, environmentName))
	for _, command := range []string{
		"dead list -c %s", "dead redrive -c %s --all --dry-run", "replay -c %s --from rows --since 1h --dry-run",
		"replay -c %s --from rows --since 1h --to " + elsewhere, "audit -c %s" + place, "backfill -c %s" + place,
	} {
		fmt.Fprintf(d.Out, "  %s "+command+"\n", logferry, config)
	}
	fmt.Fprintf(d.Out, "\nThe last %d days of the bucket were never announced: an audit finds them missing.\n\n", earlyDays)
}
