from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from darkroom.domain.entries import Entry, State
from darkroom.domain.errors import DeadlineExceeded, ProfileUnavailable, RejectedPicture, RevisionConflict
from darkroom.domain.focus import AUTO
from darkroom.domain.profile import Crop, Fit, FormatChoice, Ladder, Profile, built_in
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import Format
from darkroom.domain.uploads import NO_VERSION, Removal, Upload, rendition_prefix
from darkroom.services.reconciling import Reconciler, Worker
from darkroom.services.rendering import budget
from tests.builders import a_member, a_reconciler, a_rendering, an_encoded, an_upload
from tests.fakes import FakeLedger, FakeOriginals, FakeProfiles, FakeRenditions


@dataclass
class Setup:
    """A reconciler on fakes, with one upload in its bucket."""

    originals: FakeOriginals = field(default_factory=FakeOriginals)
    renditions: FakeRenditions = field(default_factory=FakeRenditions)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    profiles: FakeProfiles = field(default_factory=FakeProfiles)

    def __post_init__(self) -> None:
        self.originals.store("image.png", b"pixels", "image/png")

    def render(self, engine: Callable[[bytes, Profile], Rendered], **changes: object) -> Entry:
        [entry] = self.reconciler.apply(an_upload(**changes), Worker(engine))  # type: ignore[arg-type]
        return entry

    @property
    def reconciler(self) -> Reconciler:
        return a_reconciler(self.originals, self.renditions, self.ledger, self.profiles)


@pytest.fixture
def setup() -> Setup:
    return Setup()


def working(content: bytes, profile: Profile) -> Rendered:
    assert content == b"pixels"
    return a_rendering(an_encoded(width=100), an_encoded(width=640))


def rejecting(content: bytes, profile: Profile) -> Rendered:
    raise RejectedPicture("corrupt_image", "It is damaged.")


def never(content: bytes, profile: Profile) -> Rendered:
    raise AssertionError("the engine was called")


def failing(content: bytes, profile: Profile) -> Rendered:
    raise OSError("the disk is gone")


def test_an_upload_becomes_renditions_and_a_receipt(setup: Setup) -> None:
    entry = setup.render(working)

    assert entry.state is State.RENDERED
    assert entry.receipt
    assert [r.width for r in entry.receipt.renditions] == [100, 640]
    assert {key: content for key, (content, _) in setup.renditions.objects.items()} == {
        rendition.key: f"jpeg {rendition.width}".encode() for rendition in entry.receipt.renditions
    }
    assert setup.ledger.entries[entry.picture_id, "v1"] == entry


def test_a_rejected_picture_has_a_reason_and_no_renditions(
    setup: Setup,
) -> None:
    entry = setup.render(rejecting)

    assert entry.state is State.REJECTED
    assert entry.rejection
    assert (entry.rejection.reason, entry.rejection.sentence) == ("corrupt_image", "It is damaged.")
    assert not setup.renditions.objects


def test_a_picture_over_the_size_limit_is_rejected_before_it_is_read(setup: Setup) -> None:
    class Huge(FakeOriginals):
        def current(self, key: str) -> Upload | None:
            found = super().current(key)
            return replace(found, size_bytes=200_000_000) if found else None

    setup.originals = Huge(objects=setup.originals.objects)

    entry = setup.render(never, size_bytes=1000)  # an event may be wrong; S3 is not

    assert entry.rejection
    assert entry.rejection.reason == "too_large"
    assert (entry.rejection.limit, entry.rejection.actual) == (100_000_000, 200_000_000)


def test_an_empty_file_is_rejected_before_it_is_read(setup: Setup) -> None:
    setup.originals.objects["empty.png", "v1"] = b""

    entry = setup.render(never, key="empty.png")

    assert entry.rejection
    assert entry.rejection.reason == "empty_file"


def test_an_upload_whose_original_is_gone_ends_as_deleted(setup: Setup) -> None:
    assert setup.render(never, key="gone.png").state is State.DELETED


@pytest.mark.parametrize("first", [working, rejecting])
def test_a_redelivery_of_a_concluded_upload_changes_nothing(
    setup: Setup, first: Callable[..., Rendered]
) -> None:
    done = setup.render(first)

    assert setup.render(never) == done


def test_any_other_fault_is_raised_and_the_next_attempt_succeeds(setup: Setup) -> None:
    with pytest.raises(OSError, match="disk"):
        setup.render(failing)

    entry = setup.render(working)

    assert (entry.state, len(entry.attempts), entry.revision) == (State.RENDERED, 2, 4)


def test_a_worker_accepts_what_another_has_published_meanwhile(setup: Setup) -> None:
    published = []

    def overtaken(content: bytes, profile: Profile) -> Rendered:
        published.append(setup.render(working))
        return working(content, profile)

    assert setup.render(overtaken) == published[0]


def test_a_key_that_changes_in_every_attempt_is_left_to_the_redelivery(setup: Setup) -> None:
    def changing(content: bytes, profile: Profile) -> Rendered:
        latest = setup.ledger.latest(an_upload().picture_id)
        assert latest
        setup.ledger.advance(latest.becoming(latest.version))
        return working(content, profile)

    with pytest.raises(RevisionConflict):
        setup.render(changing)

    assert setup.render(working).state is State.RENDERED


def test_a_rendering_uses_the_profile_active_at_its_start(setup: Setup) -> None:
    profiles = []

    def replaced_meanwhile(content: bytes, profile: Profile) -> Rendered:
        profiles.append(profile)
        setup.profiles.profile = built_in("fast")
        return a_rendering()

    first = setup.render(replaced_meanwhile)
    setup.originals.store("image.png", b"pixels", "image/png")
    second = setup.render(replaced_meanwhile, version="v2")

    assert profiles == [built_in("default"), built_in("fast")]
    for entry, profile in ((first, built_in("default")), (second, built_in("fast"))):
        assert entry.receipt
        assert (entry.receipt.profile, entry.receipt.profile_hash) == (profile.name, profile.hash)
        prefix = rendition_prefix(entry.upload, profile.hash, "engine 1")
        assert all(rendition.key.startswith(f"{prefix}/") for rendition in entry.receipt.renditions)


def test_without_a_profile_the_attempt_fails_and_the_next_one_succeeds(setup: Setup) -> None:
    setup.profiles.profile = None
    with pytest.raises(ProfileUnavailable):
        setup.render(never)

    setup.profiles.profile = built_in("fast")

    entry = setup.render(working)
    assert entry.receipt
    assert entry.receipt.profile == "fast"


def test_rendering_again_writes_the_same_keys(setup: Setup) -> None:
    first = setup.render(working)
    setup.ledger.entries.clear()

    second = setup.render(working)

    assert first.receipt
    assert second.receipt
    assert second.receipt.renditions == first.receipt.renditions
    assert len(setup.renditions.objects) == 2


def test_the_limits_of_the_decoder_process_are_below_those_of_the_function() -> None:
    memory_bytes, seconds = budget(memory_mb=1769, remaining_milliseconds=60_000)

    assert memory_bytes == 1769 * 1024 * 1024 - 300_000_000
    assert seconds == 56


def test_too_little_remaining_time_is_not_a_rejection() -> None:
    with pytest.raises(DeadlineExceeded):
        budget(memory_mb=1769, remaining_milliseconds=7_000)


def test_one_failing_upload_does_not_block_the_others(setup: Setup) -> None:
    setup.originals.store("other.png", b"pixels", "image/png")
    done: list[str] = []

    def engine(content: bytes, profile: Profile) -> Rendered:
        if not done:
            done.append("failed")
            raise OSError("the disk is gone")
        return working(content, profile)

    uploads = [an_upload("image.png"), an_upload("other.png", "v2")]

    with pytest.raises(ExceptionGroup) as caught:
        done.extend(entry.upload.key for entry in setup.reconciler.apply_each(uploads, Worker(engine)))

    assert done == ["failed", "other.png"]
    assert [str(fault) for fault in caught.value.exceptions] == ["the disk is gone"]


def test_an_announced_upload_becomes_a_member_when_it_arrives(setup: Setup) -> None:
    member = a_member(2)
    setup.ledger.expect([member])
    setup.originals.objects[member.upload.key, "v1"] = b"pixels"

    [entry] = setup.reconciler.apply(an_upload(member.upload.key), Worker(working))

    assert (entry.state, entry.job_id, entry.number) == (State.RENDERED, member.job_id, 2)


def test_a_key_in_the_form_of_an_announced_one_is_no_member(setup: Setup) -> None:
    key = "0" * 32 + "/beach.png"
    setup.originals.objects[key, "v1"] = b"pixels"

    [entry] = setup.reconciler.apply(an_upload(key), Worker(working))

    assert entry.job_id == ""


def test_an_upload_keeps_its_first_correlation_id(setup: Setup) -> None:
    with pytest.raises(OSError, match="disk"):
        setup.render(failing, request_id="first")

    entry = setup.render(working, request_id="second")

    assert entry.upload.correlation == "first"
    entry = setup.render(never, request_id="third")
    assert entry.upload.request_id == "first"


def test_an_upload_without_a_correlation_id_gets_the_one_of_the_next_event(setup: Setup) -> None:
    with pytest.raises(OSError, match="disk"):
        setup.render(failing, request_id="")

    assert setup.render(working, request_id="second").upload.request_id == "second"


def test_a_version_read_from_s3_has_the_correlation_id_of_the_change(setup: Setup) -> None:
    removal = Removal("uploads", "image.png", "v9", marker=True, request_id="removal")
    unversioned = an_upload(version=NO_VERSION, request_id="unversioned")

    [by_removal] = setup.reconciler.apply(removal, Worker(working))
    [by_event] = Setup().reconciler.apply(unversioned, Worker(working))

    assert (by_removal.upload.request_id, by_event.upload.request_id) == ("removal", "unversioned")


def focused_crop(*ladders: Ladder) -> Profile:
    choices = (FormatChoice(Format.JPEG, 80),)
    main = Ladder("main", (640,), choices)
    square = Ladder("square", (100,), choices, crop=Crop(Fit.COVER, (1, 1), AUTO))
    return Profile("mine", (main, square, *ladders))


@dataclass
class Focusing:
    """Renders one upload with a profile that has a crop, and keeps the profile of the engine."""

    setup: Setup
    used: list[Profile] = field(default_factory=list)

    def render(self, metadata: str = "", expected_revision: int | None = None, **changes: str) -> Entry:
        self.setup.profiles = FakeProfiles(focused_crop())
        self.setup.originals.focuses["image.png", "v1"] = metadata
        [entry] = self.setup.reconciler.apply(an_upload(**changes), Worker(self._engine), expected_revision)
        return entry

    def _engine(self, content: bytes, profile: Profile) -> Rendered:
        self.used.append(profile)
        return a_rendering(an_encoded(width=100))

    @property
    def focus(self) -> object:
        crop = self.used[-1].ladders[1].crop
        return crop and crop.focus


def decisions(entry: Entry) -> list[tuple[str, str]]:
    return [(decision.code, decision.why) for decision in entry.receipt.decisions] if entry.receipt else []


def test_an_upload_is_rendered_with_the_focus_of_its_metadata(setup: Setup) -> None:
    focusing = Focusing(setup)

    entry = focusing.render("0.31, 0.40")

    assert focusing.focus == (0.31, 0.4)
    assert ("focus_own", "The focus 0.31,0.4 was sent with the picture.") in decisions(entry)
    assert entry.receipt
    assert entry.receipt.profile_hash == focused_crop().hash


def test_an_invalid_focus_is_a_decision_and_the_profile_is_used(setup: Setup) -> None:
    focusing = Focusing(setup)

    entry = focusing.render("left\x1b<b>")

    assert focusing.focus == AUTO
    [(code, why), *_] = decisions(entry)
    assert code == "focus_invalid"
    assert "'left\\x1b<b>'" in why


def test_a_focus_without_a_crop_is_no_decision(setup: Setup) -> None:
    setup.originals.focuses["image.png", "v1"] = "0.31,0.40"

    assert [code for code, _ in decisions(setup.render(working))] == [
        code for code, _ in decisions(Setup().render(working))
    ]


def test_a_chosen_focus_gives_new_keys_and_outlasts_other_renderings(setup: Setup) -> None:
    focusing = Focusing(setup)
    first = focusing.render("0.31,0.40")

    chosen = focusing.render("0.31,0.40", first.revision, chosen_focus="0.9,0.1")
    again = focusing.render("0.31,0.40", chosen.revision)

    assert ("focus_own", "The focus 0.9,0.1 was chosen on the picture's page.") in decisions(chosen)
    assert focusing.focus == (0.9, 0.1)
    keys = [entry.rendition_keys for entry in (first, chosen, again)]
    assert len({*keys}) == 3
    assert not {*keys[0]} & {*keys[1]}


def test_a_focus_chosen_for_an_older_revision_renders_nothing(setup: Setup) -> None:
    focusing = Focusing(setup)
    first = focusing.render()

    again = focusing.render("", first.revision - 1, chosen_focus="0.9,0.1")

    assert again == first
    assert len(focusing.used) == 1


def test_a_focus_chosen_for_an_older_version_is_not_that_of_the_newer(setup: Setup) -> None:
    focusing = Focusing(setup)
    first = focusing.render()
    setup.originals.objects["image.png", "v2"] = b"pixels"
    [newer] = setup.reconciler.apply(an_upload(version="v2"), Worker(focusing._engine))

    focusing.render("", first.revision, chosen_focus="0.9,0.1")

    assert newer.upload.chosen_focus == ""
    assert focusing.focus == AUTO
    assert setup.ledger.entries[newer.picture_id, "v2"] == newer
