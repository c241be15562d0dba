package fault

import "strings"

// Kind is what a reason does to the logs it strikes.
type Kind string

// The kinds of reasons.
const (
	// Dead: what it strikes is set aside as a dead letter; its neighbours go on.
	Dead Kind = "dead letter"
	// Blocked: nothing is set aside; it goes on once somebody mends it.
	Blocked Kind = "blocked"
	// Passing: nothing is set aside; it is tried again and may pass by itself.
	// Health tells of it once it has lasted for more than an hour.
	Passing Kind = "passing"
)

// Info is what a person is told about a reason.
type Info struct {
	Reason Reason
	Kind   Kind
	// Meaning is what is the matter, Evidence how it shows, Fix what to do.
	Meaning, Evidence, Fix string
}

// Reasons returns all reasons, those of dead letters first.
func Reasons() []Reason {
	all := make([]Reason, len(infos))
	for i := range infos {
		all[i] = infos[i].Reason
	}
	return all
}

// Infos returns what is told about each reason, in the order of [Reasons].
func Infos() []Info {
	all := make([]Info, len(infos))
	for i := range infos {
		all[i] = infos[i].plain()
	}
	return all
}

// Info returns what is told about the reason. A code that is not known, such as
// one of a newer version, is taken for a defect.
func (r Reason) Info() Info {
	for _, i := range infos {
		if i.Reason == r {
			return i.plain()
		}
	}
	return Info{Reason: r, Kind: Blocked, Meaning: "a reason that this version does not know", Evidence: "it was written by another version", Fix: "run one version everywhere"}
}

// plain takes the marks off that the documentation has.
func (i Info) plain() Info {
	unmark := strings.NewReplacer("`", "", "*", "")
	i.Meaning, i.Evidence, i.Fix = unmark.Replace(i.Meaning), unmark.Replace(i.Evidence), unmark.Replace(i.Fix)
	return i
}

// Markdown renders the table of reasons for the documentation.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| reason | kind | what is the matter | how it shows | what to do |\n|---|---|---|---|---|\n")
	for _, i := range infos {
		b.WriteString("| `" + string(i.Reason) + "` | " + string(i.Kind) + " | " + i.Meaning + " | " + i.Evidence + " | " + i.Fix + " |\n")
	}
	return b.String()
}

// infos is the one table of reasons. The documentation's table is written from
// it, by go test -update.
//
// What AWS answers is from its API references (SQS, S3, STS, KMS, CloudTrail:
// "Common errors" and the errors of each action); what Azure answers from the
// Logs Ingestion API's reference.
var infos = []Info{
	{Internal, Dead, "a defect of Logferry, such as a panic", "the letter's error text", "report it with the error text; redrive with the version that mends it"},
	{Undecodable, Dead, "a message on the bus does not follow the wire contract", "the letter names the field", "do not mix versions; see proto/wire.md"},

	{UnknownNotification, Dead, "a queue message, or a record in it, is none of the known shapes: not an S3 event", "the letter holds the message", "see what else writes to the queue; dismiss it, or redrive it with a version that knows the shape"},
	{BucketNotAllowed, Dead, "the message names a bucket outside `connections[].buckets`", "the letter names the bucket", "extend the list and redrive, or find out who sent it"},

	{ObjectMissing, Dead, "the object is not, or no longer, in the bucket", "S3: `NoSuchKey`, `NoSuchBucket`, `NoSuchVersion`", "check lifecycle rules, and how old the queue's messages are; put it back and redrive, or dismiss it"},
	{ObjectDenied, Dead, "the role may not read the object, and nobody changed that in half an hour", "S3: `AccessDenied`", "grant `s3:GetObject` on the bucket's objects; redrive"},
	{KeyDenied, Dead, "the KMS key of the object may not be used, and nobody changed that in half an hour", "S3: `AccessDenied` that names `kms:Decrypt`, `KMS.DisabledException`", "grant `kms:Decrypt` in the role and in the key's policy, enable the key; redrive"},
	{NoConnection, Dead, "the configuration no longer has the connection that announced the object", "the letter names the connection", "put it back, redrive"},
	{ObjectArchived, Dead, "the object is in an archive tier", "S3: `InvalidObjectState`", "restore it, redrive"},
	{ObjectChanged, Dead, "it was replaced after it was announced", "S3: `PreconditionFailed`", "dismiss it: the new one has its own announcement"},
	{Truncated, Dead, "it ends before its content does", "the letter names the offset", "what came before the end is delivered; look at who writes it, dismiss it"},
	{Corrupt, Dead, "its compression or container is damaged", "the letter names the offset", "as above; redrive if only the way to it was broken"},
	{TooLarge, Dead, "decompressed it exceeds `fetcher.max_object_bytes` or `fetcher.max_ratio`", "the letter names the limit", "raise the limit if the object is honest; redrive"},
	{Unsupported, Dead, "a container or column layout that cannot be read, such as flow logs of unknown fields without a header", "the letter names what is not supported", "deliver with a header"},
	{Unrouted, Dead, "no format recognises the object, or it is plainly of another type than the connection's table", "the letter names the key", "keep other logs off the queue, or set `connections[].table` and redrive"},
	{NoRule, Dead, "the destination has no rule for the object's table", "the letter names destination and table", "add the table to `destinations[].tables`, redrive"},

	{RecordTooLarge, Dead, "one record, or the row it gives, exceeds 1,000,000 bytes", "the letter names the size", "none: it exceeds what a call takes"},
	{BadRecord, Dead, "the record cannot be read as its format says", "`logferry dead show` has the record and where it fails", "if the record is right, report it, and redrive with the version that reads it"},

	{RowTooLarge, Dead, "one row exceeds what the destination accepts", "ingestion: 413 for the row alone", "none: it exceeds what a call takes"},
	{RowRejected, Dead, "the destination refuses this row", "ingestion: 400 for the row alone", "compare the stream's columns in the rule with the table's; mend the rule, redrive"},

	{NoCredentials, Blocked, "the process has no AWS credentials with which it could assume a role", "log: `the process has no AWS credentials`", "give the instance, task or pod a role, or set `AWS_PROFILE` or the access key"},
	{RoleDenied, Blocked, "the connection's role cannot be assumed", "STS: `AccessDenied`", "check `role_arn`, the external id, and that the role's trust policy names Logferry's own identity"},
	{QueueDenied, Blocked, "the role may not use the queue", "SQS: `AccessDenied`, `KmsAccessDenied`", "grant `sqs:ReceiveMessage`, `sqs:ChangeMessageVisibility`, `sqs:DeleteMessage` in the role or the queue's policy, and `kms:Decrypt` if the queue is encrypted with a key"},
	{QueueMissing, Blocked, "there is no queue of that URL", "SQS: `QueueDoesNotExist`", "check `queue_url`: account, region and name; make the queue again if it was deleted"},
	{QueueRegion, Blocked, "the queue is in another region than the one it is asked in", "SQS: `InvalidAddress`, or a queue URL whose region is not `connections[].region`", "take `region` away, or set it to the region in the queue URL"},
	{ClockSkew, Blocked, "this machine's clock is more than some minutes off", "AWS: `RequestTimeTooSkewed`, `RequestExpired`, `SignatureDoesNotMatch`; Entra: `AADSTS700024`", "synchronise the clock (chrony, systemd-timesyncd)"},
	{LookupDenied, Blocked, "the role may not call CloudTrail's LookupEvents", "CloudTrail: `AccessDenied`", "attach `AWSCloudTrail_ReadOnlyAccess`, or allow `cloudtrail:LookupEvents`"},
	{LookupRate, Blocked, "an account makes more events than LookupEvents hands out: two calls a second of fifty events, for each region", "the backlog of the connection grows while every call brings a full page", "have a trail write to S3 and add a connection with its queue"},
	{RegionDisabled, Blocked, "the account has not opted in to the region, or an organisation's policy denies it", "AWS: `OptInRequired`, `UnrecognizedClientException`, `InvalidClientTokenId` in one region only", "enable the region, or take it off the connection's list"},

	{NoToken, Blocked, "Entra gives no token for the destination's credential", "Entra: `AADSTS…` in the log", "check `credential`: kind, tenant, client and secret or certificate; and that the login host can be reached"},
	{Unauthorized, Blocked, "the ingestion endpoint refuses the token", "ingestion: 401", "check that the destination's `cloud` and `tenant_id` are those of the rule"},
	{Forbidden, Blocked, "the identity may not post to the rule", "ingestion: 403", "grant *Monitoring Metrics Publisher* on the data collection rule; a new grant takes up to 30 minutes to work"},
	{EndpointMissing, Blocked, "the endpoint or the rule does not exist", "ingestion: 404, or a host that DNS does not know", "check `endpoint` and the rule's immutable id (`dcr-…`)"},
	{Refused, Blocked, "the ingestion endpoint refuses calls as they are", "ingestion: 400 and other 4xx, or a redirect; the log has code and advice", "check the stream's name and the rule's transformation; a change of the rule takes some minutes to work"},
	{SchemaMismatch, Blocked, "the rule's stream or the table lacks columns that rows have, or has them of another type; the service drops such values untold", "rows in the table have empty columns", "give the stream the columns that `logferry formats` lists"},

	{NoRows, Blocked, "objects arrive and no row of them is accepted", "objects are counted and rows stay 0", "see `logferry dead list` for what became of them, and whether the connection's `table` fits its objects"},
	{Mismatch, Blocked, "the account of an object does not add up: a defect of Logferry", "`logferry_ledger_mismatches_total`; the log names object and numbers", "report it; see the runbook"},
	{BusFull, Blocked, "the bus has no room left for the ledger or the dead letters", "`logferry_bus_fill_ratio` is 1", "export and dismiss dead letters, or raise `bus.max_bytes`; see the runbook"},

	{Throttled, Passing, "AWS asks for fewer calls", "AWS: `Throttling`, `SlowDown`, `RequestThrottled`", "nothing, unless it lasts: then see what else in the account makes so many calls"},
	{Unreachable, Passing, "AWS does not answer, or with a fault of its own", "a time-out, a reset, or 5xx", "nothing, unless it lasts: then check routes, DNS, proxy and VPC endpoints"},
	{IngestionThrottled, Passing, "the rule takes no more calls for now", "ingestion: 429", "nothing, unless it lasts: then give the table several `rules`"},
	{IngestionFailed, Passing, "the ingestion endpoint answers with a fault of its own", "ingestion: 408, 5xx", "nothing, unless it lasts: then see Azure's service health"},
	{IngestionUnreachable, Passing, "the ingestion endpoint does not answer", "a time-out, a reset, or a certificate that is not trusted", "nothing, unless it lasts: then check routes, proxy, private link and `ca_file`"},
	{Unwritable, Passing, "the directory of a file destination cannot be written", "log: the system's error, such as a full disk", "make room, or check the directory's owner"},
	{BusUnreachable, Passing, "the NATS server does not answer", "`/readyz` is not ready", "check the server and `bus.url`; work goes on by itself"},
	{Backlog, Passing, "the oldest event that is not delivered is older than an hour", "`logferry_bus_waiting_seconds`; the lag that `logferry doctor` tells", "see the runbook: lag grows"},
}
