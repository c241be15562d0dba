// Package azuretest is a subscription of Azure for tests: a workspace with
// Microsoft Sentinel, and what a set-up makes beside it. It is put together from
// the fake servers that the SDK's modules bring, so that requests and answers
// are those of the real interfaces.
package azuretest

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/operationalinsights/armoperationalinsights/v2"

	"github.com/logferry/logferry/pkg/table"
)

// What is there from the beginning.
const (
	Subscription = "11111111-1111-1111-1111-111111111111"
	Group        = "rg-logs"
	Workspace    = "la-sentinel"
	WorkspaceID  = "/subscriptions/" + Subscription + "/resourceGroups/" + Group + "/providers/Microsoft.OperationalInsights/workspaces/" + Workspace
	Principal    = "22222222-2222-2222-2222-222222222222"
	Region       = "westeurope"
)

// Call is a request that was made.
type Call struct {
	Method, Path string
	// Action is the permission that it needs.
	Action string
	Body   []byte
}

// Refusal is an answer in place of what would be done.
type Refusal struct {
	Status        int
	Code, Message string
	// Details is a code below the first one.
	Details string
	// Times is how often; 0: always.
	Times int
}

// Cloud is the subscription. Its fields may be changed between calls.
type Cloud struct {
	Sentinel  bool
	Location  string
	Tables    map[string]*armoperationalinsights.Table
	Rules     map[string]*armmonitor.DataCollectionRuleResource
	Endpoints map[string]*armmonitor.DataCollectionEndpointResource
	// Grants are role assignments by scope and name.
	Grants map[string]*armauthorization.RoleAssignment
	// Refusals are by action.
	Refusals map[string]*Refusal

	mu      sync.Mutex
	calls   []Call
	servers servers
}

// New returns a subscription with an empty workspace that has Sentinel.
func New() *Cloud {
	c := &Cloud{
		Sentinel: true, Location: "West Europe", // as workspaces often have it
		Tables:    map[string]*armoperationalinsights.Table{},
		Rules:     map[string]*armmonitor.DataCollectionRuleResource{},
		Endpoints: map[string]*armmonitor.DataCollectionEndpointResource{},
		Grants:    map[string]*armauthorization.RoleAssignment{},
		Refusals:  map[string]*Refusal{},
	}
	for _, t := range table.All() {
		c.Tables[t.Name] = standard(t)
	}
	c.servers = c.serve()
	return c
}

// standard is a table of the service's own.
func standard(t *table.Table) *armoperationalinsights.Table {
	types := map[table.Type]string{table.Bool: "boolean", table.DateTime: "dateTime"}
	schema := &armoperationalinsights.Schema{Name: to.Ptr(t.Name)}
	for _, c := range t.Columns {
		kind, ok := types[c.Type]
		if !ok {
			kind = string(c.Type)
		}
		schema.StandardColumns = append(schema.StandardColumns,
			&armoperationalinsights.Column{Name: to.Ptr(c.Name), Type: to.Ptr(armoperationalinsights.ColumnTypeEnum(kind))})
	}
	return &armoperationalinsights.Table{Name: to.Ptr(t.Name), Properties: &armoperationalinsights.TableProperties{
		Plan: to.Ptr(armoperationalinsights.TablePlanEnumBasic), Schema: schema}}
}

// Credential is one whose tokens are worth nothing.
func (c *Cloud) Credential() azcore.TokenCredential { return &azfake.TokenCredential{} }

// Options have calls made here.
func (c *Cloud) Options() arm.ClientOptions {
	return arm.ClientOptions{ClientOptions: policy.ClientOptions{Transport: c, Retry: policy.RetryOptions{MaxRetries: -1}}}
}

// Calls returns the requests since the last call of it.
func (c *Cloud) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

// Do implements policy.Transporter.
func (c *Cloud) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	call := Call{r.Method, r.URL.Path, Action(r.Method, r.URL.Path), body}
	c.mu.Lock()
	c.calls = append(c.calls, call)
	refusal := c.refusal(call.Action)
	c.mu.Unlock()
	if refusal != nil {
		return refusal.response(r), nil
	}
	return c.servers.do(r)
}

func (c *Cloud) refusal(action string) *Refusal {
	r := c.Refusals[action]
	if r != nil && r.Times > 0 {
		if r.Times--; r.Times == 0 {
			delete(c.Refusals, action)
		}
	}
	return r
}

// Action is the permission that a request needs: the types of the resource, and
// what is done to it.
func Action(method, path string) string {
	_, rest, _ := cutLast(path, "/providers/")
	parts := strings.Split(rest, "/")
	words := parts[:1]
	for i := 1; i < len(parts); i += 2 {
		words = append(words, parts[i])
	}
	does := map[string]string{http.MethodGet: "read", http.MethodPut: "write", http.MethodPatch: "write", http.MethodDelete: "delete"}
	return strings.Join(append(words, does[method]), "/")
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// response is the refusal as Azure Resource Manager sends it.
func (f *Refusal) response(r *http.Request) *http.Response {
	e := map[string]any{"code": f.Code, "message": f.Message}
	if f.Details != "" {
		e["details"] = []any{map[string]string{"code": f.Details, "message": "Table for output stream is not available for destination."}}
	}
	body, err := json.Marshal(map[string]any{"error": e})
	if err != nil {
		panic(err) // two texts and a list of texts
	}
	return &http.Response{
		StatusCode: f.Status, Status: http.StatusText(f.Status), Request: r, Body: io.NopCloser(bytes.NewReader(body)),
		Header: http.Header{"Content-Type": {"application/json"}},
	}
}

// ImmutableID is the id that a rule of this name gets.
func ImmutableID(rule string) string { return fmt.Sprintf("dcr-%x", md5.Sum([]byte(rule))) }

// IngestionURL is the endpoint that a rule or data collection endpoint of this
// name gets.
func IngestionURL(name string) string {
	return "https://" + strings.ToLower(name) + "-a1b2.westeurope-1.ingest.monitor.azure.com"
}
