package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func splitRecords(r io.Reader) Splitter { return SplitJSON(r, "Records", "logEvents") }

func TestSplitJSON(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		testCuts(t, splitRecords, text, want...)
	}

	// No records.
	f("")
	f(" \r\n\t")
	f("\ufeff")
	f("[]")
	f(`{"Records":[]}`)
	f(`{"Records":[]}{"Records":[]}`)
	f("\x00\x00\x00")

	// Values one after the other, however they are set apart.
	f(`{"a":1}`, `0:{"a":1}`)
	f("{\"a\":1}\n{\"b\":2}\n", `0:{"a":1}`, `8:{"b":2}`)
	f("{\"a\":1}\r\n\r\n{\"b\":2}", `0:{"a":1}`, `11:{"b":2}`)
	f(`{"a":1}{"b":2}`, `0:{"a":1}`, `7:{"b":2}`)
	f(`{"a":1},{"b":2},`, `0:{"a":1}`, `8:{"b":2}`)
	f("{\n  \"a\": [\n    1\n  ]\n}\n{}", "0:{\n  \"a\": [\n    1\n  ]\n}", "23:{}")
	f("\ufeff{\"a\":1}\n\ufeff{\"b\":2}", `3:{"a":1}`, `14:{"b":2}`)

	// Values that are no objects are records, for a parser to refuse.
	f("1 -2.5e3 \"x\" true null", "0:1", "2:-2.5e3", `9:"x"`, "13:true", "18:null")
	f(`[1,"x",[2,[3]],{}]`, "1:1", `3:"x"`, "7:[2,[3]]", "15:{}")
	f(`true{"a":1}`, "0:true", `4:{"a":1}`)

	// An array of records.
	f(`[{"a":1},{"b":2}]`, `1:{"a":1}`, `9:{"b":2}`)
	f("[\n  {\"a\":1},\n  {\"b\":2}\n]\n[{}]", `4:{"a":1}`, `15:{"b":2}`, "26:{}")

	// An object that has one as a member.
	f(`{"Records":[{"a":1},{"b":2}]}`, `12:{"a":1}`, `20:{"b":2}`)
	f(`{"Records" : [ {"a":1} , {"b":2} ] }`, `15:{"a":1}`, `25:{"b":2}`)
	f(`{"logEvents":[{"a":1}]}`, `14:{"a":1}`)
	f(`{"x":{"y":["}"]},"Records":[{"a":1}],"z":[{"b":2}],"n":-1}`, `28:{"a":1}`)
	f(`{"Records":[{"a":1}]}{"Records":[{"b":2}]}`, `12:{"a":1}`, `33:{"b":2}`)
	f("{\"Records\":[{\"a\":1}]}\n{\"b\":2}\n[{\"c\":3}]", `12:{"a":1}`, `22:{"b":2}`, `31:{"c":3}`)
	f(`{"Records":[{"a":1}],"Records":[{"b":2}]}`, `12:{"a":1}`, `32:{"b":2}`)

	// The name alone makes no array of records.
	f(`{"Records":null}`, `0:{"Records":null}`)
	f(`{"Records":{"a":[1]}}`, `0:{"Records":{"a":[1]}}`)
	f(`{"a":"Records","b":[1]}`, `0:{"a":"Records","b":[1]}`)
	f(`{"a":{"Records":[1]}}`, `0:{"a":{"Records":[1]}}`)
	f(`{"XRecords":[1],"Records2":[2],"records":[3]}`, `0:{"XRecords":[1],"Records2":[2],"records":[3]}`)
	f(`[{"Records":[1]}]`, `1:{"Records":[1]}`)

	// Brackets, quotes and backslashes in strings.
	f(`{"a":"}]{["}{"b":"\"}\\"}`, `0:{"a":"}]{["}`, `12:{"b":"\"}\\"}`)
	f(`{"a\\":"\\\""}{"Records":["\\"]}`, `0:{"a\\":"\\\""}`, `26:"\\"`)
	for n := range 17 {
		pad := strings.Repeat("x", n)
		f(`{"`+pad+`\"{":1}2`, `0:{"`+pad+`\"{":1}`, strconv.Itoa(n+9)+":2")
	}

	// Padding after the last value.
	f("{\"a\":1}\x00\x00\x00", `0:{"a":1}`)
	f("{\"a\":1}\n\x00\x00\n", `0:{"a":1}`)
	f("{\"a\":1}\x00{", `0:{"a":1}`, `corrupt: JSON at offset 8: '{' cannot begin a value`)

	// What is wrong inside a value is for the parser to say.
	f(`{"a":1]{"b" 2}`, `0:{"a":1]`, `7:{"b" 2}`)
	f(`{"Records":[{"a":},{bad}]}`, `12:{"a":}`, `19:{bad}`)

	// The end inside a value.
	f(`{"a":1`, "truncated: JSON ends at offset 6, inside an object")
	f(`{"a":{"b`, "truncated: JSON ends at offset 8, inside a string")
	f(`{"a":"\`, "truncated: JSON ends at offset 7, inside a string")
	f(`[{"a":1},{"b":2`, `1:{"a":1}`, "truncated: JSON ends at offset 15, inside a value")
	f(`{"Records":[{"a":1},`, `12:{"a":1}`, "truncated: JSON ends at offset 20, inside an array of records")
	f(`{"Records":[{"a":1}]`, `12:{"a":1}`, "truncated: JSON ends at offset 20, inside an object")
	f(`{"Records":[{"a":1}],"b":"`, `12:{"a":1}`, "truncated: JSON ends at offset 26, inside a string")
	f(`[`, "truncated: JSON ends at offset 1, inside an array of records")

	// What is no JSON.
	f("version account-id\n", "corrupt: JSON at offset 0: 'v' cannot begin a value")
	f(`{"a":1}}`, `0:{"a":1}`, "corrupt: JSON at offset 7: '}' cannot begin a value")
	f(`{"a":1}]`, `0:{"a":1}`, "corrupt: JSON at offset 7: ']' cannot begin a value")
	f(`[{"a":1}}`, `1:{"a":1}`, "corrupt: JSON at offset 8: '}' cannot begin a value")
	f("[1,\x00]", "1:1", `corrupt: JSON at offset 3: '\x00' cannot begin a value`)
	f("\x1f\x8b\x08", `corrupt: JSON at offset 0: '\x1f' cannot begin a value`)
	f("\xef\xbbx", `corrupt: JSON at offset 0: 'ï' cannot begin a value`)
}

func TestSplitJSONLong(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		testCuts(t, splitRecords, text, want...)
	}
	// The longest string that is carried as a record, and a longer one.
	long := strings.Repeat("x", MaxRecordBytes-2)
	f(`"`+long+`"`, `0:"`+long+`"`)
	f(`"`+long+`y"{}`, "0+1000001 too long", "1000001:{}")
	f(`{"Records":[{"a":1},{"b":"`+long+`"},{"c":3}]}`, `12:{"a":1}`, "20+1000006 too long", `1000027:{"c":3}`)
	f(`{"a":1}{"b":["`+long+long+`"]}{"c":3}`, `0:{"a":1}`, "7+2000006 too long", `2000013:{"c":3}`)
	// It does not matter what stands before or behind the records.
	f(`{"x":"`+long+long+`","Records":[{"a":1}],"y":"`+long+long+`"}{}`, `2000015:{"a":1}`, "4000027:{}")
	f(`{"`+long+long+`":[],"Records":[1]}`, "2000014:1")
	f(strings.Repeat(" ", 2*MaxRecordBytes)+"{}", "2000000:{}")
}

func TestSplitJSONWithoutArrays(t *testing.T) {
	testCuts(t, func(r io.Reader) Splitter { return SplitJSON(r) },
		`{"Records":[{"a":1}]} [{"b":2}]`, `0:{"Records":[{"a":1}]}`, `23:{"b":2}`)
}

func TestSplitJSONReaderError(t *testing.T) {
	for _, text := range []string{`{"a":1}{"b"`, `{"a":1}`, `{"a":1}[`, `{"a":1}{"b":"`, `{"a":1} 12`} {
		r := io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF))
		s := splitRecords(r)
		if _, err := s.Next(); err != nil {
			t.Errorf("%s: got %v; want the first record", text, err)
		}
		if _, err := s.Next(); err != io.ErrUnexpectedEOF {
			t.Errorf("%s: got %v; want the reader's error as it is", text, err)
		}
	}
}

// An object of any length is split in little memory.
func TestSplitJSONMemory(t *testing.T) {
	const size = 16 << 20
	record := `{"eventVersion":"1.09","padding":"` + strings.Repeat("x", 1200) + `"},`
	r := io.MultiReader(strings.NewReader(`{"Records":[`), io.LimitReader(&repeat{text: record}, size), strings.NewReader("]}"))
	s := splitRecords(r)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var records int
	for {
		_, err := s.Next()
		if err != nil {
			break
		}
		records++
	}
	runtime.ReadMemStats(&after)
	if want := size / len(record); records != want {
		t.Errorf("got %d records; want %d", records, want)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("allocated %d bytes for an object of %d", got, size)
	}
}

// repeat reads as its text, again and again.
type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (n int, err error) {
	for n < len(p) {
		m := copy(p[n:], r.text[r.at:])
		r.at = (r.at + m) % len(r.text)
		n += m
	}
	return n, nil
}

// Whatever the bytes, the cuts do not depend on the chunks; and what
// encoding/json reads as a stream of objects gives the same records.
func FuzzSplitJSON(f *testing.F) {
	for _, seed := range []string{
		`{"Records":[{"a":"\"}"},{"b":[1,{}]}],"x":{}}`, "{\"a\":1}\r\n{\"b\":2}\x00\x00", "\ufeff[1, 2.5,\n\"x\"]", `{"a":{"Records":[]}} null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := cuts(splitRecords(bytes.NewReader(text)))
		bytewise := cuts(splitRecords(iotest.OneByteReader(bytes.NewReader(text))))
		if diff := cmp.Diff(got, bytewise); diff != "" {
			t.Fatalf("cuts at once and byte by byte differ:\n%s", diff)
		}
		want, ok := oracle(text)
		if !ok {
			return
		}
		for i := range got {
			_, got[i], _ = strings.Cut(got[i], ":")
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q; want %q", got, want)
		}
	})
}

// oracle cuts a stream of JSON objects that have no arrays of records.
func oracle(text []byte) (records []string, ok bool) {
	if bytes.Contains(text, []byte("Records")) || bytes.Contains(text, []byte("logEvents")) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var value json.RawMessage
		err := d.Decode(&value)
		if errors.Is(err, io.EOF) {
			return records, true
		}
		if err != nil || value[0] != '{' {
			return nil, false
		}
		records = append(records, string(value))
	}
}

func BenchmarkSplitJSON(b *testing.B) {
	record := `{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEROLEID0001:deploy","arn":"arn:aws:sts::111122223333:assumed-role/deploy/deploy","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEACCESSKEY","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEROLEID0001","arn":"arn:aws:iam::111122223333:role/deploy","accountId":"111122223333","userName":"deploy"},"attributes":{"creationDate":"2026-03-01T09:58:11Z","mfaAuthenticated":"false"}}},"eventTime":"2026-03-01T10:02:33Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"eu-central-1","sourceIPAddress":"198.51.100.17","userAgent":"aws-cli/2.15.30 md/Botocore#1.34.69 ua/2.0 os/linux#6.1 lang/python#3.11.8","requestParameters":{"instancesSet":{},"maxResults":1000},"responseElements":null,"requestID":"3f1b0a52-7c51-4f0e-9d7a-6f6f0f3c1a77","eventID":"9c3c3a1e-8a55-47a6-a6a2-2b2f8c1e5d10","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}`
	records := strings.TrimSuffix(strings.Repeat(record+",", 1000), ",")
	lines := strings.Repeat(record+"\n", 1000)
	for name, text := range map[string]string{"Records": `{"Records":[` + records + `]}`, "Lines": lines} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s := splitRecords(strings.NewReader(text))
				for {
					if _, err := s.Next(); err != nil {
						break
					}
				}
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
