"""Trials: their result, their cost, and that nothing of them stays."""

from dataclasses import dataclass, field, replace

import pytest

from darkroom.domain.errors import DecoderProcessDied, RejectedPicture, UploadGone
from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import REFERENCE
from darkroom.domain.uploads import NO_VERSION, Upload
from darkroom.services.rendering import Engine
from darkroom.services.trials import Trial, TrialRenderer, Trials
from tests.builders import a_rendering, an_encoded, an_upload
from tests.fakes import FakeOriginals, FakeReports

FAST, DEFAULT = '{"built_in": "fast"}', '{"built_in": "default"}'
SENT = Upload("", "sent.png", NO_VERSION, size_bytes=6)


@dataclass
class Setup:
    """Trials on fakes, and a picture of the stack; `profiles` are those that the engine was called with."""

    reports: FakeReports = field(default_factory=FakeReports)
    originals: FakeOriginals = field(default_factory=FakeOriginals)
    profiles: list[Profile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.originals.store("image.png", b"pixels", "image/png")

    @property
    def trials(self) -> Trials:
        return Trials(self.reports)

    def render(self, trial: Trial, engine: Engine | None = None) -> None:
        renderer = TrialRenderer(self.trials, self.originals, "engine 1", 2048, "arm64")
        renderer.render(trial.id, engine or self.working)

    def working(self, content: bytes, profile: Profile) -> Rendered:
        assert content == b"pixels"
        self.profiles.append(profile)
        reference = replace(an_encoded(width=640), ladder=REFERENCE)
        rendered = a_rendering(an_encoded(width=100), an_encoded(width=640), reference)
        return replace(rendered, milliseconds={"encode_jpeg": 3000.0, "add_reference": 500.0})


@pytest.fixture
def setup() -> Setup:
    return Setup()


def test_a_picture_of_the_stack_is_rendered_with_the_profile_of_the_trial(setup: Setup) -> None:
    trial = setup.trials.create(an_upload(), FAST)
    assert setup.trials.result(trial.id) is None

    setup.render(trial)

    result = setup.trials.result(trial.id)
    assert result
    assert (result.receipt.profile, result.receipt.engine) == ("fast", "engine 1")
    assert [r.width for r in result.receipt.shown] == [100, 640]
    keys = [rendition.key for rendition in result.receipt.renditions]
    assert {setup.reports.read(key) for key in keys} == {b"jpeg 100", b"jpeg 640"}


def test_a_sent_picture_is_rendered(setup: Setup) -> None:
    trial = setup.trials.create(SENT, FAST, b"pixels")

    setup.render(trial)

    assert trial.was_sent
    assert setup.trials.find(trial.id) == trial
    assert setup.trials.result(trial.id)


def test_a_trial_has_a_reference_even_if_the_profile_has_none(setup: Setup) -> None:
    trial = setup.trials.create(an_upload(), FAST)

    setup.render(trial)

    result = setup.trials.result(trial.id)
    assert [profile.reference for profile in setup.profiles] == [True]
    assert result
    assert result.receipt.reference


@pytest.mark.parametrize(("document", "seconds", "files"), [(FAST, 3.0, 2), (DEFAULT, 3.5, 3)])
def test_the_cost_is_that_of_the_profile(setup: Setup, document: str, seconds: float, files: int) -> None:
    """The reference costs only if the profile asks for it."""
    trial = setup.trials.create(an_upload(), document)

    setup.render(trial)

    result = setup.trials.result(trial.id)
    assert result
    cost = result.cost
    assert (cost.seconds, cost.memory_mb, cost.architecture) == (seconds, 2048, "arm64")
    assert cost.rendering == pytest.approx(1000 * (seconds * 2 * 0.0000133334 + 0.0000002))
    assert cost.writing == pytest.approx(files * 0.005)
    assert cost.storing == pytest.approx(0.000008 * files * 0.023, rel=0.1)
    assert cost.total == pytest.approx(cost.rendering + cost.writing + cost.storing)


@pytest.mark.parametrize("kind", [RejectedPicture, DecoderProcessDied])
def test_a_rejection_is_the_result(setup: Setup, kind: type[RejectedPicture]) -> None:
    """Also if the decoder process dies for the first time: whoever waits can try again."""
    trial = setup.trials.create(SENT, FAST, b"pixels")

    def rejecting(_content: bytes, _profile: Profile) -> Rendered:
        raise kind("crashed", "The decoder crashed.")

    setup.render(trial, rejecting)

    result = setup.trials.result(trial.id)
    assert result
    assert result.receipt.rejection
    assert (result.receipt.rejection.sentence, result.receipt.renditions) == ("The decoder crashed.", ())


def test_a_picture_that_is_gone_has_no_result(setup: Setup) -> None:
    trial = setup.trials.create(an_upload("gone.png"), FAST)

    with pytest.raises(UploadGone):
        setup.render(trial)

    assert setup.trials.result(trial.id) is None


@pytest.mark.parametrize("upload", [an_upload(), SENT])
def test_the_end_of_a_trial_leaves_nothing(setup: Setup, upload: Upload) -> None:
    trial = setup.trials.create(upload, FAST, None if upload.bucket else b"pixels")
    setup.render(trial)

    for _ in range(2):  # the second time changes nothing
        setup.trials.end(trial.id)

    assert setup.reports.objects == {}
    assert setup.trials.find(trial.id) is None


def test_a_trial_that_has_ended_is_not_rendered(setup: Setup) -> None:
    trial = setup.trials.create(SENT, FAST, b"pixels")
    setup.trials.end(trial.id)

    setup.render(trial)

    assert setup.profiles == []
    assert setup.reports.objects == {}


def test_a_trial_that_ends_while_it_is_rendered_leaves_nothing(setup: Setup) -> None:
    trial = setup.trials.create(an_upload(), FAST)

    def ending(content: bytes, profile: Profile) -> Rendered:
        setup.trials.end(trial.id)
        return setup.working(content, profile)

    setup.render(trial, ending)

    assert setup.reports.objects == {}


@pytest.mark.parametrize("last", range(7))
def test_a_trial_that_ends_at_any_call_of_s3_leaves_nothing(setup: Setup, last: int) -> None:
    """`end` runs between two calls of the renderer, or after its last one."""
    trial = setup.trials.create(SENT, FAST, b"pixels")
    calls = 0

    class Interrupted(FakeReports):
        def store(self, key: str, content: bytes, media_type: str) -> None:
            super().store(key, content, media_type)
            self._count()

        def read(self, key: str) -> bytes | None:
            content = super().read(key)
            self._count()
            return content

        def _count(self) -> None:
            nonlocal calls
            calls += 1
            if calls == last + 1:
                Trials(FakeReports(self.objects)).end(trial.id)

    reports = Interrupted(setup.reports.objects)
    TrialRenderer(Trials(reports), setup.originals, "engine 1", 2048, "arm64").render(
        trial.id, lambda _content, profile: setup.working(b"pixels", profile)
    )

    assert calls > last
    assert setup.reports.objects == {}
