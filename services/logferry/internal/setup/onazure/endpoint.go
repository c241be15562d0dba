package onazure

import (
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"

	"github.com/logferry/logferry/services/logferry/internal/setup"
)

// endpoint is the data collection endpoint for private link.
type endpoint struct {
	b Blueprint
	c *Clients
}

// String implements [setup.Resource].
func (r *endpoint) String() string { return "data collection endpoint " + r.b.Endpoint.Name }

// toLink says what a set-up leaves to people.
const toLink = "add it to the Azure Monitor Private Link Scope of the network, which the set-up does not touch"

// Plan implements [setup.Resource].
func (r *endpoint) Plan(ctx context.Context) (setup.Change, error) {
	c, _, err := r.compare(ctx)
	return c, err
}

// compare returns what is to do, and what is there.
func (r *endpoint) compare(ctx context.Context) (setup.Change, *armmonitor.DataCollectionEndpointResource, error) {
	e := r.b.Endpoint
	have, err := r.c.endpoints.Get(ctx, e.Group, e.Name, nil)
	switch {
	case missing(err) && e.Existing:
		return refuse(r, "there is none of the id %s; look at the id, or write new", e), nil, nil
	case missing(err):
		return setup.Change{Resource: r.String(), Action: setup.Create, Why: toLink,
			Lines: []string{"+ public network access: " + e.Access}}, nil, nil
	case err != nil:
		return setup.Change{}, nil, explain(err)
	}
	if is := region(value(have.Location)); is != r.b.Location {
		return refuse(r, "it is in %s, and must be in the workspace's region, %s", is, r.b.Location), nil, nil
	}
	if e.Existing {
		return keep(r), nil, nil
	}
	if why := r.b.foreign(have.Tags); why != "" {
		return refuse(r, "%s", why), nil, nil
	}
	lines := r.b.tagLines(have.Tags)
	if is := accessOf(have.DataCollectionEndpointResource); is != e.Access {
		lines = append(lines, fmt.Sprintf("~ public network access: %s → %s", is, e.Access))
	}
	return change(r, lines), &have.DataCollectionEndpointResource, nil
}

func accessOf(e armmonitor.DataCollectionEndpointResource) string {
	if e.Properties == nil || e.Properties.NetworkACLs == nil {
		return ""
	}
	return string(value(e.Properties.NetworkACLs.PublicNetworkAccess))
}

// Apply implements [setup.Resource].
func (r *endpoint) Apply(ctx context.Context) (setup.Change, error) {
	c, have, err := r.compare(ctx)
	if err != nil || c.Action != setup.Create && c.Action != setup.Update {
		return c, err
	}
	body := r.b.endpointBody()
	if have != nil { // what others gave it stays
		body.Tags, body.Identity, body.Kind = r.b.tags(have.Tags), have.Identity, have.Kind
	}
	_, err = r.c.endpoints.Create(ctx, r.b.Endpoint.Group, r.b.Endpoint.Name, body, nil)
	return c, explain(err)
}

// Destroy implements [setup.Resource].
func (r *endpoint) Destroy(ctx context.Context, dry bool) (setup.Change, error) {
	e := r.b.Endpoint
	if e.Existing {
		return leave(r, "no set-up made it"), nil
	}
	have, err := r.c.endpoints.Get(ctx, e.Group, e.Name, nil)
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
	_, err = r.c.endpoints.Delete(ctx, e.Group, e.Name, nil)
	return c, explain(err)
}
