# Written by logferry setup aws --emit terraform; it makes what apply would.
#
# A region can have one detector only: import the ones that are there.

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
  name = "logferry-guardduty"
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
    logferry-setup = "logferry-guardduty"
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
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-guardduty"
      },
      {
        Sid      = "SeeDeadQueue"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-guardduty-dead"
      },
      {
        Sid      = "ReadObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = "arn:${local.partition}:s3:::logferry-guardduty-${local.account}-${local.region}/AWSLogs/${local.account}/GuardDuty/*"
      },
      {
        Sid      = "SeeBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketNotification"]
        Resource = "arn:${local.partition}:s3:::logferry-guardduty-${local.account}-${local.region}"
      },
      {
        Sid      = "Decrypt"
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = "arn:${local.partition}:kms:${local.region}:${local.account}:key/*"
        Condition = {
          "ForAnyValue:StringEquals" = {
            "kms:ResourceAliases" = "alias/logferry-guardduty"
          }
          StringEquals = {
            "kms:ViaService" = "s3.${local.region}.${local.dns_suffix}"
          }
        }
      }
    ]
  })
}

resource "aws_kms_key" "logferry" {
  description         = "Logs of logferry-guardduty"
  enable_key_rotation = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "EnableIAMUserPermissions"
        Effect = "Allow"
        Principal = {
          AWS = "arn:${local.partition}:iam::${local.account}:root"
        }
        Action   = "kms:*"
        Resource = "*"
      },
      {
        Sid    = "LogferryGuarddutyEncrypt"
        Effect = "Allow"
        Principal = {
          Service = "guardduty.amazonaws.com"
        }
        Action   = "kms:GenerateDataKey"
        Resource = "*"
        Condition = {
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:guardduty:${local.region}:${local.account}:detector/*"
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
          }
        }
      },
      {
        Sid    = "LogferryGuarddutyDecrypt"
        Effect = "Allow"
        Principal = {
          AWS = "arn:${local.partition}:iam::${local.account}:role/logferry-guardduty"
        }
        Action   = "kms:Decrypt"
        Resource = "*"
        Condition = {
          StringEquals = {
            "kms:ViaService" = "s3.${local.region}.${local.dns_suffix}"
          }
        }
      }
    ]
  })
  tags = {
    logferry-setup = "logferry-guardduty"
  }
  depends_on = [aws_iam_role.logferry]
}

resource "aws_kms_alias" "logferry" {
  name          = "alias/logferry-guardduty"
  target_key_id = aws_kms_key.logferry.key_id
}

resource "aws_sqs_queue" "dead" {
  name                      = "logferry-guardduty-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-guardduty"]
  })
  tags = {
    logferry-setup = "logferry-guardduty"
  }
}

resource "aws_sqs_queue" "logferry" {
  name                       = "logferry-guardduty"
  visibility_timeout_seconds = 300
  receive_wait_time_seconds  = 20
  message_retention_seconds  = 604800
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-guardduty-dead"
    maxReceiveCount     = 50
  })
  tags = {
    logferry-setup = "logferry-guardduty"
  }
  depends_on = [aws_sqs_queue.dead]
}

resource "aws_sqs_queue_policy" "logferry" {
  queue_url = aws_sqs_queue.logferry.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LogferryGuarddutySend"
        Effect = "Allow"
        Principal = {
          Service = "s3.amazonaws.com"
        }
        Action   = "sqs:SendMessage"
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-guardduty"
        Condition = {
          ArnEquals = {
            "aws:SourceArn" = "arn:${local.partition}:s3:::logferry-guardduty-${local.account}-${local.region}"
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
          }
        }
      },
      {
        Sid    = "LogferryGuarddutyReceive"
        Effect = "Allow"
        Principal = {
          AWS = "arn:${local.partition}:iam::${local.account}:role/logferry-guardduty"
        }
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account}:logferry-guardduty"
      }
    ]
  })
  depends_on = [aws_iam_role.logferry]
}

resource "aws_s3_bucket" "logferry" {
  bucket = "logferry-guardduty-${local.account}-${local.region}"
  tags = {
    logferry-setup = "logferry-guardduty"
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
        Sid    = "LogferryGuarddutyLocation"
        Effect = "Allow"
        Principal = {
          Service = "guardduty.amazonaws.com"
        }
        Action   = "s3:GetBucketLocation"
        Resource = "arn:${local.partition}:s3:::logferry-guardduty-${local.account}-${local.region}"
        Condition = {
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:guardduty:${local.region}:${local.account}:detector/*"
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
          }
        }
      },
      {
        Sid    = "LogferryGuarddutyWrite"
        Effect = "Allow"
        Principal = {
          Service = "guardduty.amazonaws.com"
        }
        Action   = "s3:PutObject"
        Resource = "arn:${local.partition}:s3:::logferry-guardduty-${local.account}-${local.region}/*"
        Condition = {
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:guardduty:${local.region}:${local.account}:detector/*"
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
          }
        }
      },
      {
        Sid       = "LogferryGuarddutyDenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:${local.partition}:s3:::logferry-guardduty-${local.account}-${local.region}", "arn:${local.partition}:s3:::logferry-guardduty-${local.account}-${local.region}/*"]
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
    id            = "logferry-guardduty"
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "AWSLogs/${local.account}/GuardDuty/"
    filter_suffix = ".jsonl.gz"
    queue_arn     = aws_sqs_queue.logferry.arn
  }
}

resource "aws_guardduty_detector" "logferry" {
  enable                       = true
  finding_publishing_frequency = "FIFTEEN_MINUTES"
  tags = {
    logferry-setup = "logferry-guardduty"
  }
}

resource "aws_guardduty_publishing_destination" "logferry" {
  detector_id     = aws_guardduty_detector.logferry.id
  destination_arn = "arn:${local.partition}:s3:::logferry-guardduty-${local.account}-${local.region}"
  kms_key_arn     = aws_kms_key.logferry.arn
  depends_on      = [aws_s3_bucket_policy.logferry]
}

output "role_arn" {
  value = aws_iam_role.logferry.arn
}

output "queue_url" {
  value = aws_sqs_queue.logferry.url
}

output "table" {
  value = "AWSGuardDuty"
}
