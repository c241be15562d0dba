package system

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Metrics are counters and gauges by name and labels, as the endpoint writes
// them: name{label="value"}.
type Metrics map[string]float64

// Metrics reads what all members count, added up.
func (s *System) Metrics(ctx context.Context) (Metrics, error) {
	sum := Metrics{}
	for _, m := range s.members {
		if m.admin == "" {
			continue
		}
		if err := sum.read(ctx, "http://"+m.admin+"/metrics"); err != nil {
			return nil, fmt.Errorf("metrics of %s: %w", m.Name(), err)
		}
	}
	return sum, nil
}

func (m Metrics) read(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return m.add(resp.Body)
}

// add adds what a text in the Prometheus format has.
func (m Metrics) add(text io.Reader) error {
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		line := lines.Text()
		end := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || end < 0 {
			continue
		}
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			return fmt.Errorf("metric %s: %w", line[:end], err)
		}
		m[line[:end]] += value
	}
	return lines.Err()
}

// By returns the values of a metric by one of its labels, added up over the
// others.
func (m Metrics) By(name, label string) map[string]float64 {
	values := map[string]float64{}
	for series, value := range m {
		labels, ok := strings.CutPrefix(series, name+"{")
		if !ok {
			continue
		}
		_, rest, ok := strings.Cut(","+labels, ","+label+`="`) // the comma: le is the end of table
		if !ok {
			continue
		}
		of, _, _ := strings.Cut(rest, `"`)
		values[of] += value
	}
	return values
}

// Sum returns a metric added up over all its labels.
func (m Metrics) Sum(name string) float64 {
	sum := m[name]
	for series, value := range m {
		if strings.HasPrefix(series, name+"{") {
			sum += value
		}
	}
	return sum
}
