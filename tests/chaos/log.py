"""The log of a run: what changed in S3 and in the ledger, in order.

S3's changes are logged before they are made, the ledger's after: all that a worker may have read in S3 is in
the log before what it wrote.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from darkroom.domain.entries import Entry, Latest, State
from darkroom.domain.uploads import REMOVAL_PREFIX


@dataclass(slots=True)
class S3Step:
    """A change of a key in S3. `kind` is put, marker or destroyed."""

    picture_id: str
    key: str
    kind: str
    version: str = ""  # until S3 has answered


@dataclass(frozen=True, slots=True)
class EntryStep:
    """An entry as it was written to the ledger, without what the protocol does not depend on.

    `receipt` is the time of its receipt, empty if it has none.
    """

    picture_id: str
    version: str
    revision: int
    state: State
    since: str = ""
    lease_expires: str = ""
    latest_revision: int = 0
    generation: int = 0
    receipt: str = ""

    @classmethod
    def of(cls, entry: Entry) -> "EntryStep":
        return cls(
            entry.picture_id,
            entry.upload.version,
            entry.revision,
            entry.state,
            entry.since,
            entry.lease_expires,
            entry.latest_revision,
            entry.generation,
            entry.receipt.at if entry.receipt else "",
        )

    @property
    def is_removal(self) -> bool:
        return self.version.startswith(REMOVAL_PREFIX)


type Item = EntryStep | Latest
type Step = S3Step | Item


_KINDS: dict[str, type[Step]] = {"s3": S3Step, "entry": EntryStep, "latest": Latest}


def write(steps: Iterable[Step], file: Path) -> None:
    names = {kind: name for name, kind in _KINDS.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps({names[type(step)]: asdict(step)}) + "\n" for step in steps))


def read(file: Path) -> Iterator[Step]:
    for line in file.read_text().splitlines():
        [(kind, values)] = json.loads(line).items()
        if kind == "entry":
            values["state"] = State(values["state"])
        if kind == "latest":
            values["live_versions"] = tuple(values["live_versions"])
        yield _KINDS[kind](**values)
