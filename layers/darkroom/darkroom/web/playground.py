"""The routes of the playground: render one picture with a profile before it is pushed.

It is for those who may change things, and never public. `render` does the work. Nothing is written but the
files of trials.
"""

import json
from dataclasses import asdict, dataclass

from darkroom.domain.entries import Entry, State, shown
from darkroom.domain.errors import BadProfile, BadRequest
from darkroom.domain.keys import is_id
from darkroom.domain.profile import parse_profile, profile_texts
from darkroom.domain.renditions import Rendition
from darkroom.domain.serialization import JsonObject, serialize_receipt
from darkroom.domain.uploads import NO_VERSION, Upload
from darkroom.ports import Queue, Renditions, Views
from darkroom.services.notifications import trial_message
from darkroom.services.trials import Trial, TrialResult, Trials
from darkroom.settings import WebSettings
from darkroom.web import problems
from darkroom.web.forms import PostedForm, posted_form
from darkroom.web.http import Request, Responder, Response
from darkroom.web.negotiation import Wanted
from darkroom.web.pages import views as pages
from darkroom.web.pages.markup import Link
from darkroom.web.pictures import recent_pictures

_FIRST_PROFILE = "default"


@dataclass(frozen=True, slots=True)
class PlaygroundRoutes:
    """The routes under `/playground`."""

    views: Views
    renditions: Renditions
    trials: Trials
    queue: Queue
    responder: Responder
    settings: WebSettings

    def page(self, request: Request) -> Response:
        """`GET /playground`: returns the form; `?picture=` chooses a picture, else the newest is chosen."""
        chosen = request.query.get("picture", "")
        return self.responder.page(200, self._playground(request, chosen, profile_texts()[_FIRST_PROFILE]))

    def start(self, request: Request) -> Response:
        """`POST /playground`: starts a trial, and ends the one before it."""
        try:
            form = posted_form(request.content_type, request.body)
            document = form.fields.get("profile", "")
            parse_profile(document)
            upload, content = self._picture_of(form)
        except BadProfile as bad:
            sentence = f"The profile is not valid. {' '.join(f'{flaw}.' for flaw in bad.flaws)}"
            return self.responder.problem(request, problems.BAD_TRIAL, sentence)
        except BadRequest as fault:
            return self.responder.problem(request, problems.BAD_TRIAL, str(fault))
        trial = self.trials.create(upload, document, content)
        self.queue.send(trial_message(trial.id))
        if is_id(earlier := form.fields.get("trial", "")):
            self.trials.end(earlier)
        headers = {"Location": f"{request.root}playground/{trial.id}"}
        if request.wants is Wanted.PAGE:
            return self.responder.redirect(303, headers["Location"])
        return self.responder.json(202, self._serialize(request, trial, None), headers)

    def trial(self, request: Request, trial_id: str) -> Response:
        """`GET /playground/{id}`: returns a trial with its result; 202 until there is one."""
        trial = self.trials.find(trial_id)
        if trial is None:
            return self.responder.problem(request, problems.NO_TRIAL)
        result = self.trials.result(trial_id)
        if request.wants is Wanted.JSON:
            return self.responder.json(200 if result else 202, self._serialize(request, trial, result))
        if result is None:
            return self.responder.page(202, pages.waiting_trial(request, trial), {"Retry-After": "2"})
        page = self._playground(request, trial.upload.picture_id, trial.document, trial, result)
        image_url = self.trials.reports.url(f"trials/{trial_id}/", self.settings.url_seconds)
        return self.responder.page(
            200, page, {"Content-Security-Policy": self.responder.policy(image_url=image_url)}
        )

    def end(self, request: Request, trial_id: str) -> Response:
        """`POST /playground/{id}/end`: deletes everything of a trial."""
        if not is_id(trial_id):
            return self.responder.problem(request, problems.NO_TRIAL)
        self.trials.end(trial_id)
        return self.responder.redirect(303, f"{request.root}playground")

    def _picture_of(self, form: PostedForm) -> tuple[Upload, bytes | None]:
        """Returns the picture of a form: the file, else the chosen one, else that of the trial before.

        Raises BadRequest with a sentence for the client.
        """
        limit = self.settings.post_limit_bytes
        # Without a chosen file, browsers send an empty one.
        for file in (file for file in form.files if file.content):
            if len(file.content) > limit:
                raise BadRequest(
                    f"The picture is {len(file.content) / 1e6:.1f} MB; the playground takes up to"
                    f" {limit / 1e6:g} MB. Upload it on the home page, then choose it here."
                )
            return Upload("", file.name, NO_VERSION, size_bytes=len(file.content)), file.content
        if picture_id := form.fields.get("picture", ""):
            entry = self._find(picture_id)
            if entry is None:
                raise BadRequest("The chosen picture is not there, or not processed yet. Choose another one.")
            return entry.upload, None
        earlier_id = form.fields.get("trial", "")
        earlier = self.trials.find(earlier_id) if is_id(earlier_id) else None
        if earlier is None:
            raise BadRequest("Choose a picture.")
        return earlier.upload, self.trials.original(earlier) if earlier.was_sent else None

    def _find(self, picture_id: str) -> Entry | None:
        entry = shown(self.views.of_picture(picture_id)) if is_id(picture_id) else None
        return entry if entry and entry.state in (State.RENDERED, State.REJECTED) else None

    def _playground(
        self,
        request: Request,
        picture_id: str,
        document: str,
        trial: Trial | None = None,
        result: TrialResult | None = None,
    ) -> str:
        recent, _ = recent_pictures(self.views)
        entry = self._find(picture_id)
        entries = [*([entry] if entry else []), *(one for one in recent if one.picture_id != picture_id)]
        tiles = [
            (one, Link(self.renditions.url(thumbnail.key, self.settings.url_seconds), thumbnail))
            for one in entries
            if (thumbnail := one.to_show and one.to_show.thumbnail)
        ]
        if tiles and not trial:
            entry = entry or tiles[0][0]
        limit = self.settings.post_limit_bytes
        return pages.playground(request, tiles, document, limit, entry, trial, result, self._link)

    def _link(self, rendition: Rendition) -> Link:
        return Link(self.trials.reports.url(rendition.key, self.settings.url_seconds), rendition)

    def _serialize(self, request: Request, trial: Trial, result: TrialResult | None) -> JsonObject:
        document: JsonObject = {
            "id": trial.id,
            "page": f"{request.root}playground/{trial.id}",
            "name": trial.upload.name,
            "status": "rendering",
            "document": json.loads(trial.document),
        }
        if result is None:
            return document
        receipt = result.receipt
        document |= serialize_receipt(receipt) | {"cost": asdict(result.cost) | {"total": result.cost.total}}
        document["status"] = "rejected" if receipt.rejection else "rendered"
        for serialized, rendition in zip(document["renditions"], receipt.renditions, strict=True):
            serialized["url"] = self._link(rendition).url
        return document
