"""The tokens in AWS Systems Manager Parameter Store."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.errors import TokensUnavailable
from darkroom.ports import StoredDocument

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


@dataclass(frozen=True, slots=True)
class SsmTokenDocument:
    """ports.TokenDocument in one SecureString."""

    name: str
    client: "SSMClient"

    def read(self) -> StoredDocument | None:
        try:
            parameter = self.client.get_parameter(Name=self.name, WithDecryption=True)["Parameter"]
        except self.client.exceptions.ParameterNotFound:
            return None
        except (BotoCoreError, ClientError) as fault:
            raise TokensUnavailable(f"cannot read {self.name}: {fault}") from fault
        return StoredDocument(parameter["Value"], parameter["Version"])

    def write(self, document: str, expected_version: int) -> bool:
        # PutParameter has no condition on the version: only the new number reveals a write in between.
        try:
            version = self.client.put_parameter(
                Name=self.name, Value=document, Type="SecureString", Overwrite=expected_version > 0
            )["Version"]
            if version in (1, expected_version + 1):  # 1: the parameter was deleted since it was read
                return True
            previous = self.client.get_parameter(Name=f"{self.name}:{version - 1}", WithDecryption=True)
        except self.client.exceptions.ParameterAlreadyExists:
            written = self.read()
            return written is not None and written.document == document
        except (BotoCoreError, ClientError) as fault:
            raise TokensUnavailable(f"cannot write {self.name}: {fault}") from fault
        # True for our own document: botocore has retried a write whose response was lost.
        return previous["Parameter"]["Value"] == document
