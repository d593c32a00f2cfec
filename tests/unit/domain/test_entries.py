from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.entries import State, shown
from darkroom.domain.keys import alias_of, picture_id_of
from darkroom.domain.renditions import Format
from darkroom.domain.serialization import parse_receipt, serialize_receipt
from darkroom.domain.uploads import rendition_prefix
from tests.builders import a_receipt, a_rejected_receipt, a_rendition, an_encoded, an_entry, an_upload


@pytest.mark.parametrize(
    ("key", "alias"),
    [
        ("image.png", "image.jpg"),
        ("holiday/Beach 1.PNG", "Beach 1.jpg"),
        ("docs", "docs.jpg"),
        ("odd.png/", "odd.jpg"),
        ("//", "_.jpg"),
        (".jpg", ".jpg.jpg"),
        ("jobs/x.png", "x.jpg"),
        (".hidden", ".hidden.jpg"),
        ("archive.tar.gz", "archive.tar.jpg"),
        ("100%.png", "100_.jpg"),
        ("what?.png", "what_.jpg"),
        ("a+b.png", "a+b.jpg"),
        ("<b>.png", "<b>.jpg"),
        ("ünï 😀.png", "ünï 😀.jpg"),
        ("line\nbreak.png", "line_break.jpg"),
    ],
)
def test_an_alias_is_the_stem_of_the_last_segment_plus_jpg(key: str, alias: str) -> None:
    assert alias_of(key) == alias


def test_an_alias_matches_with_an_escaped_or_a_decoded_percent_sign() -> None:
    assert alias_of("100%.jpg".replace("%25", "%")) == alias_of("100%.png")


@pytest.mark.parametrize(
    "key", ["x" * 1024, "\U0001d160" * 256, "é" * 512]
)  # NFC makes the second 3,072 bytes
def test_the_alias_of_the_longest_key_fits_a_partition_key_of_dynamodb(key: str) -> None:
    assert len(alias_of(key).encode()) <= 1024
    assert alias_of(alias_of(key)) == alias_of(key)


@given(st.text(min_size=1))
def test_the_alias_of_an_alias_is_itself(key: str) -> None:
    assert alias_of(alias_of(key)) == alias_of(key)


def test_a_picture_id_is_unique_to_bucket_and_key() -> None:
    assert picture_id_of("a", "b/c") != picture_id_of("a/b", "c")
    assert picture_id_of("a", "b") == picture_id_of("a", "b")
    assert len(picture_id_of("a", "b")) == 32


def test_rendition_keys_depend_on_version_profile_engine_and_generation_only() -> None:
    upload = an_upload()

    prefixes = {
        rendition_prefix(upload, "profile", "engine"),
        rendition_prefix(an_upload(version="v2"), "profile", "engine"),
        rendition_prefix(upload, "other", "engine"),
        rendition_prefix(upload, "profile", "other"),
        rendition_prefix(an_upload(key="other"), "profile", "engine"),
        rendition_prefix(upload, "profile", "engine", generation=1),
        rendition_prefix(upload, "profile", "engine", generation=2),
    }

    assert len(prefixes) == 7
    assert rendition_prefix(an_upload(arrived="later"), "profile", "engine") in prefixes


def test_savings_are_those_of_the_smallest_file_at_full_width() -> None:
    receipt = a_receipt(
        a_rendition(Format.JPEG, 100, size_bytes=10),
        a_rendition(Format.JPEG, 640, size_bytes=300),
        a_rendition(Format.AVIF, 640, size_bytes=150),
        size_bytes=1000,
    )

    assert receipt.saved_bytes == 850
    assert receipt.saved_percent == 85.0


def test_a_larger_rendition_is_a_negative_saving() -> None:
    assert a_receipt(a_rendition(size_bytes=1500), size_bytes=1000).saved_percent == -50.0


def test_a_rejected_picture_saves_nothing() -> None:
    assert a_rejected_receipt().saved_bytes == 0


@pytest.mark.parametrize("receipt", [a_receipt(), a_rejected_receipt()])
def test_a_receipt_is_unchanged_by_serializing_and_parsing(receipt) -> None:  # type: ignore[no-untyped-def]
    assert parse_receipt(serialize_receipt(receipt)) == receipt


def test_reference_and_extra_ladders_are_in_the_receipt_but_not_counted() -> None:
    main = a_rendition(width=640, size_bytes=400)
    reference = a_rendition(width=640, size_bytes=900, ladder="reference")
    square = a_rendition(width=800, size_bytes=100, ladder="square")
    receipt = a_receipt(main, reference, square, size_bytes=1000)

    assert (receipt.shown, receipt.reference) == ((main,), reference)
    assert (receipt.saved_bytes, receipt.of_format(Format.JPEG)) == (600, (main,))


def test_an_animation_is_shown_and_counted_even_if_a_still_is_smaller() -> None:
    moving = a_rendition(Format.WEBP, size_bytes=500, frames=10)
    stills = a_rendition(Format.JPEG, size_bytes=50), a_rendition(Format.AVIF, size_bytes=20)
    receipt = a_receipt(*stills, moving, size_bytes=1000)

    assert receipt.shown == (stills[0], moving)
    assert receipt.saved_bytes == 500


def test_each_rendition_of_a_picture_has_a_unique_name() -> None:
    ordinary = an_encoded(width=640)

    assert [ordinary.name, replace(ordinary, ladder="square").name] == ["640.jpg", "square-640.jpg"]


def test_the_upload_that_became_the_latest_last_is_shown() -> None:
    restored = replace(an_entry(version="a", arrived="2026-01-01"), latest_revision=5)
    newer = replace(an_entry(version="b", arrived="2026-01-02"), latest_revision=3)
    not_begun = an_entry(version="c", arrived="2026-01-03")

    assert shown([newer, restored, not_begun]) == restored


def test_the_upload_that_arrived_last_is_shown_if_none_was_begun() -> None:
    older, newer = an_entry(version="b", arrived="2026-01-01"), an_entry(version="a", arrived="2026-01-02")

    assert shown([newer, older]) == newer


def test_an_announcement_is_shown_until_an_upload_arrives() -> None:
    expected = an_entry(state=State.EXPECTED, version="expected", revision=1)
    arrived = an_entry(state=State.RENDERING, revision=1)

    assert shown([expected]) == expected
    assert shown([expected, arrived]) == arrived
    assert shown([]) is None


def test_a_superseded_upload_is_never_shown() -> None:
    assert shown([an_entry(state=State.SUPERSEDED)]) is None


def test_only_expected_and_rendering_are_not_terminal() -> None:
    assert {state for state in State if not state.terminal} == {State.EXPECTED, State.RENDERING}


def test_control_characters_of_a_key_are_escaped_in_log_lines() -> None:
    fields = an_entry(key='a\n{"level": "forged"}\x1b[31m.png').summary

    assert "\n" not in str(fields["key"])
    assert "\x1b" not in str(fields["key"])
