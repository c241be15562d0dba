package azure

import (
	"cmp"
	"slices"
	"sort"
)

// run is the rows from, from+1, ... to-1 of a part; there is one at least. What
// a call carries is a list of runs, most often one for each part.
type run struct {
	part     *part
	from, to int
}

func (r run) len() int { return r.to - r.from }

// start is where the run's JSON begins in that of its part.
func (r run) start() int {
	if r.from == 0 {
		return 0
	}
	return r.part.rows[r.from-1].end + len(",")
}

// json is the run's rows with commas between.
func (r run) json() []byte { return r.part.json[r.start():r.part.rows[r.to-1].end] }

// fitting returns how many rows of the run fit into so many bytes.
func (r run) fitting(room int) int {
	start := r.start()
	return sort.Search(r.len(), func(n int) bool { return r.part.rows[r.from+n].end-start > room })
}

// runsOf returns the rows of the parts that can be sent, in order.
func runsOf(parts []*part) []run {
	runs := make([]run, 0, len(parts))
	for _, p := range parts {
		if r := p.all(); r.len() > 0 {
			runs = append(runs, r)
		}
	}
	return runs
}

func countRows(runs []run) (n int) {
	for _, r := range runs {
		n += r.len()
	}
	return n
}

// callSize is the size of the runs as a JSON array.
func callSize(runs []run) int {
	size := len("[]") + max(len(runs)-1, 0)
	for _, r := range runs {
		size += len(r.json())
	}
	return size
}

// chunks cuts the runs into calls.
func chunks(runs []run) [][]run {
	var calls [][]run
	var call []run
	size := len("[]")
	for _, r := range runs {
		for r.len() > 0 {
			comma := min(len(call), len(","))
			n := r.fitting(maxCallBytes - size - comma)
			if n == 0 { // never in an empty call, which takes any row
				calls = append(calls, call)
				call, size = nil, len("[]")
				continue
			}
			taken := run{r.part, r.from, r.from + n}
			call = append(call, taken)
			size += comma + len(taken.json())
			r.from += n
		}
	}
	if len(call) > 0 {
		calls = append(calls, call)
	}
	return calls
}

// halves cuts at the border between two parts that is nearest to the middle,
// or in the middle of the only part.
func halves(runs []run) [][]run {
	middle := countRows(runs) / 2
	best, away, rows := 0, middle+1, 0
	for i, r := range runs {
		if i > 0 && runs[i-1].part != r.part && max(rows-middle, middle-rows) < away {
			best, away = i, max(rows-middle, middle-rows)
		}
		rows += r.len()
	}
	if best > 0 {
		return [][]run{runs[:best], runs[best:]}
	}
	return cut(runs, middle)
}

// cut cuts the runs behind that many rows.
func cut(runs []run, rows int) [][]run {
	i := 0
	for ; runs[i].len() <= rows; i++ {
		rows -= runs[i].len()
	}
	first, second := slices.Clone(runs[:i]), slices.Clone(runs[i:])
	if rows > 0 {
		r := runs[i]
		first = append(first, run{r.part, r.from, r.from + rows})
		second[0].from += rows
	}
	return [][]run{first, second}
}

// timeGroups sorts the rows by time and cuts them into calls that span no more
// than maxCallSpan.
func timeGroups(runs []run) [][]run {
	var rows []run // of one row each
	for _, r := range runs {
		for i := r.from; i < r.to; i++ {
			rows = append(rows, run{r.part, i, i + 1})
		}
	}
	at := func(r run) int64 { return r.part.rows[r.from].time }
	slices.SortStableFunc(rows, func(a, b run) int { return cmp.Compare(at(a), at(b)) })
	var groups [][]run
	start := 0
	for i, r := range rows {
		if at(r)-at(rows[start]) > maxCallSpan.Microseconds() {
			groups = append(groups, rows[start:i])
			start = i
		}
	}
	return append(groups, rows[start:])
}

// depart returns the runs that may go on a call.
func depart(runs []run) []run {
	return slices.DeleteFunc(runs, func(r run) bool { return !r.part.depart() })
}

// land ends a call with the runs.
func land(runs []run, accepted bool) {
	for _, r := range runs {
		r.part.land(r.len(), accepted)
	}
}
