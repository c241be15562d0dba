package arch

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Links between the documents lead somewhere: to a file or folder, and to a
// heading that is there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(workspace, name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if u, err := url.Parse(m[1]); err != nil || u.Scheme != "" {
				continue
			}
			target, heading, _ := strings.Cut(m[1], "#")
			if target != "" {
				target = filepath.Join(filepath.Dir(name), target)
			} else {
				target = name
			}
			if problem := broken(filepath.Join(workspace, target), heading); problem != "" {
				t.Errorf("%s: link to %s: %s", name, m[1], problem)
			}
		}
	}
}

// broken says why a link leads nowhere; empty: it does not.
func broken(file, heading string) string {
	if _, err := os.Stat(file); err != nil {
		return "there is no such file"
	}
	if heading == "" {
		return ""
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") && anchor(title) == heading {
			return ""
		}
	}
	return "the file has no such heading"
}

// anchor is what a heading is called in links.
func anchor(title string) string {
	title = strings.ToLower(strings.TrimSpace(title))
	title = regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(title, "")
	return strings.ReplaceAll(title, " ", "-")
}
