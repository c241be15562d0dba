package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValid(t *testing.T) {
	valid := func(text string) {
		t.Helper()
		if err := Valid([]byte(text)); err != nil {
			t.Errorf("%.50q: got %v; want no error", text, err)
		}
	}
	bad := func(text string, offset int, what string) {
		t.Helper()
		want := fmt.Sprintf("JSON at offset %d: %s", offset, what)
		if err := Valid([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%.50q: got %v; want %s", text, err, want)
		}
	}
	const short = "the text ends too soon"

	// Each kind of value, with white space wherever it may stand.
	valid(`{}`)
	valid(`[]`)
	valid(" \t\r\n{ \"a\" : [ 1 , true , false , null , \"x\" , { } , [ ] ] , \"b\" : { \"c\" : -0 } } \n")
	valid(`"\"\\\/\b\f\n\r\t\u0000\uD83D\uDE00\ud83d"`)
	valid(`"` + strings.Repeat("long enough for the eight bytes a step ", 9) + `"`)
	for _, number := range []string{"0", "-0", "7", "-12", "0.5", "1e5", "1E+5", "1.25e-07", "12345678901234567890123"} {
		valid(number)
	}

	// What is missing, or too much.
	bad(``, 0, short)
	bad(`  `, 2, short)
	bad(`{`, 1, short)
	bad(`{"a"`, 4, short)
	bad(`{"a":`, 5, short)
	bad(`[1`, 2, short)
	bad(`"abc`, 4, short)
	bad(`tru`, 3, short)
	bad(`-`, 1, short)
	bad(`1.`, 2, short)
	bad(`1e`, 2, short)
	bad(`{} {}`, 3, "more after the value")
	bad("{}\x00", 2, "more after the value")

	// Objects and arrays.
	bad(`{"a":1,}`, 7, "no key of a member")
	bad(`{,"a":1}`, 1, "no key of a member")
	bad(`{a:1}`, 1, "no key of a member")
	bad(`{"a" 1}`, 5, "no colon after a key")
	bad(`{"a":1 "b":2}`, 7, "no comma and no end of the object or array")
	bad(`{"a":1]`, 6, "no comma and no end of the object or array")
	bad(`[1}`, 2, "no comma and no end of the object or array")
	bad(`[1,]`, 3, "no value")
	bad(`[,1]`, 1, "no value")
	bad(`{"a":}`, 5, "no value")

	// Words and numbers.
	bad(`nul1`, 3, "no value")
	bad(`True`, 0, "no value")
	bad(`'a'`, 0, "no value")
	bad(`012`, 1, "more after the value")
	bad(`+1`, 0, "no value")
	bad(`.5`, 0, "no value")
	bad(`1.x`, 2, "no digit after the point of a number")
	bad(`1ex`, 2, "no digit in the exponent of a number")
	bad(`0x10`, 1, "more after the value")

	// Strings, at each place of the eight bytes that are looked at together.
	for n := range 17 {
		pad := strings.Repeat("é", n/2) + strings.Repeat("~", n%2)
		at := len(pad) + 1
		valid(`"` + pad + `"`)
		valid(`"` + pad + `\n"`)
		bad(`"`+pad+"\n\"", at, "control character in a string")
		bad(`"`+pad+"\x1f\"", at, "control character in a string")
		bad(`"`+pad+`\q"`, at, "bad escape in a string")
		bad(`"`+pad+`\u12g4"`, at, "bad escape in a string")
		bad(`"`+pad+`\u12"`, at, "bad escape in a string")
	}

	// Nesting.
	valid(strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth))
	bad(strings.Repeat("[", MaxDepth+1)+strings.Repeat("]", MaxDepth+1), MaxDepth, "nested too deep")
	bad(strings.Repeat(`{"a":`, MaxDepth+1), MaxDepth*5, "nested too deep")
}

func TestScannerWalk(t *testing.T) {
	s := NewScanner([]byte(`{"id":"a\u0062c", "n" : 1.5, "list":[1, [2 ,"x y"],{"k":null}], "\u0069d":"last", "rest": { "a" : 1 }}`))
	var got []string
	for s.Object(); s.Member(); {
		switch string(s.Key()) {
		case "id":
			got = append(got, "id="+string(s.Text()))
		case "list":
			for s.Array(); s.Element(); {
				got = append(got, "element="+string(s.Compact()))
			}
		case "rest":
			got = append(got, "rest="+string(s.Compact()))
		default:
			got = append(got, string(s.Key())+"="+string(s.Value()))
		}
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	want := []string{"id=abc", "n=1.5", "element=1", `element=[2,"x y"]`, `element={"k":null}`, "id=last", `rest={"a":1}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}

// A scanner that is asked for something else than what is there stops.
func TestScannerWrongKind(t *testing.T) {
	f := func(text string, read func(*Scanner), want string) {
		t.Helper()
		s := NewScanner([]byte(text))
		read(&s)
		if err := s.End(); err == nil || err.Error() != want {
			t.Errorf("%s: got %v; want %s", text, err, want)
		}
		if s.Peek() != 0 || s.Member() || s.Element() || s.Value() != nil || s.Text() != nil {
			t.Errorf("%s: the scanner goes on after an error", text)
		}
	}
	f(`[1]`, func(s *Scanner) { s.Object() }, "JSON at offset 0: no object")
	f(` "x"`, func(s *Scanner) { s.Array() }, "JSON at offset 1: no array")
	f(`7`, func(s *Scanner) { s.Text() }, "JSON at offset 0: no string")
	f(`{"a":1}`, func(s *Scanner) {}, "JSON at offset 0: more after the value")
}

func TestScannerReset(t *testing.T) {
	s := NewScanner([]byte(`["a\n`))
	s.Array()
	s.Element()
	s.Text()
	s.Reset([]byte(`"b"`))
	if got := string(s.Text()); got != "b" || s.End() != nil {
		t.Errorf("got %q, %v; want b, no error", got, s.End())
	}
}

func TestText(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		s := NewScanner([]byte(text))
		if got := string(s.Text()); got != want || s.End() != nil {
			t.Errorf("%s: got %q, %v; want %q", text, got, s.End(), want)
		}
	}
	f(`""`, "")
	f(`"plain"`, "plain")
	f(`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t")
	f(`"caf\u00e9 \u4f60"`, "café 你")
	f(`"\ud83d\ude00!"`, "😀!")
	// Halves of surrogate pairs.
	f(`"\ud83d"`, "\ufffd")
	f(`"\ude00x"`, "\ufffdx")
	f(`"\ud83d\n"`, "\ufffd\n")
	f(`"\ud83d\u0041"`, "\ufffdA")
	f(`"\ud83d\ud83d\ude00"`, "\ufffd😀")
	// No UTF-8: left to the consumer.
	f("\"\xff\xc3\"", "\xff\xc3")
}

func TestGet(t *testing.T) {
	text := []byte(`{"a":{"b":[1,2],"b":[3]},"c":null,"a.b":4}`)
	f := func(want string, path ...string) {
		t.Helper()
		if got := string(Get(text, path...)); got != want {
			t.Errorf("%q: got %q; want %q", path, got, want)
		}
	}
	f(string(text))
	f(`[3]`, "a", "b")
	f(`null`, "c")
	f(`4`, "a.b")
	f(``, "d")
	f(``, "a", "b", "c")
	f(``, "a", "x", "y")
}

func TestFirst(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := string(First([]byte(text))); got != want {
			t.Errorf("%s: got %q; want %q", text, got, want)
		}
	}
	f(`[ {"a":1}, 2]`, `{"a":1}`)
	f(`[[]]`, `[]`)
	f(`[ ]`, "")
	f(`{"a":[1]}`, "")
	f(`"x"`, "")
	f(``, "")
}

func TestNumbers(t *testing.T) {
	integer := func(value string, want int64, wantOK bool) {
		t.Helper()
		if got, ok := Int([]byte(value)); got != want || ok != wantOK {
			t.Errorf("Int(%s): got %d, %t; want %d, %t", value, got, ok, want, wantOK)
		}
	}
	integer("0", 0, true)
	integer("-42", -42, true)
	integer("9223372036854775807", math.MaxInt64, true)
	integer("9223372036854775808", 0, false)
	integer("-9223372036854775808", math.MinInt64, true)
	// Fractions are cut off, toward zero.
	integer("7.9", 7, true)
	integer("-7.9", -7, true)
	integer("1.639010703E9", 1639010703, true)
	integer("9007199254740993", 9007199254740993, true)
	integer("9.3e18", 0, false)
	integer("1e999", 0, false)
	// No numbers.
	integer("", 0, false)
	integer("null", 0, false)
	integer("true", 0, false)
	integer(`"7"`, 0, false)
	integer(`"1.5e3"`, 0, false)

	float := func(value string, want float64, wantOK bool) {
		t.Helper()
		if got, ok := Float([]byte(value)); ok != wantOK || ok && got != want {
			t.Errorf("Float(%s): got %g, %t; want %g, %t", value, got, ok, want, wantOK)
		}
	}
	float("5.3", 5.3, true)
	float("-2e3", -2000, true)
	float("1e999", 0, false)
	float("null", 0, false)
	float("", 0, false)

	boolean := func(value string, want, wantOK bool) {
		t.Helper()
		if got, ok := Bool([]byte(value)); got != want || ok != wantOK {
			t.Errorf("Bool(%s): got %t, %t; want %t, %t", value, got, ok, want, wantOK)
		}
	}
	boolean("true", true, true)
	boolean("false", false, true)
	boolean(`"true"`, true, true)
	boolean(`"false"`, false, true)
	boolean(`"yes"`, false, false)
	boolean("null", false, false)
	boolean("1", false, false)
}

// A compact value is returned as it is, not copied.
func TestCompactInPlace(t *testing.T) {
	text := []byte(` {"a":"b c"} `)
	s := NewScanner(text)
	if got := s.Compact(); &got[0] != &text[1] || string(got) != `{"a":"b c"}` {
		t.Errorf("got %s; want the slice of the text", got)
	}
}

func TestScannerDoesNotAllocate(t *testing.T) {
	var s Scanner
	text := []byte(sample)
	s.Reset(text)
	if got := testing.AllocsPerRun(100, func() {
		s.Reset(text)
		for s.Object(); s.Member(); {
			if s.Peek() == '"' {
				s.Text()
			} else {
				s.Compact()
			}
		}
		if s.End() != nil {
			t.Fatal(s.End())
		}
	}); got != 0 {
		t.Errorf("got %g allocations; want 0", got)
	}
}

// encoding/json is the oracle: it accepts the same texts and reads the same
// values from them.
func FuzzValid(f *testing.F) {
	for _, seed := range []string{sample, `[1,-0.5e+3,"\ud83d\ude00\u0000\ud83d",{},[],null,true,false]`,
		` { "a" : [ { "b" : "c\\" } ] } `, `{"a":1,"a":2}`, `[1,]`, "\"\x01\"", "\"\xff\"", `12345678901234567890`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := Valid(text)
		if e, ok := err.(*SyntaxError); ok {
			if e.Offset < 0 || e.Offset > len(text) {
				t.Errorf("offset %d is outside of the text", e.Offset)
			}
			if e.What == "nested too deep" {
				return
			}
		}
		if valid := json.Valid(text); valid != (err == nil) {
			t.Fatalf("got %v; json.Valid says %t", err, valid)
		}
		if err != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil {
			t.Fatal(err)
		}
		s := NewScanner(text)
		if got := s.Compact(); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("compact: got %s; want %s", got, want.Bytes())
		}
		if !utf8.Valid(text) {
			return // encoding/json mends, we leave it to the consumer
		}
		var value any
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		s.Reset(text)
		if got := read(&s); !reflect.DeepEqual(got, value) {
			t.Errorf("got %#v; want %#v", got, value)
		}
	})
}

// read builds the value that encoding/json would.
func read(s *Scanner) any {
	switch s.Peek() {
	case '{':
		object := map[string]any{}
		for s.Object(); s.Member(); {
			key := string(s.Key())
			object[key] = read(s)
		}
		return object
	case '[':
		array := []any{}
		for s.Array(); s.Element(); {
			array = append(array, read(s))
		}
		return array
	case '"':
		return string(s.Text())
	case 't', 'f':
		is, _ := Bool(s.Value())
		return is
	case 'n':
		s.Value()
		return nil
	}
	return json.Number(s.Value())
}

const sample = `{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEROLEID0001:deploy","arn":"arn:aws:sts::111122223333:assumed-role/deploy/deploy","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEACCESSKEY","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEROLEID0001","arn":"arn:aws:iam::111122223333:role/deploy","accountId":"111122223333","userName":"deploy"},"attributes":{"creationDate":"2026-03-01T09:58:11Z","mfaAuthenticated":"false"}}},"eventTime":"2026-03-01T10:02:33Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"eu-central-1","sourceIPAddress":"198.51.100.17","userAgent":"aws-cli/2.15.30 md/Botocore#1.34.69 ua/2.0 os/linux#6.1 md/arch#x86_64 lang/python#3.11.8","requestParameters":{"instancesSet":{},"filterSet":{"items":[{"name":"tag:Name","valueSet":{"items":[{"value":"web-*"},{"value":"\"quoted\" & <b>"}]}}]},"maxResults":1000},"responseElements":null,"requestID":"3f1b0a52-7c51-4f0e-9d7a-6f6f0f3c1a77","eventID":"9c3c3a1e-8a55-47a6-a6a2-2b2f8c1e5d10","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"ec2.eu-central-1.amazonaws.com"}}`

func BenchmarkValid(b *testing.B) {
	text := []byte(sample)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Valid(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWalk(b *testing.B) {
	text := []byte(sample)
	var s Scanner
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(text)
		for s.Object(); s.Member(); {
			s.Compact()
		}
		if err := s.End(); err != nil {
			b.Fatal(err)
		}
	}
}

// The yardstick.
func BenchmarkEncodingJSONValid(b *testing.B) {
	text := []byte(sample)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if !json.Valid(text) {
			b.Fatal("not valid")
		}
	}
}
