package onazure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/logferry/logferry/pkg/connection"
)

// Destinations asks for the ids and endpoints of the rules and returns what
// Logferry is told: one destination of that name or, when rules have endpoints
// of their own and there are several, one for each, with the rule's name. Rules
// must be there.
func (b Blueprint) Destinations(ctx context.Context, c *Clients, name string) ([]connection.Destination, error) {
	shared, err := b.sharedEndpoint(ctx, c)
	if err != nil {
		return nil, err
	}
	var list []connection.Destination
	for _, g := range b.groups(name) {
		d := connection.Destination{Name: g.name, Endpoint: shared, Tables: map[string]connection.Rule{}}
		if b.Cloud != clouds[0] {
			d.Cloud = b.Cloud
		}
		for _, r := range g.rules {
			m, err := b.made(ctx, c, r)
			if err != nil {
				return nil, err
			}
			d.Endpoint = cmp.Or(d.Endpoint, m.url)
			maps.Copy(d.Tables, b.tablesOf(r, m.id))
		}
		if d.Endpoint == "" {
			return nil, fmt.Errorf("the rule %s has no endpoint of its own: remove it (logferry setup azure destroy) and apply again, or use a data collection endpoint", g.rules[0].Name)
		}
		list = append(list, d)
	}
	return list, nil
}

// group is the rules that one endpoint serves: a destination.
type group struct {
	name  string
	rules []Rule
}

// groups sorts the rules by their endpoint. A rule of the health table alone is
// in none.
func (b Blueprint) groups(name string) []group {
	var list []group
	for _, r := range b.Rules {
		switch {
		case len(b.tablesOf(r, "")) == 0:
		case b.Endpoint != nil && len(list) > 0:
			list[0].rules = append(list[0].rules, r)
		default:
			list = append(list, group{r.Name, []Rule{r}})
		}
	}
	if len(list) == 1 {
		list[0].name = name
	}
	return list
}

// tablesOf maps the tables that Logferry has rows for to the rule.
func (b Blueprint) tablesOf(r Rule, id string) map[string]connection.Rule {
	tables := map[string]connection.Rule{}
	for _, t := range b.Tables {
		for _, s := range r.Streams {
			if s.Table == t.Name && isTable(t.Name) {
				tables[t.Name] = connection.Rule{Rule: id, EventTime: t.EventTime}
			}
		}
	}
	return tables
}

// made is what Azure gave a rule.
type made struct{ id, url string }

func (b Blueprint) made(ctx context.Context, c *Clients, r Rule) (made, error) {
	have, err := c.rules.Get(ctx, b.Group, r.Name, nil)
	if missing(err) {
		return made{}, fmt.Errorf("the rule %s is not there: logferry setup azure apply makes it", r.Name)
	}
	if err != nil {
		return made{}, fmt.Errorf("read rule %s: %w", r.Name, explain(err))
	}
	if have.Properties == nil || value(have.Properties.ImmutableID) == "" {
		return made{}, fmt.Errorf("the rule %s has no immutable id yet; try again", r.Name)
	}
	m := made{id: *have.Properties.ImmutableID}
	if e := have.Properties.Endpoints; e != nil {
		m.url = value(e.LogsIngestion)
	}
	return m, nil
}

// sharedEndpoint returns the URL of the data collection endpoint; empty: there
// is none.
func (b Blueprint) sharedEndpoint(ctx context.Context, c *Clients) (string, error) {
	if b.Endpoint == nil {
		return "", nil
	}
	have, err := c.endpoints.Get(ctx, b.Endpoint.Group, b.Endpoint.Name, nil)
	if err != nil {
		return "", fmt.Errorf("read data collection endpoint %s: %w", b.Endpoint.Name, explain(err))
	}
	if p := have.Properties; p != nil && p.LogsIngestion != nil && value(p.LogsIngestion.Endpoint) != "" {
		return *p.LogsIngestion.Endpoint, nil
	}
	return "", errors.New("the data collection endpoint " + b.Endpoint.Name + " has no address yet; try again")
}
