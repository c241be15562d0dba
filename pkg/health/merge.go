package health

import (
	"cmp"
	"slices"
	"time"
)

// others stands for the failures that are too many to be told apart.
const others = "others"

// fail counts a failure, most frequent first.
func (h *Hour) fail(t Tally) {
	h.Errors += t.Count
	h.tally(t)
}

func (h *Hour) tally(t Tally) {
	i := slices.IndexFunc(h.Failures, func(o Tally) bool {
		return o.StatusCode == t.StatusCode && o.StatusMessage == t.StatusMessage && o.Reason == t.Reason
	})
	switch {
	case i >= 0:
		h.Failures[i].Count += t.Count
	case len(h.Failures) < maxTallies || t.StatusMessage == others:
		h.Failures = append(h.Failures, t)
	default:
		h.tally(Tally{StatusMessage: others, Count: t.Count})
		return
	}
	slices.SortStableFunc(h.Failures, func(a, b Tally) int { return cmp.Compare(b.Count, a.Count) })
}

// Merge makes one state for each subject of those of several processes, in the
// order of the subjects: the worst status counts, with the reason that is told
// longest; counts add up; what was last is the latest, what is oldest the
// earliest.
func Merge(states ...[]State) []State {
	bySubject := map[Subject]*State{}
	for _, s := range slices.Concat(states...) {
		s.Hour.Failures, s.Before.Failures = slices.Clone(s.Hour.Failures), slices.Clone(s.Before.Failures)
		if m := bySubject[s.Subject]; m != nil {
			m.merge(s)
		} else {
			bySubject[s.Subject] = &s
		}
	}
	merged := make([]State, 0, len(bySubject))
	for _, s := range bySubject {
		merged = append(merged, *s)
	}
	slices.SortFunc(merged, func(a, b State) int { return a.Subject.Compare(b.Subject) })
	return merged
}

func (s *State) merge(o State) {
	// The reason decides between two that began together, so that the order
	// of the processes does not.
	if cmp.Or(cmp.Compare(s.Status.rank(), o.Status.rank()), o.Since.Compare(s.Since), cmp.Compare(o.Reason, s.Reason)) < 0 {
		s.Status, s.Since, s.Reason, s.StatusCode, s.Message = o.Status, o.Since, o.Reason, o.StatusCode, o.Message
	}
	s.Counts.add(o.Counts)
	s.Errors += o.Errors
	if o.LastSuccess.After(s.LastSuccess) {
		s.LastSuccess, s.LastObject, s.Lag = o.LastSuccess, o.LastObject, o.Lag
	}
	if s.Oldest.IsZero() || !o.Oldest.IsZero() && o.Oldest.Before(s.Oldest) {
		s.Oldest = o.Oldest
	}
	s.mergeHours(o)
}

// mergeHours adds the hours of o to those of s. A process that saw nothing for
// a while still has an earlier hour as its present one.
func (s *State) mergeHours(o State) {
	now := s.Hour.Begin
	if o.Hour.Begin.After(now) {
		now = o.Hour.Begin
	}
	hours := []Hour{s.Hour, s.Before, o.Hour, o.Before}
	s.Hour, s.Before = sum(now, hours), sum(now.Add(-time.Hour), hours)
}

// sum adds up the hours that begin then.
func sum(begin time.Time, hours []Hour) Hour {
	all := Hour{Begin: begin}
	for _, h := range hours {
		if h.Begin.IsZero() || !h.Begin.Equal(begin) {
			continue
		}
		all.Counts.add(h.Counts)
		all.Errors += h.Errors
		for _, t := range h.Failures {
			all.tally(t)
		}
	}
	return all
}
