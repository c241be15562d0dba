package onazure

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// RefusedError is a call that Azure refused, in its words and with what to do.
type RefusedError struct {
	// Code is Azure's code of the error.
	Code string
	// Text is what Azure said.
	Text string
	// Fix is what to do; empty when it is not known.
	Fix string
	Err error
}

func (e *RefusedError) Error() string {
	text := e.Code + ": " + e.Text
	if e.Fix != "" {
		text += "\nwhat to do: " + e.Fix
	}
	return text
}

func (e *RefusedError) Unwrap() error { return e.Err }

// missing reports whether the error says that something is not there.
func missing(err error) bool {
	refused, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && refused.StatusCode == http.StatusNotFound && refused.ErrorCode != "SubscriptionNotFound"
}

// forbidden reports whether the error says that the caller may not.
func forbidden(err error) bool {
	refused, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && refused.StatusCode == http.StatusForbidden
}

// coded reports whether Azure gave the error one of these codes, or a detail of
// it.
func coded(err error, codes ...string) bool {
	refused, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && slices.ContainsFunc(answerOf(refused).codes(), func(c string) bool { return slices.Contains(codes, c) })
}

// explain makes of an error of the SDK, which quotes the whole exchange, what
// went wrong and what to do.
func explain(err error) error {
	if refused, ok := errors.AsType[*azcore.ResponseError](err); ok {
		a := answerOf(refused)
		return &RefusedError{Code: refused.ErrorCode, Text: a.text(), Fix: fix(a), Err: err}
	}
	if failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		return &RefusedError{Code: "no token", Text: failed.Error(), Fix: noToken, Err: err}
	}
	return err
}

// noToken is what to do without a token.
const noToken = "sign in (az login --tenant TENANT), or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; " +
	"--tenant names the tenant when it is not that of the credentials; and see that this machine reaches the login host"

// answer is the error that Azure sends.
type answer struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Details []answer `json:"details"`
}

func answerOf(refused *azcore.ResponseError) answer {
	var body struct {
		Error *answer `json:"error"`
		answer
	}
	if refused.RawResponse != nil {
		if text, err := runtime.Payload(refused.RawResponse); err == nil {
			_ = json.Unmarshal(text, &body) // what is no JSON tells nothing more than its status
		}
	}
	a := body.answer
	if body.Error != nil {
		a = *body.Error
	}
	if a.Code == "" {
		a.Code = refused.ErrorCode
	}
	if a.Message == "" {
		a.Message = fmt.Sprintf("status %d", refused.StatusCode)
	}
	return a
}

func (a answer) codes() []string {
	codes := []string{a.Code}
	for _, d := range a.Details {
		codes = append(codes, d.codes()...)
	}
	return codes
}

func (a answer) text() string {
	texts := []string{a.Message}
	for _, d := range a.Details {
		texts = append(texts, d.Code+": "+d.text())
	}
	return strings.Join(texts, "; ")
}

// What Azure says of an action that the caller may not do, at the place of the
// call or at one that it refers to.
var (
	deniedPattern = regexp.MustCompile(`authorization to perform action '([^']+)' over scope '([^']+)'`)
	linkedPattern = regexp.MustCompile(`not have permission to perform action(?:\(s\))? '([^']+)' on the linked scope\(s\) '([^']+)'`)
)

// fixes say what to do about an error of that code.
var fixes = map[string]string{
	"MissingSubscriptionRegistration":  "register the resource provider, once for the subscription: az provider register --namespace Microsoft.Insights",
	"SubscriptionNotFound":             "look at the subscription's id, and at the tenant of the credentials: az account show; --tenant names another",
	"InvalidSubscriptionId":            "write the subscription's id, a GUID: az account list",
	"InvalidAuthenticationTokenTenant": "the subscription is of another tenant than the credentials: name it with --tenant",
	"ResourceGroupNotFound":            "make the resource group: az group create --name GROUP --location REGION",
	"InvalidOutputTable":               "Microsoft Sentinel is not enabled on the workspace, or the table is not there yet: enable it and apply again",
	"InvalidResourceLocation":          "it exists in another region: choose another --name, or remove it",
	"PrincipalNotFound":                "give the object id of the service principal (az ad sp show --id APPLICATION-ID --query id), not the application's id; a new identity is known after some minutes",
	"RequestDisallowedByPolicy":        "an Azure Policy of the subscription forbids it: what it wants is in the message; tags are given with --tag",
	"ScopeLocked":                      "a lock forbids it: az lock list shows which",
}

// fix says what to do about an answer; empty when that is not known.
func fix(a answer) string {
	for _, p := range []*regexp.Regexp{deniedPattern, linkedPattern} {
		if m := p.FindStringSubmatch(a.text()); m != nil {
			return fmt.Sprintf("ask for the role %s on %s, which allows %s; a new role works after some minutes", roleFor(m[1]), m[2], m[1])
		}
	}
	for _, code := range a.codes() {
		if text, ok := fixes[code]; ok {
			return text
		}
	}
	return ""
}

// roleFor names the built-in role to ask for, which allows the action.
// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
func roleFor(action string) string {
	action = strings.ToLower(action)
	switch {
	case strings.HasPrefix(action, "microsoft.authorization/"):
		return "Role Based Access Control Administrator"
	case strings.HasPrefix(action, "microsoft.securityinsights/"):
		return "Microsoft Sentinel Reader"
	case strings.HasPrefix(action, "microsoft.operationalinsights/") && strings.HasSuffix(action, "/read"):
		return "Log Analytics Reader"
	case strings.HasPrefix(action, "microsoft.operationalinsights/"):
		return "Log Analytics Contributor"
	case strings.HasPrefix(action, "microsoft.insights/"):
		return "Monitoring Contributor"
	}
	return "Contributor"
}
