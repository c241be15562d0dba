package lookup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"
)

// pages answers with pages of events, given as "id@second id@second".
func pages(t *testing.T, texts ...string) func(context.Context, int64, int64, *string) (page, error) {
	calls := 0
	return func(_ context.Context, from, to int64, token *string) (page, error) {
		if want := fmt.Sprint(calls); calls > 0 && aws.ToString(token) != want {
			t.Errorf("asked for page %q; want %s", aws.ToString(token), want)
		}
		if from != 99 || to != 200 {
			t.Errorf("asked from %d to %d; want a second more on either side", from, to)
		}
		var p page
		for _, text := range strings.Fields(texts[min(calls, len(texts)-1)]) {
			if text == "expired" {
				return page{}, &smithy.GenericAPIError{Code: "InvalidNextTokenException"}
			}
			var second int64
			name, at, _ := strings.Cut(text, "@")
			if _, err := fmt.Sscan(at, &second); err != nil {
				t.Fatal(err)
			}
			p.events = append(p.events, types.Event{EventId: &name, EventTime: aws.Time(time.Unix(second, 0)), CloudTrailEvent: aws.String(name)})
		}
		if calls++; calls < len(texts) {
			p.token = aws.String(fmt.Sprint(calls))
		}
		return p, nil
	}
}

func TestScan(t *testing.T) {
	f := func(hold int, known string, want string, wantWindow window, whole bool, texts ...string) {
		t.Helper()
		sent := map[id]struct{}{}
		for _, name := range strings.Fields(known) {
			sent[idOf(types.Event{EventId: &name}, nil)] = struct{}{}
		}
		s := newScan(window{100, 200}, sent, func(int64) bool { hold--; return hold >= 0 })
		if err := s.run(t.Context(), pages(t, texts...)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range s.fresh {
			got = append(got, string(e.record))
		}
		if strings.Join(got, " ") != want || s.window != wantWindow || s.whole != whole {
			t.Errorf("got %q of %v, whole %t; want %q of %v, %t", got, s.window, s.whole, want, wantWindow, whole)
		}
	}
	all := window{100, 200}
	f(9, "", "", all, true, "")
	f(9, "", "a b c", all, true, "a@190 b@150", "c@110")
	// its own only: from 100 on, before 200
	f(9, "", "b c", all, true, "a@200 b@199 c@100 d@99")
	// once, whatever comes twice
	f(9, "", "a b c", all, true, "a@190 a@190 b@150", "a@190 b@150", "c@110")
	f(9, "b", "a c", all, true, "a@190 b@150", "c@110")
	// without memory for more: what is newer than the oldest is read
	f(1, "", "a b c d", window{141, 200}, true, "a@190 b@160 c@150", "d@150 e@140", "f@120")
	// unless all is of one second, or the order tells nothing
	f(0, "", "a b", all, false, "a@199 b@199", "c@199")
	f(1, "", "a b c", all, false, "a@150 b@190", "c@140", "d@130")
	// a token that has expired leaves what was read before
	f(9, "", "a", window{151, 200}, true, "a@190 b@150", "expired")
}

// Who goes round in circles is found out.
func TestScanInCircles(t *testing.T) {
	s := newScan(window{100, 200}, nil, func(int64) bool { return true })
	same := slices.Repeat([]string{"a@150 b@150"}, 100)
	if err := s.run(t.Context(), pages(t, same...)); !errors.Is(err, errStale) || s.pages > 10 {
		t.Errorf("got %v after %d pages; want %v", err, s.pages, errStale)
	}
}

// An event without the record, the time or the id is carried all the same, once.
func TestOddEvents(t *testing.T) {
	s := newScan(window{100, 200}, nil, func(int64) bool { return true })
	odd := types.Event{EventName: aws.String("Odd")}
	if err := s.run(t.Context(), func(context.Context, int64, int64, *string) (page, error) {
		return page{events: []types.Event{odd, odd}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(s.fresh) != 1 || !strings.Contains(string(s.fresh[0].record), `"EventName":"Odd"`) {
		t.Errorf("got %v; want the event as it is", s.fresh)
	}
}
