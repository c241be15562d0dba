// Package awsidentity lets a process that runs on AWS show Entra who it is,
// without a secret: STS signs a token for its role, and Entra trusts STS by a
// federated credential. It is what the credential kind aws_web_identity of
// package azure needs, kept apart so that only a program that imports it
// carries the AWS SDK.
package awsidentity

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// audience is the one that Entra wants in the token of a federated credential.
const audience = "api://AzureADTokenExchange"

// Token returns a token of five minutes, signed by STS in that region, for the
// process's own AWS credentials. An empty region means that of the environment;
// the global endpoint does not give such tokens. It is an azure.Assertion.
func Token(ctx context.Context, region string) (string, error) {
	var options []func(*config.LoadOptions) error
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return "", fmt.Errorf("load the AWS credentials: %w", err)
	}
	out, err := sts.NewFromConfig(cfg).GetWebIdentityToken(ctx, &sts.GetWebIdentityTokenInput{
		Audience:         []string{audience},
		SigningAlgorithm: aws.String("RS256"),
		DurationSeconds:  aws.Int32(300),
	})
	if err != nil {
		return "", fmt.Errorf("get a web identity token from STS in %q: %w", cfg.Region, err)
	}
	return aws.ToString(out.WebIdentityToken), nil
}
