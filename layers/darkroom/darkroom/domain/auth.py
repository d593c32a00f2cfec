"""How a stack authenticates requests."""

from enum import StrEnum


class AuthMode(StrEnum):
    """By the stack's tokens, by IAM signatures (checked by API Gateway), or not at all."""

    TOKEN = "token"  # noqa: S105
    IAM = "iam"
    OPEN = "open"
