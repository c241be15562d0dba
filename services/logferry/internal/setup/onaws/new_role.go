package onaws

import (
	"strings"

	"github.com/logferry/logferry/services/logferry/internal/setup/policy"
)

// Microsoft's own constants, which let Sentinel's built-in connector assume the
// role: its issuer and audience, in Azure and in Azure Government, what the
// role's name has to begin with and what the connector calls its session.
// Source: https://learn.microsoft.com/azure/sentinel/connect-aws-configure-environment
const (
	sentinelIssuer     = "https://sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/"
	sentinelAudience   = "api://1462b192-27f7-4cb9-8523-0f4ecb54b47e"
	sentinelIssuerGov  = "https://sts.windows.net/cab8a31a-1906-4287-a0d8-4eef66b95f6e/"
	sentinelClientGov  = "api://d4230588-5f84-4281-a9c7-2c15194b28f7"
	sentinelRolePrefix = "OIDC_"
	sentinelSession    = "MicrosoftSentinel_"
)

// provider returns the provider of an issuer, whose URL ends in a slash as the
// tokens' iss does.
func (d draft) provider(issuer, audience string) Provider {
	return Provider{
		URL: issuer, Audience: audience,
		ARN: d.arnIn("iam", "", "oidc-provider/"+strings.TrimPrefix(issuer, "https://")),
	}
}

// tenant is the provider of the operator's own Entra tenant. Tokens for an
// application's ID URI are of version 1 and name this issuer.
func (d draft) tenant() Provider {
	return d.provider("https://sts.windows.net/"+d.Tenant+"/", d.Audience)
}

func (d draft) sentinel() Provider {
	if d.SentinelGovernment {
		return d.provider(sentinelIssuerGov, sentinelClientGov)
	}
	return d.provider(sentinelIssuer, sentinelAudience)
}

func (d draft) providers() []Provider {
	var providers []Provider
	if d.Tenant != "" {
		providers = append(providers, d.tenant())
	}
	if d.SentinelWorkspace != "" {
		providers = append(providers, d.sentinel())
	}
	return providers
}

// trust is who may assume the role: the operator's principal with the external
// ID or tokens of the operator's tenant, and Sentinel's connector if it is to
// read beside Logferry.
func (d draft) trust() policy.Document {
	var statements []policy.Statement
	if d.Tenant == "" {
		statements = append(statements, policy.Statement{
			Sid: "Logferry", Effect: "Allow", Principal: policy.Principal{"AWS": {d.Principal}},
			Action:    policy.Values{"sts:AssumeRole"},
			Condition: policy.Conditions{"StringEquals": {"sts:ExternalId": {d.ExternalID}}},
		})
	} else {
		claims := map[string]policy.Values{"aud": {d.Audience}}
		if d.Subject != "" {
			claims["sub"] = policy.Values{d.Subject}
		}
		statements = append(statements, federated("Logferry", d.tenant(), claims, ""))
	}
	if d.SentinelWorkspace != "" {
		claims := map[string]policy.Values{"aud": {d.sentinel().Audience}}
		statements = append(statements, federated("MicrosoftSentinel", d.sentinel(), claims, sentinelSession+d.SentinelWorkspace))
	}
	return policy.New(statements...)
}

// federated lets tokens of the provider with these claims assume the role,
// under the name of the session unless it is empty.
func federated(sid string, p Provider, claims map[string]policy.Values, session string) policy.Statement {
	conditions := map[string]policy.Values{}
	for claim, values := range claims {
		conditions[strings.TrimPrefix(p.URL, "https://")+":"+claim] = values
	}
	if session != "" {
		conditions["sts:RoleSessionName"] = policy.Values{session}
	}
	return policy.Statement{
		Sid: sid, Effect: "Allow", Principal: policy.Principal{"Federated": {p.ARN}},
		Action:    policy.Values{"sts:AssumeRoleWithWebIdentity"},
		Condition: policy.Conditions{"StringEquals": conditions},
	}
}

// rolePolicy is what the running services call, and nothing else. It stands by
// itself, so the role works for buckets and queues of other accounts too, once
// their policies allow it. Without s3:ListBucket a missing object would be
// refused like a forbidden one; what else reads of the bucket and of the
// dead-letter queue is for doctor.
func (d draft) rolePolicy() policy.Document {
	statements := []policy.Statement{{
		Sid: "ReadQueue", Effect: "Allow", Action: queueActions(), Resource: policy.Values{d.queueARN()},
	}}
	if !d.ExistingQueue {
		statements = append(statements, policy.Statement{
			Sid: "SeeDeadQueue", Effect: "Allow", Action: policy.Values{"sqs:GetQueueAttributes", "sqs:GetQueueUrl"},
			Resource: policy.Values{d.deadQueueARN()},
		})
	}
	var objects policy.Values
	for _, prefix := range d.readPrefixes() {
		objects = append(objects, d.bucketARN()+"/"+prefix+"*")
	}
	statements = append(statements,
		policy.Statement{
			Sid: "ReadObjects", Effect: "Allow",
			Action: policy.Values{"s3:GetObject", "s3:GetObjectVersion"}, Resource: objects,
		},
		policy.Statement{
			Sid: "SeeBucket", Effect: "Allow",
			Action:   policy.Values{"s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketNotification"},
			Resource: policy.Values{d.bucketARN()},
		})
	if d.Key != "" {
		statements = append(statements, d.decrypt())
	}
	return policy.New(statements...)
}

// decrypt allows decryption with the key, through S3. A key that is made by
// the set-up is known by its alias only.
// Source: https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
func (d draft) decrypt() policy.Statement {
	s := policy.Statement{
		Sid: "Decrypt", Effect: "Allow", Action: policy.Values{"kms:Decrypt"},
		Resource: policy.Values{d.Key}, Condition: d.throughS3(),
	}
	if !strings.HasPrefix(d.Key, "arn:") {
		s.Resource = policy.Values{d.arn("kms", "key/*")}
		s.Condition["ForAnyValue:StringEquals"] = map[string]policy.Values{"kms:ResourceAliases": {d.Key}}
	}
	return s
}
