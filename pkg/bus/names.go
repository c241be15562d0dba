package bus

import (
	"fmt"
	"strings"
)

// Streams, and the subjects they hold (proto/wire.md).
const (
	streamObjects = "OBJECTS"
	streamRaw     = "RAW"
	streamDead    = "DEAD"
	streamLedger  = "LEDGER"
	streamHistory = "HISTORY"
	// rowsPrefix begins the names of the rows' streams, one for each
	// destination: what one does not take leaves the others their room.
	rowsPrefix = "ROWS-"

	subjectObjects = "logferry.objects" // .<connection>
	subjectRaw     = "logferry.raw"     // .<connection>.<format>
	subjectRows    = "logferry.rows"    // .<destination>.<table>.<connection>
	subjectDead    = "logferry.dead"    // .<stage>.<connection>.<letter>
	subjectLedger  = "logferry.ledger"  // .<connection>.<object>.<event>
	subjectHistory = "logferry.history" // .<connection>
)

func rowsStream(destination string) string { return rowsPrefix + destination }

// Durables of the fetcher and the parser; the writer has one for each
// destination and table, so that a paused rule holds back nobody else.
const (
	durableFetcher = "fetcher"
	durableParser  = "parser"
)

// Headers of the messages on the bus.
const (
	headerWire        = "Logferry-Wire"
	headerConnection  = "Logferry-Connection"
	headerDestination = "Logferry-Destination"
	headerFormat      = "Logferry-Format"
	headerTable       = "Logferry-Table"
	headerObject      = "Logferry-Object"
	headerPart        = "Logferry-Part"
	headerWhole       = "Logferry-Whole"
	headerAttempt     = "Logferry-Attempt"
	headerBucket      = "Logferry-Bucket"
	headerKey         = "Logferry-Key"
	headerVersion     = "Logferry-Version"
	headerLayout      = "Logferry-Layout"
	headerNotified    = "Logferry-Notified"
	headerRows        = "Logferry-Rows"
	headerDead        = "Logferry-Dead"
	headerFiltered    = "Logferry-Filtered"
	headerContentType = "Content-Type"

	headerContentEncoding = "Content-Encoding"
)

// encodingSnappy is the Snappy block format.
const encodingSnappy = "snappy"

// layoutKey is the key in the streams' metadata that tells the version of
// their layout: names, subjects, retention, and how objects are cut into parts,
// for what another version has sent of an object would not fit what comes after.
const (
	layoutKey     = "logferry-layout"
	layoutVersion = "3"
)

// wireVersion is the version of the wire contract that messages carry.
const wireVersion = "1"

// Media types of message bodies.
const (
	contentArrow  = "application/vnd.apache.arrow.stream"
	contentObject = `application/x-protobuf; messageType="logferry.v1.Object"`
	contentDead   = `application/x-protobuf; messageType="logferry.v1.DeadLetter"`
	contentLedger = `application/x-protobuf; messageType="logferry.v1.LedgerEvent"`

	contentHistory = `application/x-protobuf; messageType="logferry.v1.History"`
)

// writerPrefix begins the names of all writers' durables.
const writerPrefix = "writer-"

func writerDurable(destination, table string) string {
	return writerPrefix + destination + "-" + table
}

// isService reports whether a consumer is one of the services, perhaps of an
// older configuration. All others only read along.
func isService(consumer string) bool {
	return consumer == durableFetcher || consumer == durableParser || strings.HasPrefix(consumer, writerPrefix)
}

func subject(tokens ...string) string { return strings.Join(tokens, ".") }

// checkTokens refuses names that cannot be part of a subject: a message to
// such a subject would find no stream, however often it is sent.
func checkTokens(names ...string) error {
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, ". *>\t\r\n") {
			return fmt.Errorf("name %q cannot be part of a subject", name)
		}
	}
	return nil
}
