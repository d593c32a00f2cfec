"""Who may come in, in AWS Systems Manager's Parameter Store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.errors import TokensUnavailable
from darkroom.ports import Written

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


@dataclass(slots=True)
class SsmTokenDocument:
    """ports.TokenDocument in one SecureString. The client is made when it is first needed."""

    name: str
    connect: Callable[[], "SSMClient"]
    _client: "SSMClient | None" = field(default=None, init=False)

    def read(self) -> Written | None:
        client = self._connected()
        try:
            found = client.get_parameter(Name=self.name, WithDecryption=True)["Parameter"]
        except client.exceptions.ParameterNotFound:
            return None
        except (BotoCoreError, ClientError) as fault:
            raise TokensUnavailable(f"{self.name} can't be read: {fault}") from fault
        return Written(found["Value"], found["Version"])

    def write(self, document: str, expected_version: int) -> bool:
        """Parameter Store compares nothing over one that is there, but its versions count each write."""
        client = self._connected()
        try:
            written = client.put_parameter(
                Name=self.name,
                Value=document,
                Type="SecureString",
                Overwrite=expected_version > 0,
            )
        except client.exceptions.ParameterAlreadyExists:
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
        client = self._connected()
        try:
            found = client.get_parameter(Name=f"{self.name}:{version - 1}", WithDecryption=True)
            between = found["Parameter"]["Value"]
            if between != document:
                client.put_parameter(Name=self.name, Value=between, Type="SecureString", Overwrite=True)
        except (BotoCoreError, ClientError) as fault:
            raise TokensUnavailable(f"{self.name} can't be written: {fault}") from fault
        return between == document

    def _connected(self) -> "SSMClient":
        if self._client is None:
            self._client = self.connect()
        return self._client
