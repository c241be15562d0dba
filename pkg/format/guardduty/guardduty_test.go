package guardduty_test

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/pkg/format/all"
	"github.com/logferry/logferry/pkg/format/formattest"
	"github.com/logferry/logferry/pkg/format/guardduty"
)

func TestFormat(t *testing.T) { formattest.Run(t, guardduty.Format(), all.Formats()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, guardduty.Format()) }

func BenchmarkFormat(b *testing.B) {
	formattest.Benchmark(b, guardduty.Format(), []byte(strings.Repeat(finding+"\n", 500)))
}

// finding is of the usual kind.
const finding = `{"schemaVersion":"2.0","accountId":"111122223333","region":"eu-central-1","partition":"aws","id":"a2c1f00d000000000000000000000001","arn":"arn:aws:guardduty:eu-central-1:111122223333:detector/12abc34d567e8fa901bc2d34e56789f0/finding/a2c1f00d000000000000000000000001","type":"UnauthorizedAccess:EC2/SSHBruteForce","resource":{"resourceType":"Instance","instanceDetails":{"instanceId":"i-0a1b2c3d4e5f67890","instanceType":"t3.small","launchTime":"2026-02-20T08:01:13Z","platform":null,"networkInterfaces":[{"ipv6Addresses":[],"privateIpAddress":"10.0.4.17","publicIp":"203.0.113.24","securityGroups":[{"groupName":"web","groupId":"sg-0a1b2c3d4e5f67890"}]}],"tags":[{"key":"Name","value":"web-1"}]}},"service":{"serviceName":"guardduty","detectorId":"12abc34d567e8fa901bc2d34e56789f0","action":{"actionType":"NETWORK_CONNECTION","networkConnectionAction":{"connectionDirection":"INBOUND","remoteIpDetails":{"ipAddressV4":"198.51.100.9","country":{"countryName":"Example & Sons"},"geoLocation":{"lat":52.52,"lon":13.405}},"remotePortDetails":{"port":45672,"portName":"Unknown"},"localPortDetails":{"port":22,"portName":"SSH"},"protocol":"TCP","blocked":false}},"resourceRole":"TARGET","additionalInfo":{},"eventFirstSeen":"2026-03-01T08:41:03.000Z","eventLastSeen":"2026-03-01T09:04:59.000Z","archived":false,"count":18},"severity":2,"createdAt":"2026-03-01T08:52:11.412Z","updatedAt":"2026-03-01T09:08:00.007Z","title":"198.51.100.9 is performing SSH brute force attacks against i-0a1b2c3d4e5f67890.","description":"198.51.100.9 is performing SSH brute force attacks against i-0a1b2c3d4e5f67890. Brute force attacks are used to gain unauthorized access to your instance."}`
