"""AWS list prices of the services in use, without free tiers and discounts.

Region us-east-1, first price tier of each service. Prices change, and other regions cost more: each price
names its page. `AS_OF` is the month of the last update.
"""

from dataclasses import dataclass

REGION = "us-east-1"
AS_OF = "2026-06"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for `per` units."""

    usd: float
    per: int
    unit: str
    source: str

    def of(self, quantity: float) -> float:
        """Returns the cost of a quantity of units in US dollars."""
        return self.usd * quantity / self.per


_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
# Configured memory times billed seconds, by the template's Architecture.
LAMBDA_GB_SECOND = {
    "arm64": Price(0.0000133334, 1, "GB-second", _LAMBDA),
    "x86_64": Price(0.0000166667, 1, "GB-second", _LAMBDA),
}


def architecture(machine: str) -> str:
    """Returns Lambda's name of a processor architecture, from that of `platform.machine`."""
    return "arm64" if machine.lower() in ("arm64", "aarch64") else "x86_64"


LAMBDA_REQUEST = Price(0.20, 1_000_000, "invocation", _LAMBDA)

_S3 = "https://aws.amazon.com/s3/pricing/"
S3_PUT = Price(0.005, 1_000, "PUT, COPY, POST or LIST request", _S3)
S3_GET = Price(0.0004, 1_000, "GET, HEAD or any other request", _S3)  # DELETE is free
S3_STORAGE = Price(0.023, 1, "GB-month", _S3)

_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
# Up to 1 KB written; doubled in a transaction.
DYNAMODB_WRITE = Price(0.625, 1_000_000, "write request unit", _DYNAMODB)
# Up to 4 KB with a consistent read, else 8 KB. Stream reads by Lambda are free.
DYNAMODB_READ = Price(0.125, 1_000_000, "read request unit", _DYNAMODB)
DYNAMODB_STORAGE = Price(0.25, 1, "GB-month", _DYNAMODB)  # indexes included
DYNAMODB_RECOVERY = Price(0.20, 1, "GB-month of a table with point-in-time recovery", _DYNAMODB)

# Per 64 KB of a message, for each send, receive, delete and empty poll.
SQS_REQUEST = Price(0.40, 1_000_000, "request", "https://aws.amazon.com/sqs/pricing/")

WEBSOCKET_MESSAGE = Price(1.00, 1_000_000, "message of 32 KB", "https://aws.amazon.com/api-gateway/pricing/")

EVENTBRIDGE_EVENT = Price(1.00, 1_000_000, "event of 64 KB", "https://aws.amazon.com/eventbridge/pricing/")

_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
LOGS_INGESTED = Price(0.50, 1, "GB", _CLOUDWATCH)
LOGS_STORED = Price(0.03, 1, "GB-month", _CLOUDWATCH)
METRIC = Price(0.30, 1, "custom metric and month", _CLOUDWATCH)
ALARM = Price(0.10, 1, "alarm and month", _CLOUDWATCH)
DASHBOARD = Price(3.00, 1, "dashboard and month", _CLOUDWATCH)

XRAY_TRACE = Price(5.00, 1_000_000, "trace recorded", "https://aws.amazon.com/xray/pricing/")

_APPCONFIG = "https://aws.amazon.com/systems-manager/pricing/"
APPCONFIG_REQUEST = Price(0.20, 1_000_000, "request", _APPCONFIG)
# A request of a session receives a configuration only the first time, and after each change.
APPCONFIG_RECEIVED = Price(0.0008, 1, "configuration received", _APPCONFIG)

# To the internet, after the first 100 GB of a month. Inbound traffic, and traffic within a region, is free.
TRANSFER_OUT = Price(0.09, 1, "GB", "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer")
