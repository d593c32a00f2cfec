import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from darkroom.domain.entries import Entry, State
from darkroom.domain.receipts import Rejection
from darkroom.domain.uploads import EXPECTED_VERSION, Upload
from darkroom.services.notifications import parse_queue_message
from darkroom.services.trials import Cost, Trial, TrialResult, Trials
from darkroom.settings import WebSettings
from darkroom.web.http import Request, Response, responder_for
from darkroom.web.playground import PlaygroundRoutes
from tests.builders import UPLOADS, a_receipt, a_rejected_receipt, a_rendition, an_entry
from tests.fakes import FakeOriginals, FakeQueue, FakeRenditions, FakeReports, FakeViews
from tests.unit.web.test_forms import form
from tests.unit.web.test_pages import Parsed

FAST = '{"built_in": "fast"}'
COST = Cost(1.5, 3008, "arm64", 0.06, 0.02, 0.001)
UNKNOWN = "0" * 32


@dataclass
class Api:
    """The routes of the playground on fakes, with one rendered picture."""

    reports: FakeReports = field(default_factory=FakeReports)
    views: FakeViews = field(default_factory=FakeViews)
    queue: FakeQueue = field(default_factory=FakeQueue)
    picture: Entry = field(default_factory=an_entry)

    def __post_init__(self) -> None:
        self.views.apply(self.picture)

    @property
    def trials(self) -> Trials:
        return Trials(self.reports)

    @property
    def routes(self) -> PlaygroundRoutes:
        settings = WebSettings(
            UPLOADS, "renditions", "reports", "ledger", "views", "queue", post_limit_bytes=100
        )
        responder = responder_for(FakeOriginals(), FakeRenditions(), self.reports)
        return PlaygroundRoutes(self.views, FakeRenditions(), self.trials, self.queue, responder, settings)

    def start(self, *files: bytes, accept: str = "*/*", **fields: str) -> Response:
        values = {"profile": FAST} | fields
        parts = [(f'name="{name}"', value.encode()) for name, value in values.items()]
        parts += [('name="upload"; filename="sent.png"', content) for content in files]
        content_type, body = form(*parts)
        request = Request("/playground", accept=accept, content_type=content_type, body=body, method="POST")
        return self.routes.start(request)

    def started(self, response: Response) -> Trial:
        """The trial that a response names."""
        trial = self.trials.find(response.headers["Location"].rpartition("/")[2])
        assert trial
        return trial

    def get(self, trial: Trial, accept: str = "application/json") -> Response:
        return self.routes.trial(Request(f"/playground/{trial.id}", accept=accept), trial.id)

    def rendered(self, **changes: Any) -> Trial:
        """A trial with its result."""
        trial = self.started(self.start(picture=self.picture.picture_id))
        rendition = a_rendition(key=f"trials/{trial.id}/renditions/640.jpg", width=640)
        self.trials.conclude(trial, TrialResult(a_receipt(rendition, **changes), COST))
        return trial


@pytest.fixture
def api() -> Api:
    return Api()


def test_a_trial_of_a_picture_of_the_stack_is_sent_to_render(api: Api) -> None:
    response = api.start(picture=api.picture.picture_id)

    trial = api.started(response)
    assert response.status == 202
    assert (trial.upload, trial.document, trial.was_sent) == (api.picture.upload, FAST, False)
    [(message, expected_revision)] = api.queue.sent
    assert (parse_queue_message(message, UPLOADS).trial_id, expected_revision) == (trial.id, None)
    assert json.loads(response.text) == {
        "id": trial.id,
        "page": f"./playground/{trial.id}",
        "name": "image.png",
        "status": "rendering",
        "document": {"built_in": "fast"},
    }


def test_a_file_is_only_in_the_files_of_the_trial(api: Api) -> None:
    trial = api.started(api.start(b"pixels"))

    assert (trial.upload.name, trial.upload.size_bytes, trial.was_sent) == ("sent.png", 6, True)
    assert api.trials.original(trial) == b"pixels"
    assert len(api.views.entries) == 1


def test_a_file_is_preferred_to_a_chosen_picture_and_an_empty_one_is_none(api: Api) -> None:
    """Without a chosen file, browsers send an empty one."""
    with_file = api.started(api.start(b"pixels", picture=api.picture.picture_id))
    without = api.started(api.start(b"", picture=api.picture.picture_id))

    assert (with_file.was_sent, without.was_sent) == (True, False)


@pytest.mark.parametrize("was_sent", [True, False])
def test_the_next_trial_takes_the_picture_of_the_one_before_and_ends_it(api: Api, was_sent: bool) -> None:
    first = api.started(api.start(b"pixels") if was_sent else api.start(picture=api.picture.picture_id))

    second = api.started(api.start(trial=first.id))

    assert second.upload == first.upload
    assert api.trials.original(second) == (b"pixels" if was_sent else b"")
    assert all(key.startswith(f"trials/{second.id}/") for key in api.reports.objects)


def test_a_browser_is_redirected_to_the_trial(api: Api) -> None:
    response = api.start(picture=api.picture.picture_id, accept="text/html")

    assert (response.status, response.headers["Location"]) == (
        303,
        f"./playground/{api.started(response).id}",
    )


@pytest.mark.parametrize("state", [State.RENDERING, State.FAILED, State.DELETED])
def test_a_picture_that_is_not_processed_is_refused(api: Api, state: State) -> None:
    api.views.apply(replace(api.picture, state=state))

    response = api.start(picture=api.picture.picture_id)

    assert response.status == 422
    assert api.reports.objects == {}


def test_an_announced_picture_is_refused(api: Api) -> None:
    expected = Entry(Upload(UPLOADS, "new.png", EXPECTED_VERSION), State.EXPECTED, 1)
    api.views.apply(expected)

    assert api.start(picture=expected.picture_id).status == 422


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Choose a picture."),
        ({"trial": UNKNOWN}, "Choose a picture."),
        ({"trial": "../x"}, "Choose a picture."),
        ({"picture": UNKNOWN}, "Choose another one."),
        ({"picture": ""}, "Choose a picture."),
        ({"profile": "{"}, "not JSON"),
        ({"profile": '{"name": "", "ladders": {"main": {"widths": [0]}}}'}, "ladders.main.formats: missing."),
    ],
)
def test_a_trial_without_picture_or_profile_is_refused_in_words(
    api: Api, fields: dict[str, str], sentence: str
) -> None:
    response = api.start(**fields, accept="application/json")

    assert (response.status, json.loads(response.text)["type"]) == (422, "/docs/problems#bad-trial")
    assert sentence in json.loads(response.text)["detail"]
    assert (api.reports.objects, api.queue.sent) == ({}, [])


def test_every_flaw_of_a_profile_is_named(api: Api) -> None:
    flawed = '{"name": "", "ladders": {"main": {"widths": [0], "formats": {"jpeg": {"target": 99}}}}}'

    detail = json.loads(api.start(b"pixels", profile=flawed, accept="application/json").text)["detail"]

    for path in ("name", "ladders.main.widths[0]", "ladders.main.formats.jpeg.target"):
        assert f"{path}: must be" in detail


def test_a_large_file_is_refused_with_the_way_to_send_it(api: Api) -> None:
    response = api.start(b"x" * 101, accept="application/json")

    assert response.status == 422
    assert "Upload it on the home page, then choose it here." in json.loads(response.text)["detail"]


def test_a_body_that_is_no_form_is_refused(api: Api) -> None:
    request = Request("/playground", content_type="application/json", body=b"{}", method="POST")

    assert api.routes.start(request).status == 422


def test_a_trial_in_progress_is_202(api: Api) -> None:
    trial = api.started(api.start(b"pixels"))

    response, page = api.get(trial), api.get(trial, "text/html")

    assert (response.status, json.loads(response.text)["status"]) == (202, "rendering")
    assert page.status == 202
    assert "data-poll" in Parsed(page.text).all("main")[0]
    assert f"../playground/{trial.id}/end" in [item["action"] for item in Parsed(page.text).all("form")]


def test_the_result_has_receipt_urls_and_cost(api: Api) -> None:
    trial = api.rendered()

    document = json.loads(api.get(trial).text)

    assert (document["status"], document["profile"]) == ("rendered", "default")
    assert document["renditions"][0]["url"].startswith(f"https://reports.test/trials/{trial.id}/")
    assert document["cost"] == {
        "seconds": 1.5,
        "memory_mb": 3008,
        "architecture": "arm64",
        "rendering": 0.06,
        "writing": 0.02,
        "storing": 0.001,
        "total": pytest.approx(0.081),
    }


def test_a_rejection_is_shown_in_words(api: Api) -> None:
    trial = api.started(api.start(b"pixels"))
    api.trials.conclude(trial, TrialResult(a_rejected_receipt(), COST))

    assert json.loads(api.get(trial).text)["status"] == "rejected"
    page = Parsed(api.get(trial, "text/html").text)
    assert page.texts["h1"] == ["It is damaged."]
    assert "Cost of 1,000" not in page.text


def test_the_page_of_a_trial_has_bytes_score_cost_and_the_command_to_push(api: Api) -> None:
    trial = api.rendered()

    response = api.get(trial, "text/html")

    page = Parsed(response.text)
    for text in ("Renditions", "US$ 0.081", "1.50 s each", "darkroom profile push profile.json"):
        assert text in page.text
    assert FAST in page.text
    policy = response.headers["Content-Security-Policy"]
    assert "img-src data: blob: https://renditions.test https://reports.test;" in policy


def test_the_page_compares_with_the_picture_as_it_is_now(api: Api) -> None:
    page = Parsed(api.get(api.rendered(), "text/html").text)

    assert "As it is now, with the profile default, it is" in page.text


def test_an_unknown_or_ended_trial_is_404(api: Api) -> None:
    trial = api.rendered()

    ended = api.routes.end(Request(f"/playground/{trial.id}/end", method="POST"), trial.id)

    assert (ended.status, ended.headers["Location"]) == (303, "../../playground")
    assert api.reports.objects == {}
    assert api.get(trial).status == 404
    assert api.routes.end(Request("/playground/x/end", method="POST"), "x").status == 404


def test_the_form_offers_rendered_pictures_and_the_default_profile(api: Api) -> None:
    rejected = an_entry("torn.png", State.REJECTED)
    rejection = Rejection("corrupt_image", "It is damaged.")
    api.views.apply(replace(rejected, receipt=a_receipt(renditions=(), rejection=rejection)))

    page = Parsed(api.routes.page(Request("/playground")).text)

    radios = [item for item in page.all("input") if item.get("type") == "radio"]
    assert [item["value"] for item in radios] == [api.picture.picture_id]
    assert "checked" in radios[0]
    assert '"name": "default"' in page.texts["textarea"][0]
    assert not [item for item in page.all("input") if item.get("name") == "trial"]


@pytest.mark.parametrize("picture_id", ["", "x", UNKNOWN])
def test_instead_of_an_unknown_picture_the_newest_is_chosen(api: Api, picture_id: str) -> None:
    newest = an_entry("newer.png", arrived="2027-01-01T00:00:00.000Z")
    api.views.apply(newest)

    response = api.routes.page(Request("/playground", query={"picture": picture_id}))

    assert response.status == 200
    chosen = [item["value"] for item in Parsed(response.text).all("input") if "checked" in item]
    assert chosen == [newest.picture_id]


def test_the_link_from_a_picture_chooses_it(api: Api) -> None:
    api.views.apply(an_entry("newer.png", arrived="2027-01-01T00:00:00.000Z"))

    page = Parsed(api.routes.page(Request("/playground", query={"picture": api.picture.picture_id})).text)

    radios = [item for item in page.all("input") if item.get("type") == "radio"]
    assert ["checked" in item for item in radios] == [True, False]
    assert radios[0]["value"] == api.picture.picture_id
