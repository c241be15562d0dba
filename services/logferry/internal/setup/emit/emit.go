// Package emit writes what a set-up of AWS would make as CloudFormation, as
// Terraform or as policy files, for those who make things that way.
//
//	Blueprint ──CloudFormation──▶ template.yaml
//	          ──Terraform───────▶ main.tf
//	          ──Policies────────▶ a JSON file for each policy
//
// Account, region and partition are not written out in templates: they are
// those of the stack. What a template cannot do is said at its head, and what
// has to be merged by hand instead lies beside it.
package emit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
)

// Kinds of what can be written.
const (
	CloudFormation = "cloudformation"
	Terraform      = "terraform"
	Policies       = "policies"
)

// Kinds returns the kinds.
func Kinds() []string { return []string{CloudFormation, Terraform, Policies} }

// File is one file to write.
type File struct {
	Name, Text string
}

// Values says where the values that differ between deployments come from: who
// assumes the role, the external ID, VPCs, the name of an existing bucket.
type Values int

// Where values come from.
const (
	// Given writes those of the blueprint; only the external ID is a parameter,
	// which has the blueprint's as its default.
	Given Values = iota
	// Asked makes all of them parameters without defaults.
	Asked
)

// Files returns the files of a kind that make a blueprint.
func Files(kind string, b onaws.Blueprint, values Values) ([]File, error) {
	switch kind {
	case CloudFormation:
		text, err := cloudFormation(b, values)
		return append([]File{{"template.yaml", text}}, byHand(b)...), err
	case Terraform:
		return append([]File{{"main.tf", terraform(b, values)}}, byHand(b)...), nil
	case Policies:
		return policyFiles(b), nil
	}
	return nil, fmt.Errorf("emit %q: must be one of %s", kind, strings.Join(Kinds(), ", "))
}

// byHand returns what a template cannot merge into what is there.
func byHand(b onaws.Blueprint) []File {
	wanted := map[string]bool{
		bucketPolicyFile: b.Bucket.Existing, notificationFile: b.Bucket.Existing,
		queuePolicyFile: b.Queue.Existing,
		topicPolicyFile: b.Topic != nil && b.Topic.Existing,
		keyPolicyFile:   b.Key != nil && b.Key.ARN != "",
	}
	return slices.DeleteFunc(policyFiles(b), func(f File) bool { return !wanted[f.Name] })
}

// parameter is a value that a template asks for.
type parameter struct {
	// name and variable are its names in CloudFormation and Terraform.
	name, variable string
	// value is what stands for it in the blueprint, and the default if usual.
	value, about, pattern string
	usual                 bool
}

// parameters returns what the template of a blueprint asks for.
func parameters(b onaws.Blueprint, values Values) []parameter {
	var p []parameter
	if b.ExternalID != "" {
		p = append(p, parameter{"ExternalId", "external_id", b.ExternalID,
			"What Logferry presents when it assumes the role: make one up, long and random, for each set-up.",
			`^[\w+=,.@:/-]{2,1224}$`, values == Given})
	}
	if values == Given {
		return p
	}
	for _, s := range b.Role.Trust.Statement {
		if aws := s.Principal["AWS"]; len(aws) == 1 {
			p = append(p, parameter{"Principal", "principal", aws[0],
				"The ARN of the role, user or account root that runs Logferry.",
				`^arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)/.+)$`, false})
		}
	}
	if b.Bucket.Existing {
		p = append(p, parameter{"BucketName", "bucket_name", b.Bucket.Name,
			"The bucket that has the logs, in this account and region.", `^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`, false})
	}
	for i, f := range b.FlowLogs {
		n := number(i, len(b.FlowLogs))
		p = append(p, parameter{"VpcId" + n, "vpc_id" + n, f.VPC,
			"The VPC whose flows are logged.", `^vpc-[0-9a-f]{8,17}$`, false})
	}
	return p
}

// number tells the parts of a list apart, by nothing when there is one.
func number(i, of int) string {
	if of == 1 {
		return ""
	}
	return fmt.Sprint(i + 1)
}

// cannot returns what a template of the kind leaves undone, a sentence each.
func cannot(b onaws.Blueprint, kind string) []string {
	var left []string
	add := func(when bool, text string, args ...any) {
		if when {
			left = append(left, fmt.Sprintf(text, args...))
		}
	}
	add(b.Bucket.Existing,
		"The bucket is there already. Its policy and its event notifications could only be replaced by a template, with what others have in them. "+
			"Merge %s by hand, or have `logferry setup aws apply` do it: it touches nothing else.", bucketFiles(b))
	add(b.Queue.Existing, "The queue is there already: merge %s into its policy by hand.", queuePolicyFile)
	add(b.Topic != nil && b.Topic.Existing, "The topic is there already: merge %s into its policy by hand.", topicPolicyFile)
	add(b.Key != nil && b.Key.ARN != "", "The key is there already: merge %s into its policy by hand.", keyPolicyFile)
	add(b.Trail != nil && b.Trail.Existing, "The trail is there already and stays as it is: have `logferry setup aws apply` add to it, or do so by hand.")
	add(len(b.Providers) > 0, "An account can have an identity provider only once: if it has this one, import it, or add the audience to it by hand.")
	if kind != CloudFormation {
		add(len(b.Detectors) > 0, "A region can have one detector only: import the ones that are there.")
		return left
	}
	add(len(b.Detectors) > 0, "A region can have one detector only: if it has one, the stack fails; use `logferry setup aws apply` then.")
	for _, f := range b.FlowLogs {
		add(f.Region != b.Region, "A stack is of one region: the flow log of %s in %s is not in it.", f.VPC, f.Region)
	}
	for _, d := range b.Detectors {
		add(d.Region != b.Region, "A stack is of one region: GuardDuty of %s is not in it.", d.Region)
	}
	return left
}

// bucketFiles names what is to be merged into an existing bucket.
func bucketFiles(b onaws.Blueprint) string {
	if len(b.Bucket.Statements) == 0 {
		return notificationFile
	}
	return bucketPolicyFile + " and " + notificationFile
}

// wrapped returns text as comment lines of some 80 characters.
func wrapped(texts ...string) string {
	var out strings.Builder
	for _, text := range texts {
		line := "#"
		for word := range strings.FieldsSeq(text) {
			if len(line)+1+len(word) > 80 {
				out.WriteString(line + "\n")
				line = "#"
			}
			line += " " + word
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}
