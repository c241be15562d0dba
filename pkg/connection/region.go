package connection

import (
	"net/url"
	"regexp"
	"strings"
)

// partitions lists the regions' prefixes of all partitions but "aws".
var partitions = []struct{ prefix, name string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"eusc-", "aws-eusc"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
	{"eu-isof-", "aws-iso-f"},
}

// Partition returns the AWS partition that the region belongs to.
func Partition(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	return "aws"
}

// suffixes are the domains under which AWS serves SQS, longest first where one
// ends in another.
var suffixes = []string{
	".api.amazonwebservices.com.cn",
	".api.amazonwebservices.eu",
	".amazonaws.com.cn",
	".amazonaws.com",
	".amazonaws.eu",
	".api.aws",
	".c2s.ic.gov",
	".sc2s.sgov.gov",
	".cloud.adc-e.uk",
	".csp.hci.ic.gov",
}

// queueHost matches what stands before the suffix: sqs.<region>,
// sqs-fips.<region>, the older <region>.queue and queue, and
// <endpoint>.sqs.<region>.vpce.
var queueHost = regexp.MustCompile(`^(?:sqs(?:-fips)?\.([a-z]+(?:-[a-z]+)+-[0-9]+)|([a-z]+(?:-[a-z]+)+-[0-9]+)\.queue|(queue)|(vpce-[a-z0-9-]+)\.sqs\.([a-z]+(?:-[a-z]+)+-[0-9]+)\.vpce)$`)

// QueueRegion returns the region that a queue URL names, or the empty string
// when it names none, as the URL of an emulator does.
func QueueRegion(queueURL string) string {
	_, region, _ := QueueHost(queueURL)
	return region
}

// QueueHost returns the base endpoint of the queue, its region, empty when
// unknown, and whether the endpoint is the one the AWS SDK finds by itself.
func QueueHost(queueURL string) (endpoint, region string, public bool) {
	u, err := url.Parse(queueURL)
	if err != nil || u.Host == "" {
		return "", "", true
	}
	endpoint = u.Scheme + "://" + u.Host
	host := strings.ToLower(u.Hostname())
	for _, suffix := range suffixes {
		name, ok := strings.CutSuffix(host, suffix)
		if !ok {
			continue
		}
		m := queueHost.FindStringSubmatch(name)
		if m == nil {
			return endpoint, "", true
		}
		if m[3] != "" {
			return endpoint, "us-east-1", true
		}
		return endpoint, m[1] + m[2] + m[5], m[4] == ""
	}
	return endpoint, "", false
}
