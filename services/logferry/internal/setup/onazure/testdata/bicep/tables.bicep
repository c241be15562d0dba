// Written by logferry setup azure plan --emit bicep: what apply makes.
// A list of columns replaces the custom columns that a table has: add those here.

@description('Name of the Log Analytics workspace.')
param workspaceName string

resource table_AWSCloudTrail 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = {
  name: '${workspaceName}/AWSCloudTrail'
  properties: {
    schema: {
      name: 'AWSCloudTrail'
      columns: [
        { name: 'EventTime_CF', type: 'dateTime', description: 'time of the event, also where TimeGenerated was replaced because it was old' }
      ]
    }
  }
}

resource table_AWSGuardDuty 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = {
  name: '${workspaceName}/AWSGuardDuty'
  properties: {
    schema: {
      name: 'AWSGuardDuty'
      columns: [
        { name: 'EventTime_CF', type: 'dateTime', description: 'time of the event, also where TimeGenerated was replaced because it was old' }
      ]
    }
  }
}

resource table_AWSVPCFlow 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = {
  name: '${workspaceName}/AWSVPCFlow'
  properties: {
    schema: {
      name: 'AWSVPCFlow'
      columns: [
        { name: 'EventTime_CF', type: 'dateTime', description: 'time of the event, also where TimeGenerated was replaced because it was old' }
      ]
    }
  }
}

resource table_LogferryHealth_CL 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = {
  name: '${workspaceName}/LogferryHealth_CL'
  properties: {
    schema: {
      name: 'LogferryHealth_CL'
      columns: [
        { name: 'TimeGenerated', type: 'dateTime', description: 'time of the event' }
        { name: 'OperationName', type: 'string', description: 'Data fetch status change or Data fetch failure summary' }
        { name: 'SentinelResourceId', type: 'string', description: 'id of the connection' }
        { name: 'SentinelResourceName', type: 'string', description: 'name of the connection' }
        { name: 'Status', type: 'string', description: 'Success, Failure or Informational' }
        { name: 'Description', type: 'string', description: 'the event in words' }
        { name: 'Reason', type: 'string', description: 'short reason or code' }
        { name: 'WorkspaceId', type: 'string', description: 'GUID of the workspace' }
        { name: 'SentinelResourceType', type: 'string', description: 'Data connector' }
        { name: 'SentinelResourceKind', type: 'string', description: 'kind of the connector' }
        { name: 'RecordId', type: 'string', description: 'id of the record' }
        { name: 'ExtendedProperties', type: 'dynamic', description: 'what else is known: DestinationTable, FailureSummary' }
      ]
      description: 'State of Logferry\'s connections. logferry-setup: logferry'
    }
  }
}
