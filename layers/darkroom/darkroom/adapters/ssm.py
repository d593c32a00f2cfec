"""Who may come in, in AWS Systems Manager's Parameter Store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.errors import NoAccess
from darkroom.ports import Written

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


@dataclass(slots=True)
class SsmAccessDocument:
    """ports.AccessDocument in one SecureString. The client is made when it is first needed."""

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
            raise NoAccess(f"{self.name} can't be read: {fault}") from fault
        return Written(found["Value"], found["Version"])

    def write(self, document: str, over: int) -> bool:
        """Parameter Store compares nothing over one that is there, but its versions count each write."""
        client = self._connected()
        try:
            written = client.put_parameter(
                Name=self.name,
                Value=document,
                Type="SecureString",
                Overwrite=over > 0,
            )
        except client.exceptions.ParameterAlreadyExists:
            return False
        except (BotoCoreError, ClientError) as fault:
            raise NoAccess(f"{self.name} can't be written: {fault}") from fault
        return written["Version"] == over + 1

    def _connected(self) -> "SSMClient":
        if self._client is None:
            self._client = self.connect()
        return self._client
