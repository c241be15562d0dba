# Written by logferry setup azure plan --emit terraform: what apply makes.

# The provider azapi, because azurerm does not know rules of the kind Direct
# (hashicorp/terraform-provider-azurerm issue 28697).
terraform {
  required_version = ">= 1.5"
  required_providers {
    azapi = {
      source  = "Azure/azapi"
      version = "~> 2.0"
    }
  }
}

variable "resource_group_id" {
  description = "Resource id of the resource group of the rules."
  type        = string
  default     = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-logs"
}

variable "location" {
  description = "Region of the workspace: rules must be in it."
  type        = string
  default     = "westeurope"
}

variable "workspace_id" {
  description = "Resource id of the Log Analytics workspace, with Microsoft Sentinel enabled."
  type        = string
  default     = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-logs/providers/Microsoft.OperationalInsights/workspaces/la-sentinel"
}

variable "principal_id" {
  description = "Object id of the service principal or managed identity that posts; empty: nobody is given the right to."
  type        = string
  default     = "22222222-2222-2222-2222-222222222222"
}

variable "endpoint_id" {
  description = "Resource id of the data collection endpoint."
  type        = string
  default     = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-net/providers/Microsoft.Insights/dataCollectionEndpoints/dce"
}

locals {
  # Monitoring Metrics Publisher: may post to a rule.
  publisher = "3913510d-42f4-4e42-8a64-420c390055eb"
}

# The list of columns replaces the custom columns that the table has: add those here.
resource "azapi_update_resource" "table_AWSCloudTrail" {
  type        = "Microsoft.OperationalInsights/workspaces/tables@2025-07-01"
  resource_id = "${var.workspace_id}/tables/AWSCloudTrail"
  body = {
    properties = {
      schema = {
        name = "AWSCloudTrail"
        columns = [
          { name = "EventTime_CF", type = "dateTime", description = "time of the event, also where TimeGenerated was replaced because it was old" },
        ]
      }
    }
  }
}

# The list of columns replaces the custom columns that the table has: add those here.
resource "azapi_update_resource" "table_AWSGuardDuty" {
  type        = "Microsoft.OperationalInsights/workspaces/tables@2025-07-01"
  resource_id = "${var.workspace_id}/tables/AWSGuardDuty"
  body = {
    properties = {
      schema = {
        name = "AWSGuardDuty"
        columns = [
          { name = "EventTime_CF", type = "dateTime", description = "time of the event, also where TimeGenerated was replaced because it was old" },
        ]
      }
    }
  }
}

# The list of columns replaces the custom columns that the table has: add those here.
resource "azapi_update_resource" "table_AWSVPCFlow" {
  type        = "Microsoft.OperationalInsights/workspaces/tables@2025-07-01"
  resource_id = "${var.workspace_id}/tables/AWSVPCFlow"
  body = {
    properties = {
      schema = {
        name = "AWSVPCFlow"
        columns = [
          { name = "EventTime_CF", type = "dateTime", description = "time of the event, also where TimeGenerated was replaced because it was old" },
        ]
      }
    }
  }
}

resource "azapi_resource" "table_LogferryHealth_CL" {
  type      = "Microsoft.OperationalInsights/workspaces/tables@2025-07-01"
  parent_id = var.workspace_id
  name      = "LogferryHealth_CL"
  body = {
    properties = {
      schema = {
        name = "LogferryHealth_CL"
        columns = [
          { name = "TimeGenerated", type = "dateTime", description = "time of the event" },
          { name = "OperationName", type = "string", description = "Data fetch status change or Data fetch failure summary" },
          { name = "SentinelResourceId", type = "string", description = "id of the connection" },
          { name = "SentinelResourceName", type = "string", description = "name of the connection" },
          { name = "Status", type = "string", description = "Success, Failure or Informational" },
          { name = "Description", type = "string", description = "the event in words" },
          { name = "Reason", type = "string", description = "short reason or code" },
          { name = "WorkspaceId", type = "string", description = "GUID of the workspace" },
          { name = "SentinelResourceType", type = "string", description = "Data connector" },
          { name = "SentinelResourceKind", type = "string", description = "kind of the connector" },
          { name = "RecordId", type = "string", description = "id of the record" },
          { name = "ExtendedProperties", type = "dynamic", description = "what else is known: DestinationTable, FailureSummary" },
        ]
        description = "State of Logferry's connections. logferry-setup: logferry"
      }
    }
  }
}

data "azapi_resource" "endpoint" {
  type                   = "Microsoft.Insights/dataCollectionEndpoints@2023-03-11"
  resource_id            = var.endpoint_id
  response_export_values = ["properties.logsIngestion.endpoint"]
}

resource "azapi_resource" "rule_logferry_CloudTrail" {
  type                      = "Microsoft.Insights/dataCollectionRules@2023-03-11"
  parent_id                 = var.resource_group_id
  name                      = "logferry-CloudTrail"
  location                  = var.location
  schema_validation_enabled = false
  tags = {
    bracket          = "[x]"
    "cost-center"    = "a'b\"[$${x}"
    "logferry-setup" = "logferry"
  }
  body = {
    kind = "Direct"
    properties = {
      dataCollectionEndpointId = var.endpoint_id
      dataFlows = [
        {
          destinations = ["workspace"]
          outputStream = "Microsoft-AWSCloudTrail"
          streams      = ["Custom-Logferry-AWSCloudTrail"]
          transformKql = "source"
        },
      ]
      description = "Takes rows from Logferry"
      destinations = {
        logAnalytics = [
          { name = "workspace", workspaceResourceId = var.workspace_id },
        ]
      }
      streamDeclarations = {
        "Custom-Logferry-AWSCloudTrail" = {
          columns = [
            { name = "TimeGenerated", type = "datetime" },
            { name = "AwsEventId", type = "string" },
            { name = "EventVersion", type = "string" },
            { name = "EventSource", type = "string" },
            { name = "EventTypeName", type = "string" },
            { name = "EventName", type = "string" },
            { name = "UserIdentityType", type = "string" },
            { name = "UserIdentityPrincipalid", type = "string" },
            { name = "UserIdentityArn", type = "string" },
            { name = "UserIdentityAccountId", type = "string" },
            { name = "UserIdentityInvokedBy", type = "string" },
            { name = "UserIdentityAccessKeyId", type = "string" },
            { name = "UserIdentityUserName", type = "string" },
            { name = "SessionMfaAuthenticated", type = "boolean" },
            { name = "SessionCreationDate", type = "datetime" },
            { name = "SessionIssuerType", type = "string" },
            { name = "SessionIssuerPrincipalId", type = "string" },
            { name = "SessionIssuerArn", type = "string" },
            { name = "SessionIssuerAccountId", type = "string" },
            { name = "SessionIssuerUserName", type = "string" },
            { name = "AWSRegion", type = "string" },
            { name = "SourceIpAddress", type = "string" },
            { name = "UserAgent", type = "string" },
            { name = "ErrorCode", type = "string" },
            { name = "ErrorMessage", type = "string" },
            { name = "RequestParameters", type = "string" },
            { name = "ResponseElements", type = "string" },
            { name = "AdditionalEventData", type = "string" },
            { name = "AwsRequestId_", type = "string" },
            { name = "Resources", type = "string" },
            { name = "APIVersion", type = "string" },
            { name = "ReadOnly", type = "boolean" },
            { name = "RecipientAccountId", type = "string" },
            { name = "ServiceEventDetails", type = "string" },
            { name = "SharedEventId", type = "string" },
            { name = "VpcEndpointId", type = "string" },
            { name = "ManagementEvent", type = "boolean" },
            { name = "OperationName", type = "string" },
            { name = "Category", type = "string" },
            { name = "EC2RoleDelivery", type = "string" },
            { name = "TlsVersion", type = "string" },
            { name = "CipherSuite", type = "string" },
            { name = "ClientProvidedHostHeader", type = "string" },
            { name = "IpProtocol", type = "string" },
            { name = "SourcePort", type = "string" },
            { name = "DestinationPort", type = "string" },
            { name = "CidrIp", type = "string" },
            { name = "UserIdentityUserId", type = "string" },
            { name = "UserIdentityStoreArn", type = "string" },
            { name = "EventTime_CF", type = "datetime" },
          ]
        }
      }
    }
  }
  depends_on = [
    azapi_update_resource.table_AWSCloudTrail,
    azapi_update_resource.table_AWSGuardDuty,
    azapi_update_resource.table_AWSVPCFlow,
    azapi_resource.table_LogferryHealth_CL,
  ]
  response_export_values = [
    "properties.immutableId",
    "properties.endpoints.logsIngestion",
  ]
}

resource "azapi_resource" "grant_logferry_CloudTrail" {
  count     = var.principal_id == "" ? 0 : 1
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  parent_id = azapi_resource.rule_logferry_CloudTrail.id
  name      = uuidv5("11fb06fb-712d-4ddd-98c7-e71bbd588830", join("-", [azapi_resource.rule_logferry_CloudTrail.id, var.principal_id, local.publisher]))
  body = {
    properties = {
      description      = "Logferry posts rows. logferry-setup: logferry"
      principalId      = var.principal_id
      principalType    = "ServicePrincipal"
      roleDefinitionId = "${split("/resourceGroups/", var.resource_group_id)[0]}/providers/Microsoft.Authorization/roleDefinitions/${local.publisher}"
    }
  }
}

resource "azapi_resource" "rule_logferry_GuardDuty" {
  type                      = "Microsoft.Insights/dataCollectionRules@2023-03-11"
  parent_id                 = var.resource_group_id
  name                      = "logferry-GuardDuty"
  location                  = var.location
  schema_validation_enabled = false
  tags = {
    bracket          = "[x]"
    "cost-center"    = "a'b\"[$${x}"
    "logferry-setup" = "logferry"
  }
  body = {
    kind = "Direct"
    properties = {
      dataCollectionEndpointId = var.endpoint_id
      dataFlows = [
        {
          destinations = ["workspace"]
          outputStream = "Microsoft-AWSGuardDuty"
          streams      = ["Custom-Logferry-AWSGuardDuty"]
          transformKql = "source"
        },
      ]
      description = "Takes rows from Logferry"
      destinations = {
        logAnalytics = [
          { name = "workspace", workspaceResourceId = var.workspace_id },
        ]
      }
      streamDeclarations = {
        "Custom-Logferry-AWSGuardDuty" = {
          columns = [
            { name = "TimeGenerated", type = "datetime" },
            { name = "SchemaVersion", type = "string" },
            { name = "AccountId", type = "string" },
            { name = "Region", type = "string" },
            { name = "Partition", type = "string" },
            { name = "Id", type = "string" },
            { name = "Arn", type = "string" },
            { name = "ActivityType", type = "string" },
            { name = "ResourceDetails", type = "dynamic" },
            { name = "ServiceDetails", type = "dynamic" },
            { name = "Severity", type = "int" },
            { name = "TimeCreated", type = "datetime" },
            { name = "Title", type = "string" },
            { name = "Description", type = "string" },
            { name = "EventTime_CF", type = "datetime" },
          ]
        }
      }
    }
  }
  depends_on = [
    azapi_update_resource.table_AWSCloudTrail,
    azapi_update_resource.table_AWSGuardDuty,
    azapi_update_resource.table_AWSVPCFlow,
    azapi_resource.table_LogferryHealth_CL,
  ]
  response_export_values = [
    "properties.immutableId",
    "properties.endpoints.logsIngestion",
  ]
}

resource "azapi_resource" "grant_logferry_GuardDuty" {
  count     = var.principal_id == "" ? 0 : 1
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  parent_id = azapi_resource.rule_logferry_GuardDuty.id
  name      = uuidv5("11fb06fb-712d-4ddd-98c7-e71bbd588830", join("-", [azapi_resource.rule_logferry_GuardDuty.id, var.principal_id, local.publisher]))
  body = {
    properties = {
      description      = "Logferry posts rows. logferry-setup: logferry"
      principalId      = var.principal_id
      principalType    = "ServicePrincipal"
      roleDefinitionId = "${split("/resourceGroups/", var.resource_group_id)[0]}/providers/Microsoft.Authorization/roleDefinitions/${local.publisher}"
    }
  }
}

resource "azapi_resource" "rule_logferry_VPCFlow" {
  type                      = "Microsoft.Insights/dataCollectionRules@2023-03-11"
  parent_id                 = var.resource_group_id
  name                      = "logferry-VPCFlow"
  location                  = var.location
  schema_validation_enabled = false
  tags = {
    bracket          = "[x]"
    "cost-center"    = "a'b\"[$${x}"
    "logferry-setup" = "logferry"
  }
  body = {
    kind = "Direct"
    properties = {
      dataCollectionEndpointId = var.endpoint_id
      dataFlows = [
        {
          destinations = ["workspace"]
          outputStream = "Microsoft-AWSVPCFlow"
          streams      = ["Custom-Logferry-AWSVPCFlow"]
          transformKql = "source"
        },
      ]
      description = "Takes rows from Logferry"
      destinations = {
        logAnalytics = [
          { name = "workspace", workspaceResourceId = var.workspace_id },
        ]
      }
      streamDeclarations = {
        "Custom-Logferry-AWSVPCFlow" = {
          columns = [
            { name = "TimeGenerated", type = "datetime" },
            { name = "Version", type = "int" },
            { name = "AccountId", type = "string" },
            { name = "InterfaceId", type = "string" },
            { name = "SrcAddr", type = "string" },
            { name = "DstAddr", type = "string" },
            { name = "SrcPort", type = "int" },
            { name = "DstPort", type = "int" },
            { name = "Protocol", type = "int" },
            { name = "Packets", type = "int" },
            { name = "Bytes", type = "long" },
            { name = "End", type = "datetime" },
            { name = "Action", type = "string" },
            { name = "LogStatus", type = "string" },
            { name = "VpcId", type = "string" },
            { name = "SubnetId", type = "string" },
            { name = "InstanceId", type = "string" },
            { name = "TcpFlags", type = "int" },
            { name = "TrafficType", type = "string" },
            { name = "PktSrcAddr", type = "string" },
            { name = "PktDstAddr", type = "string" },
            { name = "Region", type = "string" },
            { name = "AzId", type = "string" },
            { name = "SublocationType", type = "string" },
            { name = "SublocationId", type = "string" },
            { name = "PktSrcAwsService", type = "string" },
            { name = "PktDstAwsService", type = "string" },
            { name = "FlowDirection", type = "string" },
            { name = "TrafficPath", type = "string" },
            { name = "EcsClusterArn", type = "string" },
            { name = "EcsClusterName", type = "string" },
            { name = "EcsContainerInstanceArn", type = "string" },
            { name = "EcsContainerInstanceId", type = "string" },
            { name = "EcsContainerId", type = "string" },
            { name = "EcsSecondContainerId", type = "string" },
            { name = "EcsServiceName", type = "string" },
            { name = "EcsTaskDefinitionArn", type = "string" },
            { name = "EcsTaskArn", type = "string" },
            { name = "EcsTaskId", type = "string" },
            { name = "Start", type = "datetime" },
            { name = "EventTime_CF", type = "datetime" },
          ]
        }
      }
    }
  }
  depends_on = [
    azapi_update_resource.table_AWSCloudTrail,
    azapi_update_resource.table_AWSGuardDuty,
    azapi_update_resource.table_AWSVPCFlow,
    azapi_resource.table_LogferryHealth_CL,
  ]
  response_export_values = [
    "properties.immutableId",
    "properties.endpoints.logsIngestion",
  ]
}

resource "azapi_resource" "grant_logferry_VPCFlow" {
  count     = var.principal_id == "" ? 0 : 1
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  parent_id = azapi_resource.rule_logferry_VPCFlow.id
  name      = uuidv5("11fb06fb-712d-4ddd-98c7-e71bbd588830", join("-", [azapi_resource.rule_logferry_VPCFlow.id, var.principal_id, local.publisher]))
  body = {
    properties = {
      description      = "Logferry posts rows. logferry-setup: logferry"
      principalId      = var.principal_id
      principalType    = "ServicePrincipal"
      roleDefinitionId = "${split("/resourceGroups/", var.resource_group_id)[0]}/providers/Microsoft.Authorization/roleDefinitions/${local.publisher}"
    }
  }
}

resource "azapi_resource" "rule_logferry_Health" {
  type                      = "Microsoft.Insights/dataCollectionRules@2023-03-11"
  parent_id                 = var.resource_group_id
  name                      = "logferry-Health"
  location                  = var.location
  schema_validation_enabled = false
  tags = {
    bracket          = "[x]"
    "cost-center"    = "a'b\"[$${x}"
    "logferry-setup" = "logferry"
  }
  body = {
    kind = "Direct"
    properties = {
      dataCollectionEndpointId = var.endpoint_id
      dataFlows = [
        {
          destinations = ["workspace"]
          outputStream = "Custom-LogferryHealth_CL"
          streams      = ["Custom-Logferry-LogferryHealth_CL"]
          transformKql = "source"
        },
      ]
      description = "Takes rows from Logferry"
      destinations = {
        logAnalytics = [
          { name = "workspace", workspaceResourceId = var.workspace_id },
        ]
      }
      streamDeclarations = {
        "Custom-Logferry-LogferryHealth_CL" = {
          columns = [
            { name = "TimeGenerated", type = "datetime" },
            { name = "OperationName", type = "string" },
            { name = "SentinelResourceId", type = "string" },
            { name = "SentinelResourceName", type = "string" },
            { name = "Status", type = "string" },
            { name = "Description", type = "string" },
            { name = "Reason", type = "string" },
            { name = "WorkspaceId", type = "string" },
            { name = "SentinelResourceType", type = "string" },
            { name = "SentinelResourceKind", type = "string" },
            { name = "RecordId", type = "string" },
            { name = "ExtendedProperties", type = "dynamic" },
          ]
        }
      }
    }
  }
  depends_on = [
    azapi_update_resource.table_AWSCloudTrail,
    azapi_update_resource.table_AWSGuardDuty,
    azapi_update_resource.table_AWSVPCFlow,
    azapi_resource.table_LogferryHealth_CL,
  ]
  response_export_values = [
    "properties.immutableId",
    "properties.endpoints.logsIngestion",
  ]
}

resource "azapi_resource" "grant_logferry_Health" {
  count     = var.principal_id == "" ? 0 : 1
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  parent_id = azapi_resource.rule_logferry_Health.id
  name      = uuidv5("11fb06fb-712d-4ddd-98c7-e71bbd588830", join("-", [azapi_resource.rule_logferry_Health.id, var.principal_id, local.publisher]))
  body = {
    properties = {
      description      = "Logferry posts rows. logferry-setup: logferry"
      principalId      = var.principal_id
      principalType    = "ServicePrincipal"
      roleDefinitionId = "${split("/resourceGroups/", var.resource_group_id)[0]}/providers/Microsoft.Authorization/roleDefinitions/${local.publisher}"
    }
  }
}

output "destinations" {
  description = "The destinations that Logferry is told."
  value = [
    {
      name     = "sentinel"
      endpoint = data.azapi_resource.endpoint.output.properties.logsIngestion.endpoint
      tables = {
        AWSCloudTrail = {
          rule       = azapi_resource.rule_logferry_CloudTrail.output.properties.immutableId
          event_time = "EventTime_CF"
        }
        AWSGuardDuty = {
          rule       = azapi_resource.rule_logferry_GuardDuty.output.properties.immutableId
          event_time = "EventTime_CF"
        }
        AWSVPCFlow = {
          rule       = azapi_resource.rule_logferry_VPCFlow.output.properties.immutableId
          event_time = "EventTime_CF"
        }
      }
    },
  ]
}
