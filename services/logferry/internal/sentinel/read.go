package sentinel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Read reads data connectors in the shapes that Azure Resource Manager gives
// and takes them: a list with its value, an array, a single one, or the
// resources of a template.
func Read(text []byte) (Found, error) {
	var f Found
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as PowerShell begins a file
	if err := f.walk(text, scope{}, 0); err != nil {
		return Found{}, err
	}
	if len(f.Connectors)+f.Others == 0 {
		return Found{}, errors.New("it holds no data connectors: save what az rest prints for the workspace's .../providers/Microsoft.SecurityInsights/dataConnectors, or a template of them")
	}
	return f, nil
}

// maxDepth bounds templates in templates.
const maxDepth = 16

// node is any of the shapes.
type node struct {
	// of a list
	Value    *json.RawMessage `json:"value"`
	NextLink string           `json:"nextLink"`
	// of a resource
	Name       json.RawMessage `json:"name"`
	Type       string          `json:"type"`
	Kind       string          `json:"kind"`
	Properties json.RawMessage `json:"properties"`
	// of a template, and of a resource that holds others
	Resources  json.RawMessage                                   `json:"resources"`
	Parameters map[string]struct{ DefaultValue json.RawMessage } `json:"parameters"`
	Variables  map[string]json.RawMessage                        `json:"variables"`
}

// walk finds the connectors in a value and those below it.
func (f *Found) walk(text json.RawMessage, s scope, depth int) error {
	if depth > maxDepth {
		return errors.New("its templates are nested too deep")
	}
	text = bytes.TrimSpace(text)
	if len(text) > 0 && text[0] == '[' {
		return f.each(text, s, depth)
	}
	var n node
	if err := decode(text, &n); err != nil {
		return err
	}
	switch {
	case n.NextLink != "":
		return errors.New("it is one page of several (it has a nextLink): save all pages as one array, or read the connectors by --subscription, --resource-group and --workspace")
	case n.Value != nil:
		return f.each(*n.Value, s, depth)
	case n.Type == "" && n.Kind == "" && n.Resources != nil:
		return f.each(n.Resources, n.scope(), depth)
	case strings.EqualFold(n.Type, "Microsoft.Resources/deployments"):
		return f.deployment(n.Properties, depth)
	case isConnector(n):
		return f.add(n, s)
	case n.Resources != nil: // a workspace with its own
		return f.each(n.Resources, s, depth)
	}
	return nil
}

func decode(text json.RawMessage, n *node) error {
	if err := json.Unmarshal(text, n); err != nil {
		return fmt.Errorf("it is not the JSON of data connectors or of a template: %w", err)
	}
	return nil
}

// isConnector reports whether the resource is a data connector. One that was
// cut out of a list may have lost its type.
func isConnector(n node) bool {
	kind := strings.ToLower(n.Type[strings.LastIndexByte(n.Type, '/')+1:])
	return kind == "dataconnectors" || n.Type == "" && n.Kind != "" && n.Properties != nil
}

// each walks the elements of an array, or the values of an object: resources
// of a template may have symbolic names.
func (f *Found) each(text json.RawMessage, s scope, depth int) error {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		var named map[string]json.RawMessage
		if json.Unmarshal(text, &named) != nil {
			return fmt.Errorf("it is not the JSON of data connectors or of a template: %w", err)
		}
		for _, name := range slices.Sorted(maps.Keys(named)) {
			list = append(list, named[name])
		}
	}
	for _, one := range list {
		if err := f.walk(one, s, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// deployment walks the template of a nested deployment.
func (f *Found) deployment(properties json.RawMessage, depth int) error {
	var p struct {
		Template json.RawMessage `json:"template"`
	}
	if len(properties) == 0 || json.Unmarshal(properties, &p) != nil || p.Template == nil {
		return nil // a linked template, which is elsewhere
	}
	return f.walk(p.Template, scope{}, depth+1)
}

// properties are those of both kinds of connectors. Newer ones have a stream of
// a data collection rule too.
type properties struct {
	RoleARN    json.RawMessage `json:"roleArn"`
	AWSRoleARN json.RawMessage `json:"awsRoleArn"`
	SQSURLs    json.RawMessage `json:"sqsUrls"`
	Table      json.RawMessage `json:"destinationTable"`
	Rule       struct {
		Stream json.RawMessage `json:"streamName"`
	} `json:"dcrConfig"`
}

// add adds the connector that the resource is.
func (f *Found) add(n node, s scope) error {
	c := Connector{Kind: kindS3}
	switch {
	case strings.EqualFold(n.Kind, kindS3):
	case strings.EqualFold(n.Kind, kindCloudTrail):
		c.Kind, c.Table = kindCloudTrail, "AWSCloudTrail"
	default:
		f.Others++
		return nil
	}
	if name, err := s.text("name", n.Name); err == nil {
		c.Name = name[strings.LastIndexByte(name, '/')+1:] // <workspace>/Microsoft.SecurityInsights/<name> in a template
	}
	var p properties
	if len(n.Properties) > 0 {
		if err := json.Unmarshal(n.Properties, &p); err != nil {
			return fmt.Errorf("read the properties of %s: %w", c, err)
		}
	}
	c.Problem = c.fill(p, s)
	f.Connectors = append(f.Connectors, c)
	return nil
}

// fill reads the properties, and says what is wrong with them.
func (c *Connector) fill(p properties, s scope) (problem string) {
	note := func(err error) {
		if err != nil && problem == "" {
			problem = err.Error()
		}
	}
	var err error
	if c.Kind == kindCloudTrail {
		c.RoleARN, err = s.text("awsRoleArn", p.AWSRoleARN)
		note(err)
		return problem
	}
	c.RoleARN, err = s.text("roleArn", p.RoleARN)
	note(err)
	c.Queues, err = s.texts("sqsUrls", p.SQSURLs)
	note(err)
	if c.Table, err = s.text("destinationTable", p.Table); err != nil || c.Table == "" {
		stream, serr := s.text("dcrConfig.streamName", p.Rule.Stream)
		if c.Table = tableOf(stream); c.Table == "" {
			note(errors.Join(err, serr))
		}
	}
	return problem
}

// tableOf is the table that a stream is named for: Microsoft-AWSVPCFlow.
func tableOf(stream string) string {
	for _, origin := range []string{"Microsoft-", "Custom-"} {
		if name, ok := strings.CutPrefix(stream, origin); ok {
			return name
		}
	}
	return stream
}
