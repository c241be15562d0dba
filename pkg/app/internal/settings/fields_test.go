package settings

import "testing"

func TestParseSize(t *testing.T) {
	f := func(text string, want int64) {
		t.Helper()
		got, err := parseSize(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: got %d; want %d", text, got, want)
		}
	}
	// Bytes, multiples of 1000 and of 1024.
	f("0", 0)
	f("1048576", 1<<20)
	f("7B", 7)
	f("2kB", 2000)
	f("2KB", 2000)
	f("3MB", 3e6)
	f("4GiB", 4<<30)
	f("4 GiB", 4<<30)
	f("4Gi", 4<<30)
	f("1TiB", 1<<40)
	f("9223372036854775807", 1<<63-1)
	// None of these is a size.
	f("", -1)
	f("GiB", -1)
	f("4gib", -1)
	f("4G", -1)
	f("1.5GiB", -1)
	f("-1", -1)
	f("0x10", -1)
	f("9223372036854775808", -1)
	f("9223372036854775807KiB", -1)
}

func TestHint(t *testing.T) {
	known := []string{"name", "role_arn", "queue_url", "queue_urls", "region"}
	f := func(name, want string) {
		t.Helper()
		if got := hint(name, known); got != want {
			t.Errorf("%s: got %q; want %q", name, got, want)
		}
	}
	f("nmae", "; did you mean name?")
	f("roleArn", "; did you mean role_arn?")
	f("QueueURL", "; did you mean queue_url?")
	f("queue_uris", "; did you mean queue_urls?")
	f("bucket", "; known here: name, role_arn, queue_url, queue_urls, region")
}

func TestDistance(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		if got := distance(a, b); got != want {
			t.Errorf("%s, %s: got %d; want %d", a, b, got, want)
		}
	}
	f("", "", 0)
	f("abc", "abc", 0)
	f("abc", "", 3)
	f("", "abc", 3)
	f("kitten", "sitting", 3)
	f("flaw", "lawn", 2)
}
