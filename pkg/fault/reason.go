package fault

// Reason is a short stable code that says why something became a dead letter.
// It appears in dead letters, logs and metrics.
type Reason string

// The reasons, by the stage that usually gives them.
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

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{
		Internal, Undecodable, UnknownNotification, BucketNotAllowed, ObjectMissing, ObjectDenied, NoConnection,
		ObjectArchived, ObjectChanged, Truncated, Corrupt, TooLarge, Unsupported, Unrouted, NoRule, RecordTooLarge,
		BadRecord, RowTooLarge, RowRejected,
	}
}
