# Deploys Darkroom's packaged template with Terraform. docs/plug-ins/terraform.md says how to package it.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

variable "name" {
  description = "The name of the stack."
  type        = string
  default     = "darkroom"
}

variable "template_url" {
  description = "The HTTPS address of the packaged template in S3."
  type        = string
}

variable "parameters" {
  description = "Parameters of the template, for example { CloudFront = \"true\" }. docs/reference.md lists them."
  type        = map(string)
  default     = {}
}

resource "aws_cloudformation_stack" "darkroom" {
  name         = var.name
  template_url = var.template_url
  parameters   = var.parameters
  # IAM roles, and the transform of AWS SAM
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
}

output "url" {
  description = "The address of the pages and the HTTP API."
  value       = aws_cloudformation_stack.darkroom.outputs["WebUrl"]
}

output "uploads_bucket" {
  description = "The bucket to drop pictures in."
  value       = aws_cloudformation_stack.darkroom.outputs["UploadsBucket"]
}

output "event_bus" {
  description = "The EventBridge bus of uploads and jobs."
  value       = aws_cloudformation_stack.darkroom.outputs["EventBus"]
}
