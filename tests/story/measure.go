package story

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Metric returns the sum of a metric over all its labels, 0 if the process has
// not counted it yet or does not answer.
func (p *Process) Metric(name string) float64 {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.Admin+"/metrics", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0 // it starts, or has ended
	}
	defer resp.Body.Close()
	sum := 0.0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			p.t.Fatalf("metric %s: %v", name, err)
		}
		sum += value
	}
	return sum
}

// Memory returns how many bytes of memory the process has in use: its resident
// set.
func (p *Process) Memory() int64 {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID()), "statm"))
	if err != nil {
		p.t.Fatal(err)
	}
	var whole, resident int64
	if _, err := fmt.Sscan(string(text), &whole, &resident); err != nil {
		p.t.Fatalf("memory of %s: %v", p.Name, err)
	}
	return resident * int64(os.Getpagesize())
}
