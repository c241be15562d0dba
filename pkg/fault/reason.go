package fault

// Reason is a short stable code that says why something went wrong. It appears
// in dead letters, health, logs and metrics.
type Reason string

// The reasons why something becomes a dead letter, by the stage that usually
// gives them.
const (
	// Internal: a defect of Logferry, such as a panic in a handler.
	Internal Reason = "internal"
	// Undecodable: a message on the bus does not follow the wire contract.
	Undecodable Reason = "undecodable_message"

	// UnknownNotification: the queue message is none of the known shapes.
	UnknownNotification Reason = "unknown_notification"
	// BucketNotAllowed: the notification names a bucket outside the
	// connection's list.
	BucketNotAllowed Reason = "bucket_not_allowed"

	// ObjectMissing: the object is not, or no longer, in the bucket.
	ObjectMissing Reason = "object_missing"
	// ObjectDenied: the role may not read the object, and nobody changed that
	// in half an hour.
	ObjectDenied Reason = "object_denied"
	// KeyDenied: the object's KMS key may not be used, and nobody changed that
	// in half an hour.
	KeyDenied Reason = "key_denied"
	// NoConnection: the configuration does not hold the object's connection.
	NoConnection Reason = "no_connection"
	// ObjectArchived: the object is in an archive tier and must be restored.
	ObjectArchived Reason = "object_archived"
	// ObjectChanged: the object was replaced after it was announced.
	ObjectChanged Reason = "object_changed"
	// Truncated: the object ends before its content does.
	Truncated Reason = "truncated"
	// Corrupt: the object's compression or container is damaged.
	Corrupt Reason = "corrupt"
	// TooLarge: the decompressed object exceeds the size or ratio limit.
	TooLarge Reason = "too_large"
	// Unsupported: a container or column layout that is not supported.
	Unsupported Reason = "unsupported"
	// Unrouted: no format recognises the object.
	Unrouted Reason = "unrouted"
	// NoRule: the destination has no rule for the object's table.
	NoRule Reason = "no_rule"

	// RecordTooLarge: one record, or the row it gives, exceeds what a bus
	// message can carry.
	RecordTooLarge Reason = "record_too_large"
	// BadRecord: the record cannot be read as its format says.
	BadRecord Reason = "bad_record"

	// RowTooLarge: one row exceeds what the destination accepts in a call.
	RowTooLarge Reason = "row_too_large"
	// RowRejected: the destination refuses this row.
	RowRejected Reason = "row_rejected"
)

// The reasons why nothing goes on until somebody mends it.
const (
	// NoCredentials: the process has no AWS credentials to begin with.
	NoCredentials Reason = "no_aws_credentials"
	// RoleDenied: the connection's role cannot be assumed.
	RoleDenied Reason = "role_denied"
	// QueueDenied: the role may not use the queue.
	QueueDenied Reason = "queue_denied"
	// QueueMissing: there is no queue of that URL.
	QueueMissing Reason = "queue_missing"
	// QueueRegion: the queue is in another region than the one it is asked in.
	QueueRegion Reason = "queue_wrong_region"
	// ClockSkew: this machine's clock is too far off for AWS.
	ClockSkew Reason = "clock_skew"
	// LookupDenied: the role may not call CloudTrail's LookupEvents.
	LookupDenied Reason = "lookup_denied"
	// LookupRate: an account makes more events than LookupEvents hands out.
	LookupRate Reason = "lookup_over_rate"
	// RegionDisabled: the account has not opted in to the region.
	RegionDisabled Reason = "region_disabled"

	// NoToken: Entra gives no token for the destination's credential.
	NoToken Reason = "no_token"
	// Unauthorized: the ingestion endpoint refuses the token.
	Unauthorized Reason = "ingestion_unauthorized"
	// Forbidden: the identity may not post to the rule.
	Forbidden Reason = "ingestion_forbidden"
	// EndpointMissing: the endpoint or the rule does not exist.
	EndpointMissing Reason = "ingestion_not_found"
	// Refused: the ingestion endpoint refuses calls as they are.
	Refused Reason = "ingestion_refused"
	// SchemaMismatch: the rule's stream or the table lacks columns, or has
	// them of another type.
	SchemaMismatch Reason = "schema_mismatch"

	// NoRows: objects arrive and no row of them is accepted.
	NoRows Reason = "no_rows"
	// Mismatch: the account of an object does not add up.
	Mismatch Reason = "account_mismatch"
	// BusFull: the bus has no room left for what must not be dropped.
	BusFull Reason = "bus_full"
)

// The reasons that may pass by themselves.
const (
	// Throttled: AWS asks for fewer calls.
	Throttled Reason = "aws_throttled"
	// Unreachable: AWS does not answer, or with a fault of its own.
	Unreachable Reason = "aws_unreachable"
	// IngestionThrottled: the rule takes no more calls for now.
	IngestionThrottled Reason = "ingestion_throttled"
	// IngestionFailed: the ingestion endpoint answers with a fault of its own.
	IngestionFailed Reason = "ingestion_failed"
	// IngestionUnreachable: the ingestion endpoint does not answer.
	IngestionUnreachable Reason = "ingestion_unreachable"
	// Unwritable: a file destination's directory cannot be written.
	Unwritable Reason = "directory_unwritable"
	// BusUnreachable: the NATS server does not answer.
	BusUnreachable Reason = "bus_unreachable"
	// Backlog: the oldest event that is not delivered has grown too old.
	Backlog Reason = "backlog_age"
)
