package story

import (
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"
	"time"
)

// Result is what one fault has cost.
type Result struct {
	// Fault says what was done.
	Fault string
	// Lost and Doubled are rows of all tables. Window is how many may come
	// doubled at most.
	Lost, Doubled, Window int64
	// Recovery is the time from the end of the fault until everything had
	// arrived.
	Recovery time.Duration
}

// Result sums up the counts of the story so far. window is how many rows may
// come twice at most, see [Story.Window].
func (s *Story) Result(fault string, window int64, recovery time.Duration) Result {
	r := Result{Fault: fault, Window: window, Recovery: recovery}
	for _, c := range s.Counts() {
		r.Lost += c.Lost
		r.Doubled += c.Doubled
	}
	return r
}

// Matrix collects the results of many tests. The zero value is ready for use,
// from any goroutine.
type Matrix struct {
	mu      sync.Mutex
	results []Result
}

// Add takes a result.
func (m *Matrix) Add(r Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results = append(m.results, r)
}

// Print writes the results as a table to standard output, and to the file that
// LOGFERRY_CHAOS_TABLE names, if it names one. It belongs at the end of a
// TestMain.
func (m *Matrix) Print() error {
	if err := m.write(os.Stdout); err != nil {
		return err
	}
	name := os.Getenv("LOGFERRY_CHAOS_TABLE")
	if name == "" {
		return nil
	}
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("LOGFERRY_CHAOS_TABLE: %w", err)
	}
	if err := m.write(file); err != nil {
		_ = file.Close() // the first error tells more
		return err
	}
	return file.Close()
}

func (m *Matrix) write(w io.Writer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "fault\tlost\tdoubled\twindow\trecovery")
	for _, r := range m.results {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\n", r.Fault, r.Lost, r.Doubled, r.Window, r.Recovery.Round(100*time.Millisecond))
	}
	return table.Flush()
}
