# Written by logferry setup aws --emit terraform; it makes what apply would.
#
# The bucket is there already. Its policy and its event notifications could only
# be replaced by a template, with what others have in them. Merge
# notification.json by hand, or have `logferry setup aws apply` do it: it
# touches nothing else.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

variable "external_id" {
  type        = string
  description = "What Logferry presents when it assumes the role: make one up, long and random, for each set-up."

  validation {
    condition     = can(regex("^[\\w+=,.@:/-]{2,}$", var.external_id))
    error_message = "It must match ^[\\w+=,.@:/-]{2,}$"
  }
}

variable "principal" {
  type        = string
  description = "The ARN of the role, user or account root that runs Logferry."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::\\d{12}:(root|(role|user)/.+)$", var.principal))
    error_message = "It must match ^arn:aws[a-z-]*:iam::\\d{12}:(root|(role|user)/.+)$"
  }
}

variable "bucket_name" {
  type        = string
  description = "The bucket that has the logs, in this account and region."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "It must match ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account    = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  region     = data.aws_region.current.region
}

resource "aws_iam_role" "logferry" {
  name = "logferry-any"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Logferry"
        Effect = "Allow"
        Principal = {
          AWS = var.principal
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "sts:ExternalId" = var.external_id
          }
        }
      }
    ]
  })
  tags = {
    logferry-setup = "logferry-any"
  }
}

resource "aws_iam_role_policy" "logferry" {
  name = "logferry"
  role = aws_iam_role.logferry.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadQueue"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-any"
      },
      {
        Sid      = "SeeDeadQueue"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-any-dead"
      },
      {
        Sid      = "ReadObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = "arn:${local.partition}:s3:::${var.bucket_name}/*"
      },
      {
        Sid      = "SeeBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketNotification"]
        Resource = "arn:${local.partition}:s3:::${var.bucket_name}"
      }
    ]
  })
}

resource "aws_sqs_queue" "dead" {
  name                      = "logferry-any-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-any"]
  })
  tags = {
    logferry-setup = "logferry-any"
  }
}

resource "aws_sqs_queue" "logferry" {
  name                       = "logferry-any"
  visibility_timeout_seconds = 300
  receive_wait_time_seconds  = 20
  message_retention_seconds  = 604800
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-any-dead"
    maxReceiveCount     = 50
  })
  tags = {
    logferry-setup = "logferry-any"
  }
  depends_on = [aws_sqs_queue.dead]
}

resource "aws_sqs_queue_policy" "logferry" {
  queue_url = aws_sqs_queue.logferry.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LogferryAnySend"
        Effect = "Allow"
        Principal = {
          Service = "s3.amazonaws.com"
        }
        Action   = "sqs:SendMessage"
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-any"
        Condition = {
          ArnEquals = {
            "aws:SourceArn" = "arn:${local.partition}:s3:::${var.bucket_name}"
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
          }
        }
      },
      {
        Sid    = "LogferryAnyReceive"
        Effect = "Allow"
        Principal = {
          AWS = "arn:${local.partition}:iam::${local.account}:role/logferry-any"
        }
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-any"
      }
    ]
  })
  depends_on = [aws_iam_role.logferry]
}

output "role_arn" {
  value = aws_iam_role.logferry.arn
}

output "queue_url" {
  value = aws_sqs_queue.logferry.url
}
