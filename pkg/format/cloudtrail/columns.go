package cloudtrail

import "github.com/logferry/logferry/pkg/format"

// Columns that the parser fills itself; see columns for all of them.
var (
	operationName   = column("OperationName")
	ipProtocol      = column("IpProtocol")
	sourcePort      = column("SourcePort")
	destinationPort = column("DestinationPort")
	cidrIP          = column("CidrIp")
)

func column(name string) int {
	for i, c := range columns {
		if c.Name == name {
			return i
		}
	}
	panic("cloudtrail: no column " + name)
}

// columns are in the order of the table's reference. A From that is a path
// maps by itself (format.NewMapping).
var columns = []format.Column{
	{Name: "TimeGenerated", From: "eventTime", Doc: "Null when eventTime is no time: the service then sets it to the time of arrival."},
	{Name: "AwsEventId", From: "eventID"},
	{Name: "EventVersion", From: "eventVersion"},
	{Name: "EventSource", From: "eventSource"},
	{Name: "EventTypeName", From: "eventType"},
	{Name: "EventName", From: "eventName"},
	{Name: "UserIdentityType", From: "userIdentity.type"},
	{Name: "UserIdentityPrincipalid", From: "userIdentity.principalId"},
	{Name: "UserIdentityArn", From: "userIdentity.arn"},
	{Name: "UserIdentityAccountId", From: "userIdentity.accountId"},
	{Name: "UserIdentityInvokedBy", From: "userIdentity.invokedBy"},
	{Name: "UserIdentityAccessKeyId", From: "userIdentity.accessKeyId"},
	{Name: "UserIdentityUserName", From: "userIdentity.userName"},
	{Name: "SessionMfaAuthenticated", From: "userIdentity.sessionContext.attributes.mfaAuthenticated", Doc: "Text in the record, a bool in the table."},
	{Name: "SessionCreationDate", From: "userIdentity.sessionContext.attributes.creationDate", Doc: "Null when it is no time."},
	{Name: "SessionIssuerType", From: "userIdentity.sessionContext.sessionIssuer.type"},
	{Name: "SessionIssuerPrincipalId", From: "userIdentity.sessionContext.sessionIssuer.principalId"},
	{Name: "SessionIssuerArn", From: "userIdentity.sessionContext.sessionIssuer.arn"},
	{Name: "SessionIssuerAccountId", From: "userIdentity.sessionContext.sessionIssuer.accountId"},
	{Name: "SessionIssuerUserName", From: "userIdentity.sessionContext.sessionIssuer.userName"},
	{Name: "AWSRegion", From: "awsRegion"},
	{Name: "SourceIpAddress", From: "sourceIPAddress"},
	{Name: "UserAgent", From: "userAgent"},
	{Name: "ErrorCode", From: "errorCode"},
	{Name: "ErrorMessage", From: "errorMessage"},
	{Name: "RequestParameters", From: "requestParameters", Doc: "The JSON of the record, unchanged; null when it is null."},
	{Name: "ResponseElements", From: "responseElements", Doc: "As RequestParameters."},
	{Name: "AdditionalEventData", From: "additionalEventData", Doc: "As RequestParameters."},
	{Name: "AwsRequestId_", From: "requestID", Doc: "AwsRequestId, without the underscore, is deprecated and stays empty."},
	{Name: "Resources", From: "resources", Doc: "As RequestParameters."},
	{Name: "APIVersion", From: "apiVersion"},
	{Name: "ReadOnly", From: "readOnly"},
	{Name: "RecipientAccountId", From: "recipientAccountId"},
	{Name: "ServiceEventDetails", From: "serviceEventDetails", Doc: "As RequestParameters."},
	{Name: "SharedEventId", From: "sharedEventID or sharedEventId", Doc: "AWS documents both spellings."},
	{Name: "VpcEndpointId", From: "vpcEndpointId"},
	{Name: "ManagementEvent", From: "managementEvent"},
	{Name: "OperationName", From: `the constant "CloudTrail"`},
	{Name: "Category", From: "eventCategory"},
	{Name: "EC2RoleDelivery", From: "userIdentity.sessionContext.ec2RoleDelivery"},
	{Name: "TlsVersion", From: "tlsDetails.tlsVersion"},
	{Name: "CipherSuite", From: "tlsDetails.cipherSuite"},
	{Name: "ClientProvidedHostHeader", From: "tlsDetails.clientProvidedHostHeader"},
	{Name: "IpProtocol", From: "ipProtocol of the rule in requestParameters", Doc: "Of calls on security groups: the flat members, else the first of ipPermissions.items."},
	{Name: "SourcePort", From: "fromPort of that rule"},
	{Name: "DestinationPort", From: "toPort of that rule"},
	{Name: "CidrIp", From: "cidrIp of that rule", Doc: "In ipPermissions, the first of ipRanges.items."},
	{Name: "UserIdentityUserId", From: "userIdentity.onBehalfOf.userId"},
	{Name: "UserIdentityStoreArn", From: "userIdentity.onBehalfOf.identityStoreArn"},
}
