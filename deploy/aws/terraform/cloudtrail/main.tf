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
  name = "logferry-cloudtrail"
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
    logferry-setup = "logferry-cloudtrail"
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
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-cloudtrail"
      },
      {
        Sid      = "SeeDeadQueue"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-cloudtrail-dead"
      },
      {
        Sid      = "ReadObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = "arn:${local.partition}:s3:::logferry-cloudtrail-${local.account}-${local.region}/AWSLogs/${local.account}/CloudTrail/*"
      },
      {
        Sid      = "SeeBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketNotification"]
        Resource = "arn:${local.partition}:s3:::logferry-cloudtrail-${local.account}-${local.region}"
      }
    ]
  })
}

resource "aws_sqs_queue" "dead" {
  name                      = "logferry-cloudtrail-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-cloudtrail"]
  })
  tags = {
    logferry-setup = "logferry-cloudtrail"
  }
}

resource "aws_sqs_queue" "logferry" {
  name                       = "logferry-cloudtrail"
  visibility_timeout_seconds = 300
  receive_wait_time_seconds  = 20
  message_retention_seconds  = 604800
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-cloudtrail-dead"
    maxReceiveCount     = 50
  })
  tags = {
    logferry-setup = "logferry-cloudtrail"
  }
  depends_on = [aws_sqs_queue.dead]
}

resource "aws_sqs_queue_policy" "logferry" {
  queue_url = aws_sqs_queue.logferry.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LogferryCloudtrailSend"
        Effect = "Allow"
        Principal = {
          Service = "s3.amazonaws.com"
        }
        Action   = "sqs:SendMessage"
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-cloudtrail"
        Condition = {
          ArnEquals = {
            "aws:SourceArn" = "arn:${local.partition}:s3:::logferry-cloudtrail-${local.account}-${local.region}"
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
          }
        }
      },
      {
        Sid    = "LogferryCloudtrailReceive"
        Effect = "Allow"
        Principal = {
          AWS = "arn:${local.partition}:iam::${local.account}:role/logferry-cloudtrail"
        }
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-cloudtrail"
      }
    ]
  })
  depends_on = [aws_iam_role.logferry]
}

resource "aws_s3_bucket" "logferry" {
  bucket = "logferry-cloudtrail-${local.account}-${local.region}"
  tags = {
    logferry-setup = "logferry-cloudtrail"
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
        Sid    = "LogferryCloudtrailAclCheck"
        Effect = "Allow"
        Principal = {
          Service = "cloudtrail.amazonaws.com"
        }
        Action   = "s3:GetBucketAcl"
        Resource = "arn:${local.partition}:s3:::logferry-cloudtrail-${local.account}-${local.region}"
        Condition = {
          StringEquals = {
            "aws:SourceArn" = "arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/logferry-cloudtrail"
          }
        }
      },
      {
        Sid    = "LogferryCloudtrailWrite"
        Effect = "Allow"
        Principal = {
          Service = "cloudtrail.amazonaws.com"
        }
        Action   = "s3:PutObject"
        Resource = "arn:${local.partition}:s3:::logferry-cloudtrail-${local.account}-${local.region}/AWSLogs/${local.account}/*"
        Condition = {
          StringEquals = {
            "aws:SourceArn" = "arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/logferry-cloudtrail"
            "s3:x-amz-acl"  = "bucket-owner-full-control"
          }
        }
      },
      {
        Sid       = "LogferryCloudtrailDenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:${local.partition}:s3:::logferry-cloudtrail-${local.account}-${local.region}", "arn:${local.partition}:s3:::logferry-cloudtrail-${local.account}-${local.region}/*"]
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
    id            = "logferry-cloudtrail"
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "AWSLogs/${local.account}/CloudTrail/"
    filter_suffix = ".json.gz"
    queue_arn     = aws_sqs_queue.logferry.arn
  }
}

resource "aws_cloudtrail" "logferry" {
  name                          = "logferry-cloudtrail"
  s3_bucket_name                = "logferry-cloudtrail-${local.account}-${local.region}"
  is_multi_region_trail         = true
  include_global_service_events = true
  is_organization_trail         = false
  enable_log_file_validation    = true
  tags = {
    logferry-setup = "logferry-cloudtrail"
  }
  depends_on = [aws_s3_bucket_policy.logferry]
}

output "role_arn" {
  value = aws_iam_role.logferry.arn
}

output "queue_url" {
  value = aws_sqs_queue.logferry.url
}

output "table" {
  value = "AWSCloudTrail"
}
