package all

import "testing"

// Names, tables and titles tell the formats apart.
func TestFormats(t *testing.T) {
	formats := Formats()
	seen := make(map[string]string)
	for _, f := range formats {
		for kind, value := range map[string]string{"name": f.Name, "title": f.Title, "table": f.Table} {
			if other := seen[kind+value]; other != "" {
				t.Errorf("%s %q belongs to %s and %s", kind, value, other, f.Name)
			}
			seen[kind+value] = f.Name
		}
		if got, ok := formats.Named(f.Name); !ok || got != f {
			t.Errorf("Named(%s): got %v", f.Name, got)
		}
	}
}
