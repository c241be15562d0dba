# Written by logferry setup aws --emit terraform; it makes what apply would.

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

variable "vpc_id" {
  type        = string
  description = "The VPC whose flows are logged."

  validation {
    condition     = can(regex("^vpc-[0-9a-f]{8,17}$", var.vpc_id))
    error_message = "It must match ^vpc-[0-9a-f]{8,17}$"
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
  name = "logferry-vpcflow"
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
    logferry-setup = "logferry-vpcflow"
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
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-vpcflow"
      },
      {
        Sid      = "SeeDeadQueue"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-vpcflow-dead"
      },
      {
        Sid      = "ReadObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = "arn:${local.partition}:s3:::logferry-vpcflow-${local.account}-${local.region}/AWSLogs/${local.account}/vpcflowlogs/*"
      },
      {
        Sid      = "SeeBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketNotification"]
        Resource = "arn:${local.partition}:s3:::logferry-vpcflow-${local.account}-${local.region}"
      }
    ]
  })
}

resource "aws_sqs_queue" "dead" {
  name                      = "logferry-vpcflow-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-vpcflow"]
  })
  tags = {
    logferry-setup = "logferry-vpcflow"
  }
}

resource "aws_sqs_queue" "logferry" {
  name                       = "logferry-vpcflow"
  visibility_timeout_seconds = 300
  receive_wait_time_seconds  = 20
  message_retention_seconds  = 604800
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-vpcflow-dead"
    maxReceiveCount     = 50
  })
  tags = {
    logferry-setup = "logferry-vpcflow"
  }
  depends_on = [aws_sqs_queue.dead]
}

resource "aws_sqs_queue_policy" "logferry" {
  queue_url = aws_sqs_queue.logferry.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LogferryVpcflowSend"
        Effect = "Allow"
        Principal = {
          Service = "s3.amazonaws.com"
        }
        Action   = "sqs:SendMessage"
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-vpcflow"
        Condition = {
          ArnEquals = {
            "aws:SourceArn" = "arn:${local.partition}:s3:::logferry-vpcflow-${local.account}-${local.region}"
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
          }
        }
      },
      {
        Sid    = "LogferryVpcflowReceive"
        Effect = "Allow"
        Principal = {
          AWS = "arn:${local.partition}:iam::${local.account}:role/logferry-vpcflow"
        }
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-vpcflow"
      }
    ]
  })
  depends_on = [aws_iam_role.logferry]
}

resource "aws_s3_bucket" "logferry" {
  bucket = "logferry-vpcflow-${local.account}-${local.region}"
  tags = {
    logferry-setup = "logferry-vpcflow"
  }
}

resource "aws_s3_bucket_public_access_block" "logferry" {
  bucket                  = aws_s3_bucket.logferry.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "logferry" {
  bucket = aws_s3_bucket.logferry.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LogferryVpcflowAclCheck"
        Effect = "Allow"
        Principal = {
          Service = "delivery.logs.amazonaws.com"
        }
        Action   = ["s3:GetBucketAcl", "s3:ListBucket"]
        Resource = "arn:${local.partition}:s3:::logferry-vpcflow-${local.account}-${local.region}"
        Condition = {
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:logs:${local.region}:${local.account}:*"
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
          }
        }
      },
      {
        Sid    = "LogferryVpcflowWrite"
        Effect = "Allow"
        Principal = {
          Service = "delivery.logs.amazonaws.com"
        }
        Action   = "s3:PutObject"
        Resource = "arn:${local.partition}:s3:::logferry-vpcflow-${local.account}-${local.region}/AWSLogs/${local.account}/*"
        Condition = {
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:logs:${local.region}:${local.account}:*"
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
            "s3:x-amz-acl"      = "bucket-owner-full-control"
          }
        }
      },
      {
        Sid       = "LogferryVpcflowDenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:${local.partition}:s3:::logferry-vpcflow-${local.account}-${local.region}", "arn:${local.partition}:s3:::logferry-vpcflow-${local.account}-${local.region}/*"]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      }
    ]
  })
}

resource "aws_s3_bucket_notification" "logferry" {
  bucket     = aws_s3_bucket.logferry.id
  depends_on = [aws_sqs_queue_policy.logferry]

  queue {
    id            = "logferry-vpcflow"
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "AWSLogs/${local.account}/vpcflowlogs/"
    filter_suffix = ".log.gz"
    queue_arn     = aws_sqs_queue.logferry.arn
  }
}

resource "aws_flow_log" "logferry" {
  vpc_id                   = var.vpc_id
  traffic_type             = "ALL"
  log_destination_type     = "s3"
  log_destination          = "arn:${local.partition}:s3:::logferry-vpcflow-${local.account}-${local.region}"
  log_format               = "$${start} $${version} $${account-id} $${interface-id} $${srcaddr} $${dstaddr} $${srcport} $${dstport} $${protocol} $${packets} $${bytes} $${end} $${action} $${log-status} $${vpc-id} $${subnet-id} $${instance-id} $${tcp-flags} $${type} $${pkt-srcaddr} $${pkt-dstaddr} $${region} $${az-id} $${sublocation-type} $${sublocation-id} $${pkt-src-aws-service} $${pkt-dst-aws-service} $${flow-direction} $${traffic-path} $${ecs-cluster-arn} $${ecs-cluster-name} $${ecs-container-instance-arn} $${ecs-container-instance-id} $${ecs-container-id} $${ecs-second-container-id} $${ecs-service-name} $${ecs-task-definition-arn} $${ecs-task-arn} $${ecs-task-id}"
  max_aggregation_interval = 600
  tags = {
    logferry-setup = "logferry-vpcflow"
  }
  depends_on = [aws_s3_bucket_policy.logferry]

  destination_options {
    file_format                = "plain-text"
    hive_compatible_partitions = false
    per_hour_partition         = false
  }
}

output "role_arn" {
  value = aws_iam_role.logferry.arn
}

output "queue_url" {
  value = aws_sqs_queue.logferry.url
}

output "table" {
  value = "AWSVPCFlow"
}
