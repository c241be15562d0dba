// Written by logferry setup azure plan --emit bicep: what apply makes.

@description('Region of the workspace: rules must be in it.')
param location string = 'westeurope'

@description('Resource id of the Log Analytics workspace, with Microsoft Sentinel enabled.')
param workspaceId string = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-logs/providers/Microsoft.OperationalInsights/workspaces/la-sentinel'

@description('Object id of the service principal or managed identity that posts; empty: nobody is given the right to.')
param principalId string = '22222222-2222-2222-2222-222222222222'

@description('Resource id of the data collection endpoint.')
param endpointId string = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-net/providers/Microsoft.Insights/dataCollectionEndpoints/dce'

// Monitoring Metrics Publisher: may post to a rule.
var publisher = '3913510d-42f4-4e42-8a64-420c390055eb'

module tables 'tables.bicep' = {
  name: 'logferry-tables'
  scope: resourceGroup(split(workspaceId, '/')[2], split(workspaceId, '/')[4])
  params: { workspaceName: last(split(workspaceId, '/')) }
}

resource rule_logferry_CloudTrail 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: 'logferry-CloudTrail'
  location: location
  kind: 'Direct'
  tags: {
    bracket: '[x]'
    'cost-center': 'a\'b"[\${x}'
    'logferry-setup': 'logferry'
  }
  dependsOn: [tables]
  properties: {
    dataCollectionEndpointId: endpointId
    dataFlows: [
      {
        destinations: ['workspace']
        outputStream: 'Microsoft-AWSCloudTrail'
        streams: ['Custom-Logferry-AWSCloudTrail']
        transformKql: 'source'
      }
    ]
    description: 'Takes rows from Logferry'
    destinations: {
      logAnalytics: [
        { name: 'workspace', workspaceResourceId: workspaceId }
      ]
    }
    streamDeclarations: {
      'Custom-Logferry-AWSCloudTrail': {
        columns: [
          { name: 'TimeGenerated', type: 'datetime' }
          { name: 'AwsEventId', type: 'string' }
          { name: 'EventVersion', type: 'string' }
          { name: 'EventSource', type: 'string' }
          { name: 'EventTypeName', type: 'string' }
          { name: 'EventName', type: 'string' }
          { name: 'UserIdentityType', type: 'string' }
          { name: 'UserIdentityPrincipalid', type: 'string' }
          { name: 'UserIdentityArn', type: 'string' }
          { name: 'UserIdentityAccountId', type: 'string' }
          { name: 'UserIdentityInvokedBy', type: 'string' }
          { name: 'UserIdentityAccessKeyId', type: 'string' }
          { name: 'UserIdentityUserName', type: 'string' }
          { name: 'SessionMfaAuthenticated', type: 'boolean' }
          { name: 'SessionCreationDate', type: 'datetime' }
          { name: 'SessionIssuerType', type: 'string' }
          { name: 'SessionIssuerPrincipalId', type: 'string' }
          { name: 'SessionIssuerArn', type: 'string' }
          { name: 'SessionIssuerAccountId', type: 'string' }
          { name: 'SessionIssuerUserName', type: 'string' }
          { name: 'AWSRegion', type: 'string' }
          { name: 'SourceIpAddress', type: 'string' }
          { name: 'UserAgent', type: 'string' }
          { name: 'ErrorCode', type: 'string' }
          { name: 'ErrorMessage', type: 'string' }
          { name: 'RequestParameters', type: 'string' }
          { name: 'ResponseElements', type: 'string' }
          { name: 'AdditionalEventData', type: 'string' }
          { name: 'AwsRequestId_', type: 'string' }
          { name: 'Resources', type: 'string' }
          { name: 'APIVersion', type: 'string' }
          { name: 'ReadOnly', type: 'boolean' }
          { name: 'RecipientAccountId', type: 'string' }
          { name: 'ServiceEventDetails', type: 'string' }
          { name: 'SharedEventId', type: 'string' }
          { name: 'VpcEndpointId', type: 'string' }
          { name: 'ManagementEvent', type: 'boolean' }
          { name: 'OperationName', type: 'string' }
          { name: 'Category', type: 'string' }
          { name: 'EC2RoleDelivery', type: 'string' }
          { name: 'TlsVersion', type: 'string' }
          { name: 'CipherSuite', type: 'string' }
          { name: 'ClientProvidedHostHeader', type: 'string' }
          { name: 'IpProtocol', type: 'string' }
          { name: 'SourcePort', type: 'string' }
          { name: 'DestinationPort', type: 'string' }
          { name: 'CidrIp', type: 'string' }
          { name: 'UserIdentityUserId', type: 'string' }
          { name: 'UserIdentityStoreArn', type: 'string' }
          { name: 'EventTime_CF', type: 'datetime' }
        ]
      }
    }
  }
}

resource grant_logferry_CloudTrail 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(principalId)) {
  name: guid(rule_logferry_CloudTrail.id, principalId, publisher)
  scope: rule_logferry_CloudTrail
  properties: {
    description: 'Logferry posts rows. logferry-setup: logferry'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', publisher)
  }
}

resource rule_logferry_GuardDuty 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: 'logferry-GuardDuty'
  location: location
  kind: 'Direct'
  tags: {
    bracket: '[x]'
    'cost-center': 'a\'b"[\${x}'
    'logferry-setup': 'logferry'
  }
  dependsOn: [tables]
  properties: {
    dataCollectionEndpointId: endpointId
    dataFlows: [
      {
        destinations: ['workspace']
        outputStream: 'Microsoft-AWSGuardDuty'
        streams: ['Custom-Logferry-AWSGuardDuty']
        transformKql: 'source'
      }
    ]
    description: 'Takes rows from Logferry'
    destinations: {
      logAnalytics: [
        { name: 'workspace', workspaceResourceId: workspaceId }
      ]
    }
    streamDeclarations: {
      'Custom-Logferry-AWSGuardDuty': {
        columns: [
          { name: 'TimeGenerated', type: 'datetime' }
          { name: 'SchemaVersion', type: 'string' }
          { name: 'AccountId', type: 'string' }
          { name: 'Region', type: 'string' }
          { name: 'Partition', type: 'string' }
          { name: 'Id', type: 'string' }
          { name: 'Arn', type: 'string' }
          { name: 'ActivityType', type: 'string' }
          { name: 'ResourceDetails', type: 'dynamic' }
          { name: 'ServiceDetails', type: 'dynamic' }
          { name: 'Severity', type: 'int' }
          { name: 'TimeCreated', type: 'datetime' }
          { name: 'Title', type: 'string' }
          { name: 'Description', type: 'string' }
          { name: 'EventTime_CF', type: 'datetime' }
        ]
      }
    }
  }
}

resource grant_logferry_GuardDuty 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(principalId)) {
  name: guid(rule_logferry_GuardDuty.id, principalId, publisher)
  scope: rule_logferry_GuardDuty
  properties: {
    description: 'Logferry posts rows. logferry-setup: logferry'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', publisher)
  }
}

resource rule_logferry_VPCFlow 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: 'logferry-VPCFlow'
  location: location
  kind: 'Direct'
  tags: {
    bracket: '[x]'
    'cost-center': 'a\'b"[\${x}'
    'logferry-setup': 'logferry'
  }
  dependsOn: [tables]
  properties: {
    dataCollectionEndpointId: endpointId
    dataFlows: [
      {
        destinations: ['workspace']
        outputStream: 'Microsoft-AWSVPCFlow'
        streams: ['Custom-Logferry-AWSVPCFlow']
        transformKql: 'source'
      }
    ]
    description: 'Takes rows from Logferry'
    destinations: {
      logAnalytics: [
        { name: 'workspace', workspaceResourceId: workspaceId }
      ]
    }
    streamDeclarations: {
      'Custom-Logferry-AWSVPCFlow': {
        columns: [
          { name: 'TimeGenerated', type: 'datetime' }
          { name: 'Version', type: 'int' }
          { name: 'AccountId', type: 'string' }
          { name: 'InterfaceId', type: 'string' }
          { name: 'SrcAddr', type: 'string' }
          { name: 'DstAddr', type: 'string' }
          { name: 'SrcPort', type: 'int' }
          { name: 'DstPort', type: 'int' }
          { name: 'Protocol', type: 'int' }
          { name: 'Packets', type: 'int' }
          { name: 'Bytes', type: 'long' }
          { name: 'End', type: 'datetime' }
          { name: 'Action', type: 'string' }
          { name: 'LogStatus', type: 'string' }
          { name: 'VpcId', type: 'string' }
          { name: 'SubnetId', type: 'string' }
          { name: 'InstanceId', type: 'string' }
          { name: 'TcpFlags', type: 'int' }
          { name: 'TrafficType', type: 'string' }
          { name: 'PktSrcAddr', type: 'string' }
          { name: 'PktDstAddr', type: 'string' }
          { name: 'Region', type: 'string' }
          { name: 'AzId', type: 'string' }
          { name: 'SublocationType', type: 'string' }
          { name: 'SublocationId', type: 'string' }
          { name: 'PktSrcAwsService', type: 'string' }
          { name: 'PktDstAwsService', type: 'string' }
          { name: 'FlowDirection', type: 'string' }
          { name: 'TrafficPath', type: 'string' }
          { name: 'EcsClusterArn', type: 'string' }
          { name: 'EcsClusterName', type: 'string' }
          { name: 'EcsContainerInstanceArn', type: 'string' }
          { name: 'EcsContainerInstanceId', type: 'string' }
          { name: 'EcsContainerId', type: 'string' }
          { name: 'EcsSecondContainerId', type: 'string' }
          { name: 'EcsServiceName', type: 'string' }
          { name: 'EcsTaskDefinitionArn', type: 'string' }
          { name: 'EcsTaskArn', type: 'string' }
          { name: 'EcsTaskId', type: 'string' }
          { name: 'Start', type: 'datetime' }
          { name: 'EventTime_CF', type: 'datetime' }
        ]
      }
    }
  }
}

resource grant_logferry_VPCFlow 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(principalId)) {
  name: guid(rule_logferry_VPCFlow.id, principalId, publisher)
  scope: rule_logferry_VPCFlow
  properties: {
    description: 'Logferry posts rows. logferry-setup: logferry'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', publisher)
  }
}

resource rule_logferry_Health 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: 'logferry-Health'
  location: location
  kind: 'Direct'
  tags: {
    bracket: '[x]'
    'cost-center': 'a\'b"[\${x}'
    'logferry-setup': 'logferry'
  }
  dependsOn: [tables]
  properties: {
    dataCollectionEndpointId: endpointId
    dataFlows: [
      {
        destinations: ['workspace']
        outputStream: 'Custom-LogferryHealth_CL'
        streams: ['Custom-Logferry-LogferryHealth_CL']
        transformKql: 'source'
      }
    ]
    description: 'Takes rows from Logferry'
    destinations: {
      logAnalytics: [
        { name: 'workspace', workspaceResourceId: workspaceId }
      ]
    }
    streamDeclarations: {
      'Custom-Logferry-LogferryHealth_CL': {
        columns: [
          { name: 'TimeGenerated', type: 'datetime' }
          { name: 'OperationName', type: 'string' }
          { name: 'SentinelResourceId', type: 'string' }
          { name: 'SentinelResourceName', type: 'string' }
          { name: 'Status', type: 'string' }
          { name: 'Description', type: 'string' }
          { name: 'Reason', type: 'string' }
          { name: 'WorkspaceId', type: 'string' }
          { name: 'SentinelResourceType', type: 'string' }
          { name: 'SentinelResourceKind', type: 'string' }
          { name: 'RecordId', type: 'string' }
          { name: 'ExtendedProperties', type: 'dynamic' }
        ]
      }
    }
  }
}

resource grant_logferry_Health 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(principalId)) {
  name: guid(rule_logferry_Health.id, principalId, publisher)
  scope: rule_logferry_Health
  properties: {
    description: 'Logferry posts rows. logferry-setup: logferry'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', publisher)
  }
}

@description('The destinations that Logferry is told.')
output destinations array = [
  {
    name: 'sentinel'
    endpoint: reference(endpointId, '2023-03-11').logsIngestion.endpoint
    tables: {
      AWSCloudTrail: {
        rule: rule_logferry_CloudTrail.properties.immutableId
        event_time: 'EventTime_CF'
      }
      AWSGuardDuty: {
        rule: rule_logferry_GuardDuty.properties.immutableId
        event_time: 'EventTime_CF'
      }
      AWSVPCFlow: {
        rule: rule_logferry_VPCFlow.properties.immutableId
        event_time: 'EventTime_CF'
      }
    }
  }
]
