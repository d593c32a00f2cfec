import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.timestamps import now
from darkroom.domain.uploads import Removal, Upload
from darkroom.services.notifications import QueueMessage, notification_of, parse_queue_message, trial_message
from tests.builders import REQUEST, UPLOADS, a_notification, an_upload


@pytest.mark.parametrize(
    "key",
    [
        "a b.png",
        "a+b.png",
        "100%.png",
        "%41.png",
        "%2e%2e/x.png",
        "ü.png",
        "u\u0308.png",
        "😀.png",
        "a?b&c=d.png",
        '"><img>.png',
    ],
)
def test_a_key_is_decoded_exactly_once(key: str) -> None:
    [upload] = parse_queue_message(a_notification(key), UPLOADS).changes

    assert upload.key == key


@pytest.mark.parametrize(
    ("event", "marker"),
    [
        ("ObjectRemoved:DeleteMarkerCreated", True),
        ("LifecycleExpiration:DeleteMarkerCreated", True),
        ("ObjectRemoved:Delete", False),
        ("s3:LifecycleExpiration:Delete", False),
    ],
)
def test_delete_markers_and_permanent_deletions_are_told_apart(event: str, marker: bool) -> None:
    [removal] = parse_queue_message(a_notification("a b.png", event=event, version="v2"), UPLOADS).changes

    assert removal == Removal(UPLOADS, "a b.png", "v2", marker=marker, request_id=REQUEST)
    assert parse_queue_message(notification_of(removal), UPLOADS).changes == (removal,)


@given(st.text(min_size=1, max_size=200).filter(lambda key: key.isprintable()))
def test_any_key_is_parsed_as_it_was_stored(key: str) -> None:
    [upload] = parse_queue_message(a_notification(key), UPLOADS).changes

    assert upload.key == key


def test_an_upload_has_the_fields_of_its_event() -> None:
    [upload] = parse_queue_message(a_notification(version="v7", size_bytes=42), UPLOADS).changes

    assert isinstance(upload, Upload)
    assert (upload.version, upload.size_bytes) == ("v7", 42)
    assert upload.arrived == "2026-01-02T03:04:05.678Z"


@pytest.mark.parametrize(
    ("event_time", "arrived"),
    [
        ('"2026-01-02T03:04:05.678Z"', "2026-01-02T03:04:05.678Z"),
        ('"2026-01-02T05:04:05+02:00"', "2026-01-02T03:04:05.000Z"),
        ('"2026-01-02T03:04:05"', "2026-01-02T03:04:05.000Z"),
    ],
)
def test_arrival_is_the_event_time_in_utc(event_time: str, arrived: str) -> None:
    body = a_notification().replace('"2026-01-02T03:04:05.678Z"', event_time)

    [upload] = parse_queue_message(body, UPLOADS).changes
    assert isinstance(upload, Upload)
    assert upload.arrived == arrived


@pytest.mark.parametrize("event_time", ['"yesterday"', "null", "7", '"0001-01-01T00:00:00+23:00"', "[]"])
def test_an_invalid_event_time_becomes_the_present(event_time: str) -> None:
    before = now()

    [upload] = parse_queue_message(
        a_notification().replace('"2026-01-02T03:04:05.678Z"', event_time), UPLOADS
    ).changes
    assert isinstance(upload, Upload)
    assert before <= upload.arrived <= now()


def test_an_upload_without_a_size_is_accepted() -> None:
    [upload] = parse_queue_message(a_notification().replace('"size": 1000', '"size": null'), UPLOADS).changes

    assert isinstance(upload, Upload)
    assert upload.size_bytes == -1


def test_the_message_of_a_trial_has_its_id_and_no_changes() -> None:
    message = parse_queue_message(trial_message("5f" * 16), UPLOADS)

    assert message == QueueMessage((), (), "5f" * 16)
    assert message.correlation("default") == "5f" * 16


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"uploads"}', "test event"),
        ("not json {", "not JSON"),
        ("[]", "not an object"),
        ('"text"', "not an object"),
        ("{}", "no records"),
        ('{"darkroomTrial": "../x"}', "no records"),
        ('{"darkroomTrial": 7}', "no records"),
        ('{"Records": []}', "no records"),
        ('{"Records": {}}', "no records"),
        ('{"Records": [null]}', "invalid record"),
        ('{"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]}', "invalid record"),
        (
            '{"Records": [{"eventName": "x", "s3": {"bucket": {"name": "uploads"}, "object": {"key": 7}}}]}',
            "invalid record",
        ),
        (a_notification(bucket="another"), "another bucket"),
        (a_notification(event="ObjectTagging:Put"), "another type"),
        ("[" * 100_000, "not JSON"),
        (a_notification("x").replace('"size": 1000', '"size": Infinity'), "invalid record"),
        (a_notification("x").replace('"key": "x"', '"key": "\\ud800"'), "invalid record"),
        (a_notification(""), "without a key"),
        (a_notification("x", size_bytes=10**40), "invalid record"),
        (a_notification("x" * 1025), "invalid record"),
        (a_notification("x", version="v" * 901), "invalid record"),
        (a_notification("x", version="ü" * 451), "invalid record"),
        (a_notification("x", version="\ud800"), "invalid record"),
        (a_notification("holiday/", size_bytes=0), "a folder"),
    ],
)
def test_foreign_messages_are_ignored_with_a_reason(body: str, reason: str) -> None:
    message = parse_queue_message(body, UPLOADS)

    assert message.changes == ()
    assert reason in message.ignored[0]


def test_a_foreign_record_does_not_affect_other_records() -> None:
    records = json.loads(a_notification("good.png"))["Records"]
    body = json.dumps({"Records": [{"eventName": "Nonsense"}, *records]})

    message = parse_queue_message(body, UPLOADS)

    assert [change.key for change in message.changes] == ["good.png"]
    assert len(message.ignored) == 1


@pytest.mark.parametrize("event", ["ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated"])
def test_the_correlation_id_is_the_id_of_the_s3_request(event: str) -> None:
    message = parse_queue_message(
        a_notification("image.png", event=event, request="REQ-7"), UPLOADS, "message 1"
    )

    assert [change.correlation for change in message.changes] == ["REQ-7"]
    assert message.correlation("message 1") == "REQ-7"


def test_the_correlation_id_is_the_id_in_an_assigned_key() -> None:
    [upload] = parse_queue_message(
        a_notification(f"{'a1b2' * 8}/image.png", request="REQ-7"), UPLOADS
    ).changes

    assert upload.correlation == "a1b2" * 8


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 65, 'a","level":"ERROR', "a\n"])
def test_an_invalid_request_id_is_replaced_by_the_message_id(request_id: str) -> None:
    [upload] = parse_queue_message(a_notification(request=request_id), UPLOADS, "059f36b4-87a3").changes

    assert upload.correlation == "059f36b4-87a3"


def test_the_correlation_id_of_a_foreign_message_is_its_message_id() -> None:
    assert parse_queue_message("{}", UPLOADS, "059f36b4-87a3").correlation("059f36b4-87a3") == "059f36b4-87a3"


def test_a_repeated_notification_keeps_or_derives_a_stable_correlation_id() -> None:
    [known] = parse_queue_message(notification_of(an_upload(request_id="REQ-7")), UPLOADS).changes
    nameless = [
        parse_queue_message(notification_of(an_upload(request_id="")), UPLOADS).changes[0] for _ in range(2)
    ]

    assert known.correlation == "REQ-7"
    assert len({upload.correlation for upload in nameless}) == 1
    assert nameless[0].correlation


def test_a_notification_carries_a_chosen_focus() -> None:
    upload = an_upload(chosen_focus="0.31,0.4")

    assert parse_queue_message(notification_of(upload), UPLOADS).changes == (upload,)


@pytest.mark.parametrize("focus", ["left", "2,0", 7, None, ["0.5,0.5"]])
def test_an_invalid_chosen_focus_is_dropped(focus: object) -> None:
    message = json.loads(notification_of(an_upload()))
    message["Records"][0]["s3"]["object"]["darkroomFocus"] = focus

    [change] = parse_queue_message(json.dumps(message), UPLOADS).changes

    assert change == an_upload()
