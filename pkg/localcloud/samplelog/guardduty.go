package samplelog

import "strings"

// finding is a type of GuardDuty finding: what it is called, what it is about
// and what was seen.
type finding struct {
	kind, severity     string
	title, description string
	resource, action   string
}

func compileFindings() []template {
	all := make([]template, len(findings))
	for i, f := range findings {
		all[i] = compile(f.text())
	}
	return all
}

// text returns the template of the finding's line.
func (f finding) text() string {
	return strings.NewReplacer(
		"<type>", f.kind, "<severity>", f.severity, "<title>", f.title, "<description>", f.description,
		"<resource>", f.resource, "<action>", f.action,
	).Replace(`{"schemaVersion":"2.0","accountId":"${account}","region":"${region}","partition":"aws","id":"${finding}",` +
		`"arn":"arn:aws:guardduty:${region}:${account}:detector/f2b1c8d96ac44f0ba3ed5f2b8a7c6d10/finding/${hex32}","type":"<type>",` +
		`"resource":<resource>,"service":{"serviceName":"guardduty","detectorId":"f2b1c8d96ac44f0ba3ed5f2b8a7c6d10","action":<action>,` +
		`"resourceRole":"TARGET","additionalInfo":{"value":"{}","type":"default"},"eventFirstSeen":"${earlier}","eventLastSeen":"${time}","archived":false,"count":${small}},` +
		`"severity":<severity>,"createdAt":"${millis}","updatedAt":"${millis}","title":"<title>","description":"<description>"}`)
}

// What findings are about.
const (
	accessKey  = `{"resourceType":"AccessKey","accessKeyDetails":{"accessKeyId":"ASIA${session}","principalId":"AROA${session}:${user}","userType":"AssumedRole","userName":"${role}"}}`
	instance   = `{"resourceType":"Instance","instanceDetails":{"instanceId":"i-0${instance}","instanceType":"m6i.large","launchTime":"${earlier}","platform":null,"productCodes":[],"iamInstanceProfile":{"arn":"arn:aws:iam::${account}:instance-profile/${role}","id":"AIPA${session}"},"networkInterfaces":[{"ipv6Addresses":[],"networkInterfaceId":"eni-0${hex}","privateDnsName":"ip-10-0-1-17.ec2.internal","privateIpAddress":"${private}","privateIpAddresses":[{"privateDnsName":"ip-10-0-1-17.ec2.internal","privateIpAddress":"${private}"}],"subnetId":"subnet-0${hex}","vpcId":"vpc-0${hex}","securityGroups":[{"groupName":"web","groupId":"sg-0${hex}"}],"publicDnsName":"","publicIp":"${ip}"}],"outpostArn":null,"tags":[{"key":"Name","value":"web-1"}],"instanceState":"running","availabilityZone":"${region}a","imageId":"ami-0${hex}","imageDescription":null}}`
	s3Bucket   = `{"resourceType":"S3Bucket","accessKeyDetails":{"accessKeyId":"AKIA${session}","principalId":"AIDA${session}","userType":"IAMUser","userName":"${user}"},"s3BucketDetails":[{"arn":"arn:aws:s3:::${bucket}","name":"${bucket}","type":"Destination","createdAt":1.513612692E9,"owner":{"id":"${hex32}${hex32}"},"tags":[],"defaultServerSideEncryption":{"encryptionType":"SSEAlgorithm","kmsMasterKeyArn":null},"publicAccess":{"permissionConfiguration":{"bucketLevelPermissions":{"accessControlList":{"allowsPublicReadAccess":false,"allowsPublicWriteAccess":false},"bucketPolicy":{"allowsPublicReadAccess":true,"allowsPublicWriteAccess":false}}},"effectivePermission":"PUBLIC"}}]}`
	cluster    = `{"resourceType":"EKSCluster","eksClusterDetails":{"name":"prod","arn":"arn:aws:eks:${region}:${account}:cluster/prod","createdAt":1.635958134E9,"vpcId":"vpc-0${hex}","status":"ACTIVE","tags":[]},"kubernetesDetails":{"kubernetesUserDetails":{"username":"system:anonymous","uid":null,"groups":["system:unauthenticated"],"sessionName":[]},"kubernetesWorkloadDetails":null}}`
	database   = `{"resourceType":"RDSDBInstance","rdsDbInstanceDetails":{"dbInstanceIdentifier":"orders-db","engine":"Aurora MySQL","engineVersion":"8.0.mysql_aurora.3.04.0","dbClusterIdentifier":"orders","dbInstanceArn":"arn:aws:rds:${region}:${account}:db:orders-db","tags":[]},"rdsDbUserDetails":{"user":"admin","application":"mysql","database":"orders","ssl":"TLSv1.3","authMethod":"Password"}}`
	remoteIP   = `"remoteIpDetails":{"ipAddressV4":"${ip}","organization":{"asn":"29073","asnOrg":"Quasi Networks LTD.","isp":"Quasi Networks","org":"Quasi Networks"},"country":{${country}}`
	apiCall    = `{"actionType":"AWS_API_CALL","awsApiCallAction":{"api":"<api>","serviceName":"<service>.amazonaws.com","callerType":"Remote IP",` + remoteIP + `,"affectedResources":{}}}`
	connection = `{"actionType":"NETWORK_CONNECTION","networkConnectionAction":{"connectionDirection":"<direction>","protocol":"TCP","blocked":false,"localPortDetails":{"port":<port>,"portName":"<name>"},"localIpDetails":{"ipAddressV4":"${private}"},"remotePortDetails":{"port":${port},"portName":"Unknown"},` + remoteIP + `}}`
	dns        = `{"actionType":"DNS_REQUEST","dnsRequestAction":{"domain":"<domain>","protocol":"UDP","blocked":false,"domainWithSuffix":"<domain>"}}`
	portProbe  = `{"actionType":"PORT_PROBE","portProbeAction":{"blocked":false,"portProbeDetails":[{"localPortDetails":{"port":22,"portName":"SSH"},"localIpDetails":{"ipAddressV4":"${private}"},` + remoteIP + `}]}}`
	kubernetes = `{"actionType":"KUBERNETES_API_CALL","kubernetesApiCallAction":{"requestUri":"/api/v1/namespaces/default/pods","verb":"list","userAgent":"kubectl/v1.29.3 (linux/amd64)","statusCode":200,"sourceIPs":["${ip}"],` + remoteIP + `}}`
	login      = `{"actionType":"RDS_LOGIN_ATTEMPT","rdsLoginAttemptAction":{` + remoteIP + `,"LoginAttributes":[{"user":"admin","application":"mysql","failedLoginAttempts":${small},"successfulLoginAttempts":0}]}}`
)

func api(service, name string) string {
	return strings.NewReplacer("<service>", service, "<api>", name).Replace(apiCall)
}

func connect(direction, port, name string) string {
	return strings.NewReplacer("<direction>", direction, "<port>", port, "<name>", name).Replace(connection)
}

func ask(domain string) string { return strings.ReplaceAll(dns, "<domain>", domain) }

var findings = []finding{
	{"UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B", "5", "Unusual console login was seen.", "The user ${user} logged in from a location that was not seen before.", accessKey, api("signin", "ConsoleLogin")},
	{"Recon:IAMUser/MaliciousIPCaller.Custom", "5", "Reconnaissance API was invoked from an IP address on a custom threat list.", "API DescribeInstances was invoked from ${ip}, an IP address on the custom threat list.", accessKey, api("ec2", "DescribeInstances")},
	{"Policy:IAMUser/RootCredentialUsage", "2", "API ListBuckets was invoked using root credentials.", "API ListBuckets was invoked using root credentials from IP address ${ip}.", accessKey, api("s3", "ListBuckets")},
	{"Stealth:IAMUser/CloudTrailLoggingDisabled", "2.0", "AWS CloudTrail trail main was disabled.", "AWS CloudTrail trail arn:aws:cloudtrail:${region}:${account}:trail/main was disabled by ${user}.", accessKey, api("cloudtrail", "StopLogging")},
	{"CredentialAccess:IAMUser/AnomalousBehavior", "5.0", "User ${user} is anomalously invoking APIs commonly used in CredentialAccess tactics.", "APIs commonly used in CredentialAccess tactics were invoked by user ${user} under unusual circumstances.", accessKey, api("secretsmanager", "GetSecretValue")},
	{"UnauthorizedAccess:EC2/SSHBruteForce", "2", "${ip} is performing SSH brute force attacks against i-0${instance}.", "${ip} is performing SSH brute force attacks against i-0${instance}. Brute force attacks are used to gain unauthorized access by guessing the password.", instance, connect("INBOUND", "22", "SSH")},
	{"Backdoor:EC2/C&CActivity.B", "8", "Command and control server IP address queried by EC2 instance i-0${instance}.", "EC2 instance i-0${instance} is communicating with a known command & control server.", instance, connect("OUTBOUND", "443", "HTTPS")},
	{"CryptoCurrency:EC2/BitcoinTool.B!DNS", "8.0", "Bitcoin-related domain name queried by EC2 instance i-0${instance}.", "EC2 instance i-0${instance} is querying a domain name that is associated with Bitcoin-related activity.", instance, ask("pool.minergate.example")},
	{"Trojan:EC2/DNSDataExfiltration", "8", "Data exfiltration through DNS queries from EC2 instance i-0${instance}.", "EC2 instance i-0${instance} is attempting to query domain names that resemble exfiltrated data.", instance, ask("${hex32}.exfil.example")},
	{"Recon:EC2/PortProbeUnprotectedPort", "2", "Unprotected port on EC2 instance i-0${instance} is being probed.", "EC2 instance has an unprotected port which is being probed by a known malicious host.", instance, portProbe},
	{"Discovery:S3/AnomalousBehavior", "2", "${user} invoked S3 APIs in an unusual way.", "S3 APIs commonly used to discover resources were invoked on ${bucket} by ${user}.", s3Bucket, api("s3", "ListObjects")},
	{"Exfiltration:S3/ObjectRead.Unusual", "5", "An IAM entity invoked an S3 API in a suspicious way.", `${user} read ${bucket} with \"GetObject\" from ${ip}, which is unusual.`, s3Bucket, api("s3", "GetObject")},
	{"Discovery:Kubernetes/SuccessfulAnonymousAccess", "5", "Kubernetes API commonly used in Discovery tactics invoked by an unauthenticated user.", "A Kubernetes API was successfully invoked by system:anonymous on cluster prod.", cluster, kubernetes},
	{"CredentialAccess:RDS/AnomalousBehavior.FailedLogin", "2.3", "Unusual failed logins on database orders-db.", "An unusual number of failed logins from ${ip} was seen on database orders-db.", database, login},
}
