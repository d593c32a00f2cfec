"""Authentication modes."""

from enum import StrEnum


class AuthMode(StrEnum):
    """How a stack authenticates requests: tokens, IAM signatures (API Gateway checks them), or not at all."""

    TOKEN = "token"  # noqa: S105
    IAM = "iam"
    OPEN = "open"
