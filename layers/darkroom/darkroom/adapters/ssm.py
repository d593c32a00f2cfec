"""Who may come in, in AWS Systems Manager's Parameter Store."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.errors import TokensUnavailable
from darkroom.ports import Written

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


@dataclass(frozen=True, slots=True)
class SsmTokenDocument:
    """ports.TokenDocument in one SecureString."""

    name: str
    client: "SSMClient"

    def read(self) -> Written | None:
        try:
            found = self.client.get_parameter(Name=self.name, WithDecryption=True)["Parameter"]
        except self.client.exceptions.ParameterNotFound:
            return None
        except (BotoCoreError, ClientError) as fault:
            raise TokensUnavailable(f"{self.name} can't be read: {fault}") from fault
        return Written(found["Value"], found["Version"])

    def write(self, document: str, expected_version: int) -> bool:
        """Parameter Store compares nothing over one that is there, but its versions count each write."""
        try:
            written = self.client.put_parameter(
                Name=self.name,
                Value=document,
                Type="SecureString",
                Overwrite=expected_version > 0,
            )
        except self.client.exceptions.ParameterAlreadyExists:
            there = self.read()
            return there is not None and there.document == document  # ours, whose answer was lost
        except (BotoCoreError, ClientError) as fault:
            raise TokensUnavailable(f"{self.name} can't be written: {fault}") from fault
        return written["Version"] == expected_version + 1 or self._can_be_superseded(
            document, written["Version"]
        )

    def _can_be_superseded(self, document: str, version: int) -> bool:
        """Puts back what came between, and was not asked; unless that was ours, whose answer was lost."""
        if version == 1:  # deleted since it was read: ours is all that there is
            return True
        try:
            found = self.client.get_parameter(Name=f"{self.name}:{version - 1}", WithDecryption=True)
            between = found["Parameter"]["Value"]
            if between != document:
                self.client.put_parameter(Name=self.name, Value=between, Type="SecureString", Overwrite=True)
        except (BotoCoreError, ClientError) as fault:
            raise TokensUnavailable(f"{self.name} can't be written: {fault}") from fault
        return between == document
