// Package dashboards checks that the dashboard and the alerting rules in
// deploy/dashboards ask for metrics that there are.
package dashboards

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/logferry/logferry/tests/story"
)

func TestMain(m *testing.M) { os.Exit(story.Main(m)) }

const folder = "../../deploy/dashboards/"

// Every query of the dashboard finds data at a running process that has carried
// logs, some of which died.
func TestDashboard(t *testing.T) {
	queries := dashboard(t)
	if len(queries) < 25 {
		t.Fatalf("the dashboard has %d queries", len(queries))
	}
	s := story.New(t)
	s.Mixed()
	p := s.Start("logferry", "run")
	s.Delivered()
	known, found := documented(t), scrape(t, p.Admin)
	defer p.Stop()
	for _, q := range queries {
		sel := selectors(q)
		if len(sel) == 0 {
			t.Errorf("%s: asks for no metric of Logferry", q)
		}
		for _, one := range sel {
			one.check(t, q, known)
			if strings.HasSuffix(q, " or vector(0)") {
				continue // there is always an answer
			}
			// Some are measured once in a while.
			story.Eventually(t, time.Minute, "series "+one.text+" at a running process, for "+q, func() bool {
				if !slices.ContainsFunc(found, one.matches) {
					found = scrape(t, p.Admin)
				}
				return slices.ContainsFunc(found, one.matches)
			})
		}
	}
}

// Every rule asks for metrics, with labels, that the README has, and a test of
// its own keeps the README true. Their series need not exist while all is well.
func TestRules(t *testing.T) {
	text, err := os.ReadFile(folder + "rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.DisallowUnknownField()); err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) < 10 {
		t.Fatalf("the rules are not there: %+v", file)
	}
	known := documented(t)
	shown := regexp.MustCompile(`\$labels\.([a-z]+)`)
	for _, r := range file.Groups[0].Rules {
		sel := selectors(r.Expr)
		if r.Alert == "" || len(sel) == 0 || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["fix"] == "" {
			t.Errorf("%s has no metric, severity, summary or fix", r.Alert)
		}
		for _, one := range sel {
			one.check(t, r.Expr, known)
		}
		for _, l := range shown.FindAllStringSubmatch(r.Annotations["summary"], -1) {
			if !slices.Contains(grouped(r.Expr), l[1]) {
				t.Errorf("%s shows the label %s, by which its expression does not group", r.Alert, l[1])
			}
		}
	}
}

// dashboard returns the queries of the dashboard.
func dashboard(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(folder + "logferry.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	var queries []string
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries = append(queries, target.Expr)
		}
	}
	return queries
}

// selector is a metric that a query asks for, with what it wants of labels.
type selector struct {
	text, name string
	want       [][3]string // label, operator, value
	groups     []string    // of the whole query
}

var (
	selectorText = regexp.MustCompile(`(logferry_[a-z_]+)(?:\{([^}]*)\})?`)
	matcherText  = regexp.MustCompile(`([a-z]+)(!=|=~|=)"([^"]*)"`)
	groupText    = regexp.MustCompile(`by \(([^)]*)\)`)
	labelText    = regexp.MustCompile(`([a-z]+)="([^"]*)"`)
	histogram    = regexp.MustCompile(`_(bucket|sum|count)$`)
)

func selectors(query string) []selector {
	var all []selector
	for _, m := range selectorText.FindAllStringSubmatch(query, -1) {
		s := selector{text: m[0], name: m[1], groups: grouped(query)}
		for _, w := range matcherText.FindAllStringSubmatch(m[2], -1) {
			s.want = append(s.want, [3]string{w[1], w[2], w[3]})
		}
		all = append(all, s)
	}
	return all
}

func grouped(query string) []string {
	var all []string
	for _, m := range groupText.FindAllStringSubmatch(query, -1) {
		all = append(all, strings.Split(m[1], ", ")...)
	}
	return all
}

// check wants the metric documented, with the labels that the query names.
func (s selector) check(t *testing.T, query string, known map[string][]string) {
	t.Helper()
	labels, ok := known[s.name]
	if !ok {
		labels, ok = known[histogram.ReplaceAllString(s.name, "")]
		labels = append(slices.Clone(labels), "le")
	}
	if !ok {
		t.Errorf("%s: there is no metric %s", query, s.name)
		return
	}
	names := slices.Clone(s.groups)
	for _, w := range s.want {
		names = append(names, w[0])
	}
	for _, name := range names {
		if !slices.Contains(labels, name) {
			t.Errorf("%s: %s has no label %s; it has %v", query, s.name, name, labels)
		}
	}
}

// series is one series that a process shows.
type series struct {
	name   string
	labels map[string]string
}

func (s selector) matches(x series) bool {
	if x.name != s.name {
		return false
	}
	for _, w := range s.want {
		same := x.labels[w[0]] == w[2]
		if w[1] == "=~" {
			same = regexp.MustCompile("^(?:" + w[2] + ")$").MatchString(x.labels[w[0]])
		}
		if same == (w[1] == "!=") {
			return false
		}
	}
	return true
}

// scrape reads the series that a process shows.
func scrape(t *testing.T, admin string) []series {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var all []series
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, "{")
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, _, _ = strings.Cut(name, " ")
		x := series{name, map[string]string{}}
		for _, l := range labelText.FindAllStringSubmatch(rest, -1) {
			x.labels[l[1]] = l[2]
		}
		all = append(all, x)
	}
	return all
}

// documented returns the metrics of the README, with their labels.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(logferry_[a-z_]+)` \\| ([^|]*) \\|").FindAllStringSubmatch(string(text), -1) {
		known[m[1]] = strings.Split(m[2], ", ")
	}
	if len(known) < 50 {
		t.Fatalf("the README has %d metrics", len(known))
	}
	return known
}
