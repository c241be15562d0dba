package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteJSON writes the report for programs; ReadJSON reads it back.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// ReadJSON reads what WriteJSON wrote, of this version or another.
func ReadJSON(r io.Reader) (Report, error) {
	var report Report
	if err := json.NewDecoder(r).Decode(&report); err != nil {
		return Report{}, fmt.Errorf("reading a load report: %w", err)
	}
	return report, nil
}

// Write writes report.txt, report.html and report.json into dir, which it makes
// when there is none, and returns their paths in this order.
func (r Report) Write(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var paths []string
	for _, form := range []struct {
		name  string
		write func(io.Writer) error
	}{{"report.txt", r.WriteText}, {"report.html", r.WriteHTML}, {"report.json", r.WriteJSON}} {
		path := filepath.Join(dir, form.name)
		if err := writeFile(path, form.write); err != nil {
			return paths, fmt.Errorf("writing %s: %w", path, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
