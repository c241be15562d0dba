package sentinel

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/pkg/format/all"
)

const workspaceID = "8a1f2c3d-0000-4000-8000-000000000000"

func TestConvert(t *testing.T) {
	o := Options{Destination: "here", WorkspaceID: workspaceID}
	made, left := Convert([]Connector{
		{Name: id, Kind: kindS3, RoleARN: role, Queues: []string{queue}, Table: "AWSVPCFlow"},
		{Name: "Trail of ACME", Kind: kindS3, RoleARN: role, Queues: []string{queue + "2", queue + "3"}, Table: "AWSCloudTrail"},
		{Name: "doubled", Kind: kindS3, RoleARN: role, Queues: []string{queue + "3"}, Table: "AWSCloudTrail"},
		{Name: "old", Kind: kindCloudTrail, RoleARN: role, Table: "AWSCloudTrail"},
		{Name: "watch", Kind: kindS3, RoleARN: role, Queues: []string{queue + "4"}, Table: "AWSCloudWatch"},
		{Name: "open", Kind: kindS3, Problem: "its roleArn is open"},
		{Name: "none", Kind: kindS3, RoleARN: role, Table: "AWSCloudTrail"},
		{Name: "again", Kind: kindCloudTrail, RoleARN: role + "2", Table: "AWSCloudTrail"},
		{Name: "legacy", Kind: kindCloudTrail, Table: "AWSCloudTrail"},
		{Name: "norole", Kind: kindS3, Queues: []string{queue + "5"}, Table: "AWSCloudTrail"},
	}, o)

	var set connection.Set
	for _, m := range made {
		set.Connections = append(set.Connections, m.Connection)
	}
	want := []connection.Connection{
		{Name: "awsvpcflow", RoleARN: role, ExternalID: workspaceID, QueueURL: queue, Table: "AWSVPCFlow", Destination: "here", Paused: true},
		{Name: "trail-of-acme", RoleARN: role, ExternalID: workspaceID, QueueURLs: []string{queue + "2", queue + "3"}, Table: "AWSCloudTrail", Destination: "here", Paused: true},
		{Name: "old", RoleARN: role, ExternalID: workspaceID, Lookup: connection.Lookup{Regions: []string{"all"}}, Table: "AWSCloudTrail", Destination: "here", Paused: true},
	}
	if !reflect.DeepEqual(set.Connections, want) {
		t.Errorf("got %+v; want %+v", set.Connections, want)
	}
	// what is made is valid
	connection.Validate([]connection.Destination{{Name: "here", Directory: "rows"}}, set.Connections, all.Formats().Tables(), func(key, text string) {
		t.Errorf("%s %s", key, text)
	})

	var reasons []string
	for _, l := range left {
		reasons = append(reasons, l.Connector.Name+": "+l.Why)
	}
	wantReasons := []string{
		"doubled: its queue is that of Trail of ACME too",
		`watch: Logferry has no rows for the table "AWSCloudWatch"; it has for AWSCloudTrail, `,
		"open: its roleArn is open",
		"none: it names no queue (sqsUrls)",
		"again: old reads the same account's event history",
		"legacy: it names no role",
		"norole: it names no role",
	}
	if !slices.EqualFunc(reasons, wantReasons, strings.HasPrefix) {
		t.Errorf("got %q\nwant %q", reasons, wantReasons)
	}
}

func TestNames(t *testing.T) {
	f := func(want []string, connectors ...Connector) {
		t.Helper()
		if got := names(connectors); !slices.Equal(got, want) {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	one, two := Connector{Name: "AFEF3743-0c88-469c-84ff-ca2e87dc1e48", Table: "AWSCloudTrail"}, Connector{Name: "b0000000-0c88-469c-84ff-ca2e87dc1e48", Table: "AWSCloudTrail"}
	// a GUID says nothing, unless there are several of a table
	f([]string{"awscloudtrail"}, one)
	f([]string{"awscloudtrail-afef3743", "awscloudtrail-b0000000"}, one, two)
	f([]string{"awscloudtrail-b0000000", "awscloudtrail-afef3743"}, two, one)
	f([]string{"awscloudtrail-afef3743", "awscloudtrail-afef3743-2"}, one, one)
	// others are made valid, and differ
	f([]string{"acme_logs", "acme-logs", "acme-logs-2", "sentinel", strings.Repeat("x", 60)},
		Connector{Name: "ACME_Logs"}, Connector{Name: "  acme/logs!"}, Connector{Name: "acme logs"}, Connector{Name: "日本"}, Connector{Name: strings.Repeat("x", 70)})
	f([]string{"awsguardduty"}, Connector{Table: "AWSGuardDuty"})
	f([]string{"a-2", "a", "a-3"}, Connector{Name: "a-2"}, Connector{Name: "a"}, Connector{Name: "A"})
}

func TestOptions(t *testing.T) {
	if err := (Options{WorkspaceID: workspaceID}).Check(); err != nil {
		t.Error(err)
	}
	if err := (Options{WorkspaceID: "my-workspace"}).Check(); err == nil || !strings.HasPrefix(err.Error(), "--workspace-id is no workspace's id, which is a GUID") {
		t.Errorf("got %v; want that it is no GUID", err)
	}
}

func TestSteps(t *testing.T) {
	m := Made{
		connection.Connection{Name: "awsvpcflow", RoleARN: role, ExternalID: workspaceID},
		Connector{Name: id, Table: "AWSVPCFlow"},
	}
	command := func(verb string) string { return "logferry connection " + verb + " -c x.yaml" }
	f := func(m Made, principal, want string) {
		t.Helper()
		var got strings.Builder
		if err := m.WriteSteps(&got, principal, command); err != nil {
			t.Fatal(err)
		}
		if got.String() != want {
			t.Errorf("got\n%s\nwant\n%s", got.String(), want)
		}
	}
	f(m, "arn:aws:iam::123456789012:role/logferry", `connection awsvpcflow, made of afef3743-0c88-469c-84ff-ca2e87dc1e48, is paused. To have it carry logs:
  1. add this statement to the trust policy of arn:aws:iam::072643944673:role/RoleName
     and leave those that are there until the connector is gone:
       {
         "Sid": "LogferryAssumeRole",
         "Effect": "Allow",
         "Principal": {
           "AWS": "arn:aws:iam::123456789012:role/logferry"
         },
         "Action": "sts:AssumeRole",
         "Condition": {
           "StringEquals": {
             "sts:ExternalId": "8a1f2c3d-0000-4000-8000-000000000000"
           }
         }
       }
  2. logferry connection test -c x.yaml awsvpcflow
  3. disconnect the connector in Sentinel: both would read the same queue, and each
     message goes to one of them
  4. logferry connection resume -c x.yaml awsvpcflow
`)
	legacy := m
	legacy.Of.Kind = kindCloudTrail
	var steps strings.Builder
	if err := legacy.WriteSteps(&steps, "", command); err != nil || !strings.Contains(steps.String(), "both would read the same events") {
		t.Errorf("%v: got\n%s\nwant that events would come twice", err, steps.String())
	}
	m.Connection.ExternalID = ""
	f(m, "", `connection awsvpcflow, made of afef3743-0c88-469c-84ff-ca2e87dc1e48, is paused. To have it carry logs:
  1. add this statement to the trust policy of arn:aws:iam::072643944673:role/RoleName
     and leave those that are there until the connector is gone:
       {
         "Sid": "LogferryAssumeRole",
         "Effect": "Allow",
         "Principal": {
           "AWS": "arn:aws:iam::ACCOUNT:role/ROLE"
         },
         "Action": "sts:AssumeRole"
       }
     ACCOUNT and ROLE are what Logferry runs as, which aws sts get-caller-identity
     tells; --principal writes them.
     It asks for no external id: give --workspace-id to have it ask for the
     workspace's, as the role does for Sentinel.
  2. logferry connection test -c x.yaml awsvpcflow
  3. disconnect the connector in Sentinel: both would read the same queue, and each
     message goes to one of them
  4. logferry connection resume -c x.yaml awsvpcflow
`)
}
