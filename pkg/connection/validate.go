package connection

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Report takes a problem: the key, such as connections[0].queue_url, and what
// is wrong with it and what to write instead. Texts hold no values.
type Report func(key, text string)

// Validate checks the destinations and connections of a configuration and
// reports every problem. Tables are the names of the tables that have a
// format.
func Validate(destinations []Destination, connections []Connection, tables []string, report Report) {
	seen := map[string]bool{}
	for i, d := range destinations {
		v := validator{fmt.Sprintf("destinations[%d]", i), tables, report}
		v.name(d.Name, seen)
		v.destination(d)
	}
	seen = map[string]bool{}
	owners := map[string]int{}             // of queues
	readers := map[string]map[string]int{} // of event histories
	for i, c := range connections {
		v := validator{fmt.Sprintf("connections[%d]", i), tables, report}
		v.name(c.Name, seen)
		v.role(c)
		v.queues(c)
		v.alone(c, i, owners)
		v.lookup(c, destinations)
		v.once(c, i, readers)
		v.buckets(c)
		v.ack(c)
		v.route(c, destinations)
	}
}

// validator checks one destination or connection, whose key it knows.
type validator struct {
	key    string
	tables []string
	report Report
}

// require reports text for the key below the validator's own unless ok.
func (v validator) require(ok bool, key, text string) {
	if !ok {
		v.report(v.key+"."+key, text)
	}
}

var (
	namePattern       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	rolePattern       = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::\d{12}:role/[\w+=,.@/-]{1,576}$`)
	externalIDPattern = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	sessionPattern    = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	regionPattern     = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d$`)
	bucketPattern     = regexp.MustCompile(`^[A-Za-z0-9._-]{3,255}$`)
	columnPattern     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,41}_CF$`)
	rulePattern       = regexp.MustCompile(`^dcr-[0-9a-f]{32}$`)
)

func (v validator) name(name string, seen map[string]bool) {
	v.require(name != "", "name", "is missing; give a short name")
	v.require(name == "" || namePattern.MatchString(name), "name", "must be 1 to 64 letters, digits, dashes and underscores")
	v.require(name == "" || !seen[name], "name", "is taken by an earlier entry; names are unique")
	seen[name] = true
}

// role checks what is needed to assume the role.
func (v validator) role(c Connection) {
	v.require(c.RoleARN == "" || rolePattern.MatchString(c.RoleARN), "role_arn",
		"is no role's ARN; write arn:aws:iam::<12-digit account>:role/<name>")
	v.require(c.ExternalID == "" || externalIDPattern.MatchString(c.ExternalID) && len(c.ExternalID) <= 1224, "external_id",
		"must be 2 to 1224 letters, digits and characters of +=,.@:/-_")
	v.require(c.SessionName == "" || sessionPattern.MatchString(c.SessionName), "session_name",
		"must be 2 to 64 letters, digits and characters of +=,.@-_")
	if c.RoleARN == "" {
		const unused = "has no effect without role_arn; add role_arn or drop this"
		v.require(c.ExternalID == "", "external_id", unused)
		v.require(c.SessionName == "" || len(c.Lookup.Accounts) > 0, "session_name", unused)
		v.require(c.WebIdentityTokenFile == "" || len(c.Lookup.Accounts) > 0, "web_identity_token_file", unused)
	}
	v.require(c.WebIdentityTokenFile == "" || c.ExternalID == "", "external_id",
		"is not used with web_identity_token_file, since AWS takes none there; drop it")
}

// queues checks the queue URLs, and that they agree with region and role.
func (v validator) queues(c Connection) {
	v.require(c.Region == "" || regionPattern.MatchString(c.Region), "region", "is no AWS region; write one such as eu-west-1")
	v.require(len(c.Queues()) > 0 || c.Lookup.IsSet(), "queue_url", "is missing; write https://sqs.<region>.amazonaws.com/<account>/<queue>")
	seen := map[string]bool{}
	check := func(key, queue string) {
		v.require(!seen[queue], key, "is given twice; drop one")
		seen[queue] = true
		v.queue(c, key, queue)
	}
	if c.QueueURL != "" {
		check("queue_url", c.QueueURL)
	}
	for i, queue := range c.QueueURLs {
		check(fmt.Sprintf("queue_urls[%d]", i), queue)
	}
}

// alone checks that no earlier connection has a queue of this one: each message
// would go to either of them.
func (v validator) alone(c Connection, i int, owners map[string]int) {
	for _, queue := range c.Queues() {
		owner, taken := owners[queue]
		v.require(!taken || owner == i, "queue_url",
			fmt.Sprintf("is a queue of connections[%d] too, and each message goes to one of them only; give each connection its own queue", owner))
		if !taken {
			owners[queue] = i
		}
	}
}

func (v validator) queue(c Connection, key, queue string) {
	u, err := url.Parse(queue)
	if err != nil || u.Host == "" || strings.Count(strings.Trim(u.Path, "/"), "/") != 1 {
		v.require(false, key, "is no queue URL; write https://sqs.<region>.amazonaws.com/<account>/<queue>")
		return
	}
	v.require(u.Scheme == "https" || u.Scheme == "http" && isLoopback(u), key, "must begin with https:// (http:// only for this machine)")
	v.require(u.User == nil && u.RawQuery == "", key, "must not hold a user, a password or a query; drop them")
	told := QueueRegion(queue)
	v.require(told != "" || c.Region != "", key, "does not tell its region; set region")
	v.require(told == "" || c.Region == "" || c.Region == told, "region", "differs from the region in the queue URL; drop it")
	region := cmp.Or(c.Region, told)
	if role := rolePattern.FindStringSubmatch(c.RoleARN); role != nil && region != "" {
		v.require(role[1] == Partition(region), "role_arn",
			"is of another partition than the queue's region; write arn:"+Partition(region)+":iam::...")
	}
}

func (v validator) buckets(c Connection) {
	for i, b := range c.Buckets {
		v.require(bucketPattern.MatchString(b), fmt.Sprintf("buckets[%d]", i), "is no bucket's name; write the bare name, without s3://, ARN or prefix")
	}
}

// ack checks when queue messages are deleted.
func (v validator) ack(c Connection) {
	v.require(slices.Contains([]string{"", AckDelivered, AckStored}, c.Ack), "ack", "must be delivered or stored")
}

// route checks that the rows of the connection have somewhere to go.
func (v validator) route(c Connection, destinations []Destination) {
	known := c.Table == "" || c.Table == Auto || slices.Contains(v.tables, c.Table)
	v.require(known, "table", "is no known table; write auto or one of "+strings.Join(v.tables, ", "))
	i := slices.IndexFunc(destinations, func(d Destination) bool { return d.Name == c.Destination })
	if i < 0 || c.Destination == "" {
		v.require(false, "destination", "names no destination; "+list(destinations))
		return
	}
	if known && c.Table != "" && c.Table != Auto {
		v.require(destinations[i].Takes(c.Table), "table",
			fmt.Sprintf("is not taken by the destination; add destinations[%d].tables.%s with its rule", i, c.Table))
	}
}

// list tells which destinations there are.
func list(destinations []Destination) string {
	if len(destinations) == 0 {
		return "there is none; add one with an endpoint or a directory"
	}
	names := make([]string, len(destinations))
	for i, d := range destinations {
		names[i] = d.Name
	}
	return "there are: " + strings.Join(names, ", ")
}

// isLoopback reports whether the URL is of this machine, without asking DNS.
func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
