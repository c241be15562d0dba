package onazure

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// rule is a data collection rule.
type rule struct {
	b    Blueprint
	c    *Clients
	want Rule
}

// String implements [setup.Resource].
func (r *rule) String() string { return "data collection rule " + r.want.Name }

// Plan implements [setup.Resource].
func (r *rule) Plan(ctx context.Context) (setup.Change, error) {
	c, _, err := r.compare(ctx)
	return c, err
}

// compare returns what is to do, and what is there.
func (r *rule) compare(ctx context.Context) (setup.Change, *armmonitor.DataCollectionRuleResource, error) {
	want := r.b.ruleBody(r.want)
	have, err := r.c.rules.Get(ctx, r.b.Group, r.want.Name, nil)
	if missing(err) {
		return setup.Change{Resource: r.String(), Action: setup.Create, Lines: diff(shape{}, r.shape(&want))}, nil, nil
	}
	if err != nil {
		return setup.Change{}, nil, explain(err)
	}
	is := &have.DataCollectionRuleResource
	if why := r.b.foreign(is.Tags); why != "" {
		return refuse(r, "%s", why), nil, nil
	}
	if value(is.Kind) != direct {
		return refuse(r, "it is of the kind %q, without an endpoint of its own, and the kind of a rule cannot be changed: "+
			"remove it (logferry setup azure destroy) and apply again, which gives it a new id", value(is.Kind)), nil, nil
	}
	if at := region(value(is.Location)); at != r.b.Location {
		return refuse(r, "it is in %s, and must be in the workspace's region, %s: remove it and apply again", at, r.b.Location), nil, nil
	}
	return change(r, append(r.b.tagLines(is.Tags), diff(r.shape(is), r.shape(&want))...)), is, nil
}

// Apply implements [setup.Resource].
func (r *rule) Apply(ctx context.Context) (setup.Change, error) {
	c, have, err := r.compare(ctx)
	if err != nil || c.Action != setup.Create && c.Action != setup.Update {
		return c, err
	}
	body := r.b.ruleBody(r.want)
	if have != nil { // what others gave it stays
		body.Tags, body.Identity = r.b.tags(have.Tags), have.Identity
	}
	// A table that was made a moment ago is not known at once.
	fresh := func(err error) bool {
		return slices.ContainsFunc(r.want.Streams, func(s Stream) bool { return strings.HasSuffix(s.Table, "_CL") }) && coded(err, "InvalidOutputTable")
	}
	err = r.c.again(ctx, fresh, func() error {
		_, err := r.c.rules.Create(ctx, r.b.Group, r.want.Name, body, nil)
		return err
	})
	return c, explain(err)
}

// Destroy implements [setup.Resource].
func (r *rule) Destroy(ctx context.Context, dry bool) (setup.Change, error) {
	have, err := r.c.rules.Get(ctx, r.b.Group, r.want.Name, nil)
	if missing(err) {
		return gone(r), nil
	}
	if err != nil {
		return setup.Change{}, explain(err)
	}
	if why := r.b.foreign(have.Tags); why != "" {
		return leave(r, why), nil
	}
	c := setup.Change{Resource: r.String(), Action: setup.Delete}
	if dry {
		return c, nil
	}
	_, err = r.c.rules.Delete(ctx, r.b.Group, r.want.Name, nil)
	return c, explain(err)
}

// shape is what matters of a rule, without the order and the names that Azure
// or a person may have chosen otherwise. Keys name what values say.
type shape map[string]string

func (r *rule) shape(of *armmonitor.DataCollectionRuleResource) shape {
	s, p := shape{}, of.Properties
	if p == nil {
		return s
	}
	if id := value(p.DataCollectionEndpointID); id != "" {
		s["endpoint"] = id
	}
	workspaces := map[string]string{} // by name
	if p.Destinations != nil {
		for _, d := range p.Destinations.LogAnalytics {
			workspaces[value(d.Name)] = value(d.WorkspaceResourceID)
		}
	}
	for stream, declaration := range p.StreamDeclarations {
		s["stream "+stream] = fmt.Sprintf("%d columns", len(declaration.Columns))
		for _, c := range declaration.Columns {
			s[fmt.Sprintf("column %s of %s", value(c.Name), stream)] = string(value(c.Type))
		}
	}
	for _, flow := range p.DataFlows {
		for _, stream := range flow.Streams {
			does := cmp.Or(value(flow.TransformKql), "source") // which is the same
			for _, d := range flow.Destinations {
				if at := workspaces[value(d)]; !strings.EqualFold(at, r.b.Workspace.String()) {
					does += ", in " + cmp.Or(at, value(d))
				}
			}
			s[fmt.Sprintf("flow of %s to %s", value(stream), value(flow.OutputStream))] = does
		}
	}
	return s
}

// diff returns the lines of a change from one shape to another. Of a stream
// that comes or goes as a whole, columns are not listed.
func diff(from, to shape) []string {
	var lines []string
	keys := slices.Collect(maps.Keys(from))
	keys = slices.Compact(slices.Sorted(slices.Values(append(keys, slices.Collect(maps.Keys(to))...))))
	for _, key := range keys {
		was, had := from[key]
		is, has := to[key]
		_, stream, ofStream := strings.Cut(key, " of ")
		_, before := from["stream "+stream]
		_, after := to["stream "+stream]
		switch column := strings.HasPrefix(key, "column ") && ofStream; {
		case column && before != after, strings.EqualFold(was, is) && had == has:
		case !had:
			lines = append(lines, fmt.Sprintf("+ %s: %s", key, is))
		case !has:
			lines = append(lines, fmt.Sprintf("- %s: %s", key, was))
		case strings.HasPrefix(key, "stream "): // its columns are listed
		default:
			lines = append(lines, fmt.Sprintf("~ %s: %s → %s", key, was, is))
		}
	}
	return lines
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
