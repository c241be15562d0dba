//go:build moto

package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/logferry/logferry/tests/story"
)

// What cannot be made as wanted is refused with what to do, and nothing is made.
func TestSetupMotoRefuses(t *testing.T) {
	b := newBench(t)
	f := func(want string, spec ...string) {
		t.Helper()
		out, err := b.try(slices.Concat([]string{"apply", "--yes"}, spec)...)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%v: got %v\n%s\nwant: %s", spec, err, out, want)
		}
		if found := b.tagged(); len(found) > 0 {
			t.Errorf("%v: a refused apply made %q; want nothing", spec, found)
		}
	}
	trail := []string{"--type", "cloudtrail"}
	with := func(more ...string) []string { return slices.Concat(trail, more) }
	// the wrong place
	f("the credentials are of account 123456789012 and not of 210987654321", with("--account", "210987654321")...)
	f("is no AWS region", with("--region", "mars-1x")...)
	f("principal", with("--principal", "arn:aws-cn:iam::123456789012:root")...)
	f("external_id", with("--external-id", "with a space")...)
	// what must be there is not
	f("there is no such bucket; drop --existing-bucket to make it", with("--bucket", "nowhere-at-all", "--existing-bucket")...)
	f("there is no such queue; drop --existing-queue to make it", with("--queue", "nowhere", "--existing-queue")...)
	f("there is no such topic; drop --existing-topic to make it", with("--via", "topic", "--topic", "nowhere", "--existing-topic")...)
	f("there is no such trail; drop --existing-trail to make it", with("--trail", "nowhere", "--existing-trail")...)
	f("there is no such key; give --key an alias to make one", with("--key", "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555")...)
	// what is there is of others
	if _, err := b.sqs.CreateQueue(b.ctx, &sqs.CreateQueueInput{QueueName: aws.String("theirs"), Attributes: map[string]string{"VisibilityTimeout": "30"}}); err != nil {
		t.Fatal(err)
	}
	f("others made a queue of that name, with other attributes; --existing-queue uses it as it is", with("--queue", "theirs")...)
	b.iam("CreateRole", "RoleName", "theirs", "AssumeRolePolicyDocument",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"AROAEXAMPLE1234567890"},"Action":"sts:AssumeRole"}]}`)
	f("others made it, and its trust policy would change; --adopt does so", with("--role", "theirs")...)
	f("AROAEXAMPLE1234567890, the id of a role or user that was deleted", with("--role", "theirs")...)
	// a bucket of another region, to which us-east-1 answers where it is
	if _, err := b.s3.CreateBucket(b.ctx, &s3.CreateBucketInput{Bucket: aws.String("elsewhere-logs")}); err != nil {
		t.Fatal(err)
	}
	f("it is in us-east-1, and S3 announces objects only to queues and topics of its own region; give --region us-east-1",
		with("--bucket", "elsewhere-logs", "--existing-bucket", "--region", "eu-west-1")...)
}

// A queue and a bucket of others are used, told what differs, and stay.
func TestSetupMotoUsesWhatOthersMade(t *testing.T) {
	b := newBench(t)
	spec := []string{"--type", "any", "--bucket", story.Bucket, "--queue", story.Queue, "--existing-queue"}
	if made := b.changes(slices.Concat([]string{"apply", "--yes"}, spec)...); len(made.pending()) == 0 {
		t.Error("apply changed nothing; want a role and policies")
	}
	if found := b.tagged(); len(found) > 0 {
		t.Errorf("apply tagged %q; want nothing of others", found)
	}
	out := b.run(slices.Concat([]string{"destroy", "--yes"}, spec)...)
	for _, want := range []string{"leave  queue " + story.Queue + ": others made it", "leave  bucket " + story.Bucket + ": others made it"} {
		if !strings.Contains(out, want) {
			t.Errorf("destroy said\n%s\nwant: %s", out, want)
		}
	}
	if entries := b.notifications(); len(entries) != 1 {
		t.Errorf("destroy left %q; want the entry that was there", entries)
	}
}

// Two set-ups share a bucket: neither changes what is the other's, and what one
// takes away the other keeps.
func TestSetupMotoBesideAnother(t *testing.T) {
	b := newBench(t)
	first := []string{"--type", "cloudtrail", "--name", "logferry-a"}
	second := []string{"--name", "logferry-b", "--bucket", "logferry-a-123456789012-us-east-1", "--existing-bucket"}
	b.run(slices.Concat([]string{"apply", "--yes"}, first)...)
	before := b.tagged()
	f := func(want string, spec ...string) {
		t.Helper()
		out, err := b.try(slices.Concat([]string{"apply", "--yes"}, spec)...)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%v: got %v\n%s\nwant: %s", spec, err, out, want)
		}
	}
	other := []string{"--type", "cloudtrail", "--name", "logferry-b", "--trail", "logferry-a"}
	f("others made a trail of that name; --existing-trail uses it", other...)
	f("would no longer find them; use that bucket with --bucket logferry-a-123456789012-us-east-1", append(other, "--existing-trail")...)
	f("there is the queue entry logferry-a", append(second, "--type", "cloudtrail")...)

	second = append(second, "--type", "vpcflow", "--vpc", "all")
	b.run(slices.Concat([]string{"apply", "--yes"}, second)...)
	same := func(when string) {
		t.Helper()
		if left := b.changes(slices.Concat([]string{"apply", "--yes"}, first)...).pending(forgotten...); len(left) > 0 {
			t.Errorf("%s the first changes %q; want nothing", when, left)
		}
	}
	same("beside the second")
	b.run(slices.Concat([]string{"destroy", "--yes"}, second)...)
	same("after the second is gone")
	if after := b.tagged(); !slices.Equal(slices.Sorted(slices.Values(after)), slices.Sorted(slices.Values(before))) {
		t.Errorf("got %q; want what was there: %q", after, before)
	}
}

// iam calls IAM, whose SDK no other test needs.
func (b *bench) iam(action string, members ...string) {
	b.t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
	for i := 0; i < len(members); i += 2 {
		form.Set(members[i], members[i+1])
	}
	r, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %s", action, answer.Status)
	}
}
