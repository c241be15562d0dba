package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithy "github.com/aws/smithy-go/endpoints"

	"github.com/logferry/logferry/pkg/awscred"
	"github.com/logferry/logferry/pkg/connection"
	"github.com/logferry/logferry/services/logferry/internal/check"
)

const (
	// reachTime bounds a call that only wants an answer.
	reachTime = 10 * time.Second
	// wrongClock is how far a clock may be off before AWS and Entra refuse what
	// it dates. Source:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
	wrongClock = 5 * time.Minute
	// badClock is how far one may be off that is kept at all.
	badClock = time.Minute
)

const endpointSubject = "endpoints"

// endpoint is where something that is looked at is called.
type endpoint struct {
	// service says what answers there, address is its URL.
	service, address string
	// users are the subjects that call it.
	users []string
	// call makes a call without credentials, and returns the time that the
	// answer tells.
	call func(ctx context.Context, address string) (time.Time, error)
}

// endpoints looks whether everything that is to be called can be, and what time
// it is there. Who cannot call is broken.
func (e *examination) endpoints(ctx context.Context) {
	var all []endpoint
	add := func(add endpoint, user string) {
		i := slices.IndexFunc(all, func(known endpoint) bool { return known.service == add.service && known.address == add.address })
		if i < 0 {
			all, i = append(all, add), len(all)
		}
		all[i].users = append(all[i].users, user)
	}
	for _, c := range e.connections {
		for _, one := range e.endpointsOf(ctx, c) {
			add(one, "connection "+c.Name)
		}
	}
	for _, d := range e.destinations {
		trial, ends := e.azureEndpoints(d)
		if trial != nil {
			defer trial.Close()
		}
		for _, one := range ends {
			add(one, "destination "+d.Name)
		}
	}
	var worst skew
	for _, one := range all {
		var at skew
		if e.report.Look("endpoint.reach", endpointSubject, one.service, func() (o check.Outcome) { at, o = one.reach(ctx); return o }) == check.Failed {
			e.breaks(one.users, "see endpoint "+one.address)
		}
		if at.off.Abs() > worst.off.Abs() || worst.by == "" {
			worst = at
		}
	}
	e.report.Look("clock", endpointSubject, "clock", func() check.Outcome { return worst.judge() })
	if worst.off.Abs() >= wrongClock {
		for _, one := range all {
			e.breaks(one.users, "see clock")
		}
	}
}

// breaks says why subjects cannot be called.
func (e *examination) breaks(subjects []string, why string) {
	for _, s := range subjects {
		e.broken[s] = cmp.Or(e.broken[s], why)
	}
}

// endpointsOf returns where a connection calls AWS, as the SDK has it.
func (e *examination) endpointsOf(ctx context.Context, c connection.Connection) []endpoint {
	var all []endpoint
	queues := c.Queues()
	if len(queues) == 0 { // of the event history, the role alone is looked at
		queues = []string{""}
	}
	for _, queue := range queues {
		region := ""
		if queue != "" {
			region = connection.QueueRegion(queue)
		}
		cfg, err := e.aws.Config(ctx, connection.Connection{Name: c.Name, Region: c.Region}, region)
		if err != nil { // package probe says so
			continue
		}
		call := func(ctx context.Context, address string) (time.Time, error) { return get(ctx, cfg.HTTPClient, address) }
		for _, one := range []struct{ service, address string }{
			{"STS", stsAddress(ctx, cfg)}, {"SQS", sqsAddress(ctx, cfg, queue)}, {"S3", s3Address(ctx, cfg)},
		} {
			if one.address != "" && (queue != "" || one.service == "STS") {
				all = append(all, endpoint{service: one.service, address: one.address, call: call})
			}
		}
	}
	return all
}

func stsAddress(ctx context.Context, cfg aws.Config) string {
	o := sts.NewFromConfig(cfg).Options()
	return address(o.EndpointResolverV2.ResolveEndpoint(ctx, sts.EndpointParameters{
		Region: &o.Region, Endpoint: o.BaseEndpoint, UseFIPS: fips(o.EndpointOptions.UseFIPSEndpoint), UseDualStack: dual(o.EndpointOptions.UseDualStackEndpoint),
	}.WithDefaults()))
}

func sqsAddress(ctx context.Context, cfg aws.Config, queue string) string {
	o := awscred.Queue(cfg, queue).Options()
	return address(o.EndpointResolverV2.ResolveEndpoint(ctx, sqs.EndpointParameters{
		Region: &o.Region, Endpoint: o.BaseEndpoint, UseFIPS: fips(o.EndpointOptions.UseFIPSEndpoint), UseDualStack: dual(o.EndpointOptions.UseDualStackEndpoint),
	}.WithDefaults()))
}

func s3Address(ctx context.Context, cfg aws.Config) string {
	o := awscred.S3(cfg).Options()
	return address(o.EndpointResolverV2.ResolveEndpoint(ctx, s3.EndpointParameters{
		Region: &o.Region, Endpoint: o.BaseEndpoint, UseFIPS: fips(o.EndpointOptions.UseFIPSEndpoint), UseDualStack: dual(o.EndpointOptions.UseDualStackEndpoint),
	}.WithDefaults()))
}

func address(found smithy.Endpoint, err error) string {
	if err != nil { // the calls themselves say so
		return ""
	}
	return found.URI.String()
}

func fips(state aws.FIPSEndpointState) *bool { return aws.Bool(state == aws.FIPSEndpointStateEnabled) }

func dual(state aws.DualStackEndpointState) *bool {
	return aws.Bool(state == aws.DualStackEndpointStateEnabled)
}

// azureTrial is what of a trial is needed to the end of the calls.
type azureTrial interface{ Close() }

// azureEndpoints returns where a destination is called.
func (e *examination) azureEndpoints(d connection.Destination) (azureTrial, []endpoint) {
	if d.IsFile() {
		return nil, nil
	}
	trial, err := e.probe.Trial(d)
	if err != nil { // package probe says so
		return nil, nil
	}
	all := []endpoint{{service: "ingestion", address: d.Endpoint, call: trial.Reach}}
	if login := cmp.Or(d.Credential.AuthorityHost, trial.Login()); login != "" && d.Credential.Kind != connection.CredentialNone {
		all = append([]endpoint{{service: "login", address: login, call: trial.Reach}}, all...)
	}
	return trial, all
}

// get asks for an address as anybody may, and returns the time that the answer
// tells.
func get(ctx context.Context, client aws.HTTPClient, address string) (time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("call %s: %w", address, err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16)) // so that the connection is used again
	answer.Body.Close()
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil
	}
	return at, nil
}

// reach calls the endpoint. Any answer will do.
func (p endpoint) reach(ctx context.Context) (skew, check.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	start := time.Now()
	at, err := p.call(ctx, p.address)
	if err != nil {
		return skew{}, unreached(p.address, err)
	}
	took := time.Since(start)
	o := check.Pass("%s answers in %s", p.address, max(took.Round(time.Millisecond), time.Millisecond))
	if at.IsZero() {
		return skew{}, o
	}
	// The answer's date has no fractions of a second: it lies half of one back.
	middle := start.Add(took / 2)
	return skew{by: p.address, off: middle.Sub(at.Add(time.Second / 2))}, o
}

// unreached tells apart what keeps a call from an answer.
func unreached(address string, err error) check.Outcome {
	host := address
	if u, parsed := url.Parse(address); parsed == nil {
		host = u.Host
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err // without the method and the address
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return check.Fail("see that this machine's DNS resolves "+dns.Name+": its resolver, and the private zone of a VPC endpoint or private link", "%s: DNS: %v", address, err)
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "proxyconnect" {
		return check.Fail("see HTTPS_PROXY, and what the proxy says", "%s: proxy: %v", address, err)
	}
	if isTLS(err) {
		return check.Fail("trust who signs for "+host+" here: a proxy that opens TLS needs its CA in AWS_CA_BUNDLE, or in the destination's ca_file", "%s: TLS: %v", address, err)
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return check.Fail("let this machine connect to "+host+": routes, firewall, security groups, HTTPS_PROXY, VPC endpoint", "%s: TCP: %v", address, err)
	}
	return check.Fail("let this machine call "+host+": firewall, proxy", "%s: no answer: %v", address, err)
}

// isTLS reports whether the connection was made and its encryption was not.
func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.AlertError](err)
	return ok
}

// skew is how far this machine's clock is ahead of another's.
type skew struct {
	by  string
	off time.Duration
}

func (s skew) judge() check.Outcome {
	if s.by == "" {
		return check.Skip("no answer told its time")
	}
	off := s.off.Round(time.Second)
	seen := fmt.Sprintf("%s of the answer of %s", off.Abs(), s.by)
	if off.Abs() < badClock {
		return check.Pass("within %s", seen)
	}
	way := "ahead"
	if off < 0 {
		way = "behind"
	}
	seen = fmt.Sprintf("%s %s, by the answer of %s", off.Abs(), way, s.by)
	if off.Abs() >= wrongClock {
		return check.Fail("set this machine's clock: run NTP", "%s; AWS and Entra refuse what it dates", seen)
	}
	return check.Doubt("set this machine's clock: run NTP", "%s; from 5m on AWS refuses what it dates", seen)
}
