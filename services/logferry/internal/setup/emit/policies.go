package emit

import (
	"github.com/logferry/logferry/services/logferry/internal/setup/onaws"
	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// Names of the policy files.
const (
	personFile       = "setup-person.json"
	principalFile    = "principal-policy.json"
	trustFile        = "role-trust.json"
	rolePolicyFile   = "role-policy.json"
	bucketPolicyFile = "bucket-policy.json"
	queuePolicyFile  = "queue-policy.json"
	topicPolicyFile  = "topic-policy.json"
	keyPolicyFile    = "key-policy.json"
	notificationFile = "notification.json"
)

// policyFiles returns every policy of a blueprint, what the person who sets up
// and whoever runs Logferry must be allowed to do, and the bucket's event
// notification.
func policyFiles(b onaws.Blueprint) []File {
	var files []File
	add := func(name string, statements ...policy.Statement) {
		if len(statements) > 0 {
			files = append(files, File{name, indented(policy.New(statements...))})
		}
	}
	add(personFile, person(b)...)
	if b.ExternalID != "" {
		add(principalFile, allow("AssumeRole", policy.Values{b.Role.ARN}, "sts:AssumeRole"))
	}
	add(trustFile, b.Role.Trust.Statement...)
	add(rolePolicyFile, b.Role.Policy.Statement...)
	add(bucketPolicyFile, b.Bucket.Statements...)
	add(queuePolicyFile, b.Queue.Statements...)
	if b.Topic != nil {
		add(topicPolicyFile, b.Topic.Statements...)
	}
	if b.Key != nil {
		add(keyPolicyFile, b.Key.Statements...)
	}
	if b.Notification != nil {
		files = append(files, File{notificationFile, notification(b)})
	}
	return files
}

// notification returns the bucket's notification as put-bucket-notification-
// configuration takes it. That call replaces all that is there.
func notification(b onaws.Blueprint) string {
	n := b.Notification
	if n.TargetARN == "" {
		return indented(map[string]any{"EventBridgeConfiguration": map[string]any{}})
	}
	entry := map[string]any{"Id": n.ID, "Events": []string{objectCreated}}
	var rules []map[string]string
	for _, r := range keyRules(n) {
		rules = append(rules, map[string]string{"Name": r.key, "Value": r.value.(string)})
	}
	if len(rules) > 0 {
		entry["Filter"] = map[string]any{"Key": map[string]any{"FilterRules": rules}}
	}
	if b.Topic != nil {
		entry["TopicArn"] = n.TargetARN
		return indented(map[string]any{"TopicConfigurations": []any{entry}})
	}
	entry["QueueArn"] = n.TargetARN
	return indented(map[string]any{"QueueConfigurations": []any{entry}})
}

// objectCreated is the only event that is asked for.
const objectCreated = "s3:ObjectCreated:*"

// keyRules are the filters of a notification that are not empty.
func keyRules(n *onaws.Notification) object {
	var rules object
	if n.Prefix != "" {
		rules = append(rules, field{"prefix", n.Prefix})
	}
	if n.Suffix != "" {
		rules = append(rules, field{"suffix", n.Suffix})
	}
	return rules
}
