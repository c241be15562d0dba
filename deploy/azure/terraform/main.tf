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
}

variable "location" {
  description = "Region of the workspace: rules must be in it."
  type        = string
}

variable "workspace_id" {
  description = "Resource id of the Log Analytics workspace, with Microsoft Sentinel enabled."
  type        = string
}

variable "principal_id" {
  description = "Object id of the service principal or managed identity that posts; empty: nobody is given the right to."
  type        = string
  default     = ""
}

locals {
  # Monitoring Metrics Publisher: may post to a rule.
  publisher = "3913510d-42f4-4e42-8a64-420c390055eb"
}

resource "azapi_resource" "rule_logferry" {
  type                      = "Microsoft.Insights/dataCollectionRules@2023-03-11"
  parent_id                 = var.resource_group_id
  name                      = "logferry"
  location                  = var.location
  schema_validation_enabled = false
  tags = {
    "logferry-setup" = "logferry"
  }
  body = {
    kind = "Direct"
    properties = {
      dataFlows = [
        {
          destinations = ["workspace"]
          outputStream = "Microsoft-AWSCloudTrail"
          streams      = ["Custom-Logferry-AWSCloudTrail"]
          transformKql = "source"
        },
        {
          destinations = ["workspace"]
          outputStream = "Microsoft-AWSGuardDuty"
          streams      = ["Custom-Logferry-AWSGuardDuty"]
          transformKql = "source"
        },
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
          ]
        }
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
          ]
        }
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
          ]
        }
      }
    }
  }
  response_export_values = [
    "properties.immutableId",
    "properties.endpoints.logsIngestion",
  ]
}

resource "azapi_resource" "grant_logferry" {
  count     = var.principal_id == "" ? 0 : 1
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  parent_id = azapi_resource.rule_logferry.id
  name      = uuidv5("11fb06fb-712d-4ddd-98c7-e71bbd588830", join("-", [azapi_resource.rule_logferry.id, var.principal_id, local.publisher]))
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
      endpoint = azapi_resource.rule_logferry.output.properties.endpoints.logsIngestion
      tables = {
        AWSCloudTrail = {
          rule = azapi_resource.rule_logferry.output.properties.immutableId
        }
        AWSGuardDuty = {
          rule = azapi_resource.rule_logferry.output.properties.immutableId
        }
        AWSVPCFlow = {
          rule = azapi_resource.rule_logferry.output.properties.immutableId
        }
      }
    },
  ]
}
