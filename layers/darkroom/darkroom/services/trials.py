"""Trials of the playground: one picture rendered with a profile that is not live.

A trial consists of files in the reports bucket, below a prefix of its own. Nothing else is written. Ending a
trial deletes them; S3 deletes those of a forgotten trial after a day.
"""

import json
import secrets
from dataclasses import asdict, dataclass, replace

from darkroom.domain.prices import LAMBDA_GB_SECOND, LAMBDA_REQUEST, S3_PUT, S3_STORAGE
from darkroom.domain.profile import Profile, parse_profile
from darkroom.domain.receipts import Receipt, Rendered
from darkroom.domain.renditions import REFERENCE, Encoded, Rendition
from darkroom.domain.serialization import JsonObject, parse_receipt, serialize_receipt
from darkroom.domain.uploads import Upload
from darkroom.ports import Originals, Reports
from darkroom.services.rendering import Engine, render_picture

_JSON = "application/json"
_TRIAL, _ORIGINAL, _RESULT = "trial.json", "original", "result.json"
_PICTURES = 1000
# The step of the pipeline that adds the reference.
_REFERENCE_STEP = "add_reference"


@dataclass(frozen=True, slots=True)
class Trial:
    """A picture to render, and the profile as it would be pushed.

    `upload` has no bucket if the picture was sent for trials only.
    """

    id: str
    upload: Upload
    document: str

    @property
    def was_sent(self) -> bool:
        return not self.upload.bucket


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars for 1,000 such pictures: to render them, and to write and store their renditions.

    `seconds` is the time of one rendering in a function of `memory_mb`. Storage is for a month.
    """

    seconds: float
    memory_mb: int
    architecture: str
    rendering: float
    writing: float
    storing: float

    @property
    def total(self) -> float:
        return self.rendering + self.writing + self.storing


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The receipt of a trial, and the cost.

    The receipt always has a reference, to compare the renditions with by eye. The cost is without it if the
    profile asks for none.
    """

    receipt: Receipt
    cost: Cost


@dataclass(frozen=True, slots=True)
class Trials:
    """The trials of a stack.

    A trial exists as long as its file `trial.json`, which is written first and deleted first.
    """

    reports: Reports

    def create(self, upload: Upload, document: str, content: bytes | None = None) -> Trial:
        """Stores a trial of a valid profile; `content` is that of a picture sent for trials only."""
        trial = Trial(secrets.token_hex(16), upload, document)
        if content is not None:
            self.reports.store(_key(trial.id, _ORIGINAL), content, "application/octet-stream")
        self.reports.store(_key(trial.id, _TRIAL), json.dumps(asdict(trial)).encode(), _JSON)
        return trial

    def find(self, trial_id: str) -> Trial | None:
        """Returns a trial; None if there is none, or if it has ended."""
        stored = self._read(trial_id, _TRIAL)
        return Trial(**stored | {"upload": Upload(**stored["upload"])}) if stored else None

    def original(self, trial: Trial) -> bytes:
        """Returns the picture that was sent with a trial."""
        return self.reports.read(_key(trial.id, _ORIGINAL)) or b""

    def store(self, trial: Trial, file: Encoded) -> Rendition:
        """Stores a rendition of a trial."""
        key = _key(trial.id, f"renditions/{file.name}")
        self.reports.store(key, file.data, file.format.media_type)
        return file.stored_as(key)

    def conclude(self, trial: Trial, result: TrialResult) -> None:
        """Stores the result of a trial, unless the trial has ended meanwhile."""
        document = {"receipt": serialize_receipt(result.receipt), "cost": asdict(result.cost)}
        self.reports.store(_key(trial.id, _RESULT), json.dumps(document).encode(), _JSON)
        if self.find(trial.id) is None:
            self.end(trial.id)

    def result(self, trial_id: str) -> TrialResult | None:
        """Returns the result of a trial; None until its picture is rendered."""
        stored = self._read(trial_id, _RESULT)
        return TrialResult(parse_receipt(stored["receipt"]), Cost(**stored["cost"])) if stored else None

    def end(self, trial_id: str) -> None:
        """Deletes all files of a trial. Idempotent.

        `conclude` looks for the trial after it has stored the result, and this looks for the result after it
        has deleted the trial: if both run at once, at least one of them finds the renditions.
        """
        self.reports.remove([_key(trial_id, _TRIAL)])
        result = self.result(trial_id)
        renditions = [rendition.key for rendition in result.receipt.renditions] if result else []
        self.reports.remove([*renditions, _key(trial_id, _RESULT), _key(trial_id, _ORIGINAL)])

    def _read(self, trial_id: str, name: str) -> JsonObject | None:
        content = self.reports.read(_key(trial_id, name))
        return None if content is None else json.loads(content)


@dataclass(frozen=True, slots=True)
class TrialRenderer:
    """Renders the pictures of trials, in a function of `memory_mb`."""

    trials: Trials
    originals: Originals
    engine_version: str
    memory_mb: int
    architecture: str

    def render(self, trial_id: str, engine: Engine) -> None:
        """Renders a trial, unless it has ended. Raises UploadGone if its picture was deleted."""
        trial = self.trials.find(trial_id)
        if trial is None:
            return
        profile = parse_profile(trial.document)

        def read() -> bytes:
            return self.trials.original(trial) if trial.was_sent else self.originals.read(trial.upload)

        def with_reference(content: bytes, focused: Profile) -> Rendered:
            return engine(content, replace(focused, reference=True))

        receipt = render_picture(
            trial.upload,
            profile,
            self.engine_version,
            read,
            with_reference,
            lambda file: self.trials.store(trial, file),
            crash_is_final=True,
        )
        self.trials.conclude(trial, TrialResult(receipt, self._cost(receipt, profile)))

    def _cost(self, receipt: Receipt, profile: Profile) -> Cost:
        sizes = [r.size_bytes for r in receipt.renditions if profile.reference or r.ladder != REFERENCE]
        steps = receipt.milliseconds.items()
        seconds = sum(ms for step, ms in steps if profile.reference or step != _REFERENCE_STEP) / 1000
        gb_seconds = _PICTURES * seconds * self.memory_mb / 1024
        return Cost(
            seconds,
            self.memory_mb,
            self.architecture,
            LAMBDA_GB_SECOND[self.architecture].of(gb_seconds) + LAMBDA_REQUEST.of(_PICTURES),
            S3_PUT.of(_PICTURES * len(sizes)),
            S3_STORAGE.of(_PICTURES * sum(sizes) / 1e9),
        )


def _key(trial_id: str, name: str) -> str:
    return f"trials/{trial_id}/{name}"
