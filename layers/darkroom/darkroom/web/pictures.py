"""The routes of pictures and of the start page.

Reads the views, and one rendition for the picture's page; only `POST /` writes. Names, keys and paths are
untrusted input.
"""

import re
import secrets
import shlex
import time
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import islice

from darkroom.domain.auth import AuthMode
from darkroom.domain.entries import Entry, State, shown
from darkroom.domain.errors import BadRequest
from darkroom.domain.focus import focus_text, parse_focus
from darkroom.domain.keys import alias_of, picture_id_of, split_key, without_form_variables
from darkroom.domain.limits import FORM_SECONDS, MAX_UPLOAD_BYTES
from darkroom.domain.renditions import Format, Rendition, best_rendition
from darkroom.domain.serialization import JsonObject, serialize_receipt, serialize_totals
from darkroom.domain.uploads import EXPECTED_VERSION, Upload
from darkroom.ports import Ledger, Originals, PostForm, Queue, Renditions, Views
from darkroom.services.notifications import notification_of
from darkroom.settings import WebSettings
from darkroom.web import problems
from darkroom.web.forms import PostedFile, posted_file, small_form
from darkroom.web.http import Request, Responder, Response
from darkroom.web.negotiation import Wanted, accepted_formats
from darkroom.web.pages import views as pages
from darkroom.web.pages import wording
from darkroom.web.pages.formatting import path_segment
from darkroom.web.pages.markup import Embed, Link, markup_of, picture_embed, redirect_embed

_PLAIN_NAME = re.compile(r"[\w.-]+", re.ASCII)
_WIDTH = re.compile(r"[1-9][0-9]{0,5}")
_POLL_SECONDS = 0.15
_RECENT_PICTURES = 24
_MAX_NAMESAKES = 500  # pictures of one name to compare with a path
# Redirects expire from caches before the presigned URL that they lead to.
_REDIRECT_SHARE = 0.5
_FOCUS_EXPECTED = "focus must be two numbers from 0 to 1, like 0.31,0.40, or auto."
_NOT_READY = "The picture is not rendered yet. Try again shortly."
_NO_RENDITION = "The picture has no rendition in a format that was asked for."


@dataclass(frozen=True, slots=True)
class PictureRoutes:
    """The routes of pictures and of the start page.

    `report` is called with each stored upload. `sleep` takes the number of seconds to wait; `clock`
    returns monotonic seconds.
    """

    originals: Originals
    renditions: Renditions
    ledger: Ledger
    views: Views
    queue: Queue
    responder: Responder
    settings: WebSettings
    report: Callable[[str, Entry], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def home(self, request: Request) -> Response:
        """`GET /`: returns the start page, or recent uploads."""
        try:
            recent, cursor = recent_pictures(self.views, request.query.get("cursor", ""))
        except BadRequest as fault:
            return self.responder.problem(request, problems.BAD_CURSOR, str(fault))
        totals = self.views.totals()
        if request.wants is Wanted.JSON:
            # Presigned URLs of every rendition would exceed the 6 MB that Lambda allows for a response.
            documents = [self._serialize(request, entry, with_urls=False) for entry in recent]
            document = {"recent": documents, "cursor": cursor, "totals": serialize_totals(totals)}
            return self.responder.json(200, document)
        tiles = [(entry, self._thumbnail(entry)) for entry in recent]
        page = pages.home(request, tiles, self.settings.post_limit_bytes, totals, cursor)
        return self.responder.page(200, page)

    def post(self, request: Request) -> Response:
        """`POST /`: stores one picture and waits for its outcome."""
        deadline = self.clock() + self.settings.post_wait_seconds
        try:
            posted = posted_file(request.content_type, request.body)
            key = f"{secrets.token_hex(16)}/{posted.name}"
            if posted.focus and not parse_focus(posted.focus):
                return self.responder.problem(request, problems.BAD_FOCUS, _FOCUS_EXPECTED)
            if len(posted.content) > self.settings.post_limit_bytes:
                return self._too_large(request, posted, key)
            entry = self._store(posted, key, deadline)
        except BadRequest as fault:
            return self.responder.problem(request, problems.NOT_ONE_FILE, str(fault))
        status = 422 if entry.rejection else 201 if entry.has_result else 202
        headers = {"Location": f"{request.root}pictures/{entry.picture_id}"}
        if request.wants is Wanted.JSON:
            return self.responder.json(status, self._serialize(request, entry), headers)
        alias_url = self._alias_url(request, entry)
        if request.wants is Wanted.PAGE:
            return self.responder.page(status, pages.stored(request, entry, alias_url), headers)
        base_url = f"{request.origin}/" if request.origin else request.root
        path = headers["Location"] if entry.rejection else alias_url
        lines = [wording.line(entry), wording.advice(entry) or "", base_url + path.removeprefix(request.root)]
        return self.responder.lines(status, lines, headers)

    def picture(self, request: Request, picture_id: str) -> Response:
        """`GET /pictures/{id}`: returns a picture's page or receipt, or redirects to a rendition."""
        entry = shown(self.views.of_picture(picture_id))
        if entry is None and self._was_sent(request, picture_id):
            key = request.query["key"]
            expected = Upload(self.originals.bucket, key, EXPECTED_VERSION)
            entry = Entry(expected, State.EXPECTED, revision=0)
        return self._respond(request, entry) if entry else self.responder.not_found(request)

    def _was_sent(self, request: Request, picture_id: str) -> bool:
        """True for a browser that S3 redirected here after a direct upload: the views follow in a moment."""
        key = request.query.get("key", "")
        return "etag" in request.query and picture_id_of(self.originals.bucket, key) == picture_id

    def delete(self, request: Request, picture_id: str) -> Response:
        """`DELETE /pictures/{id}`: deletes the original; its event deletes the rest. Cancels an upload."""
        entry = shown(self.views.of_picture(picture_id))
        if entry is None or entry.is_announcement:
            if not self._cancel(picture_id):
                return self.responder.not_found(request)
        elif entry.state is not State.DELETED:
            self.originals.mark_deleted(entry.upload.key)
            self.report("withdrawn", entry)
        if request.wants is Wanted.PAGE:
            return self.responder.redirect(303, request.root)
        return self.responder.json(202, {"action": "delete", "uploads": 1})

    def _cancel(self, picture_id: str) -> bool:
        """Ends the announcement of an upload that has not arrived; False if a job announced none.

        If the upload arrives after all, it is rendered.
        """
        announced = self.ledger.find(picture_id, EXPECTED_VERSION)
        if announced is None or not announced.job_id:
            return False
        if announced.state is State.EXPECTED and self.ledger.advance(announced.moved(State.DELETED)):
            self.report("cancelled", announced)
        return announced.state in (State.EXPECTED, State.DELETED)

    def choose_focus(self, request: Request, picture_id: str) -> Response:
        """`POST /pictures/{id}/focus`: enqueues a picture to be rendered again with another focus.

        If the picture changes before the message is applied, nothing is rendered.
        """
        focus = parse_focus(small_form(request.content_type, request.body).get("focus", ""))
        entry = shown(self.views.of_picture(picture_id))
        entry = entry and self.ledger.find(picture_id, entry.upload.version)
        if entry is None:
            return self.responder.not_found(request)
        if focus is None:
            return self.responder.problem(request, problems.BAD_FOCUS, _FOCUS_EXPECTED)
        if entry.state is not State.RENDERED:
            return self.responder.problem(request, problems.NOT_RENDERED, "Try again when it is rendered.")
        chosen = replace(entry.upload, chosen_focus=focus_text(focus))
        self.queue.send(notification_of(chosen), entry.revision)
        self.report("focused", entry)
        if request.wants is Wanted.PAGE:
            return self.responder.redirect(303, f"{request.root}pictures/{picture_id}")
        return self.responder.json(202, {"action": "focus", "uploads": 1})

    def alias(self, request: Request) -> Response:
        """`GET /{anything}.jpg`: returns the newest picture with this alias; waits while it is rendered."""
        picture_id = self._find_by_alias(request.path)
        entry = picture_id and self._wait_for_result(
            picture_id, self.clock() + self.settings.alias_wait_seconds
        )
        return self._respond(request, entry) if entry else self.responder.not_found(request)

    def _find_by_alias(self, path: str) -> str | None:
        """Returns the id of the newest picture with this alias.

        Folders in the path must be the last folders of the key.
        """
        # HTTP APIs decode every escape in a path except %25.
        wanted_path = path.lstrip("/").replace("%25", "%")
        if not wanted_path.lower().endswith(".jpg"):
            return None
        folders = _folders(wanted_path)
        for candidate in islice(self.views.named(alias_of(wanted_path)), _MAX_NAMESAKES):
            if ("/" + _folders(candidate.key)).endswith("/" + folders):
                return candidate.picture_id
        return None

    def _owns_alias(self, entry: Entry) -> bool:
        """Returns True if the alias shows this picture, not a newer one."""
        newest = next(self.views.named(entry.alias), None)
        return newest is not None and newest.picture_id == entry.picture_id

    def _store(self, posted: PostedFile, key: str, deadline: float) -> Entry:
        """Records the upload as expected, stores it and waits for its outcome."""
        upload = Upload(self.originals.bucket, key, EXPECTED_VERSION, size_bytes=len(posted.content))
        expected = Entry(upload, State.EXPECTED, revision=0).moved(State.EXPECTED)
        self.ledger.advance(expected)
        self.originals.store(key, posted.content, posted.media_type, posted.focus)
        self.report("stored", expected)
        return self._wait_for_result(expected.picture_id, deadline) or expected

    def _wait_for_result(self, picture_id: str, deadline: float) -> Entry | None:
        """Polls the views until the picture has a result or the deadline has passed."""
        while True:
            entry = shown(self.views.of_picture(picture_id))
            if (entry and entry.has_result) or self.clock() >= deadline:
                return entry
            self.sleep(_POLL_SECONDS)

    def _respond(self, request: Request, entry: Entry) -> Response:
        if entry.state is State.DELETED:
            return self.responder.problem(request, problems.DELETED, "This picture was deleted.")
        if "format" in request.query:
            return self._image(request, entry)
        if request.wants is Wanted.JSON:
            return self.responder.json(200 if entry.has_result else 202, self._serialize(request, entry))
        if request.wants is Wanted.IMAGE:
            return self._image(request, entry)
        if not entry.has_result:
            page = pages.waiting(request, entry)
            return self.responder.page(202, page, {"Retry-After": "2"})
        reference = entry.receipt and entry.receipt.reference
        embed = self._embed(request, entry)
        lossless = entry.receipt and entry.receipt.lossless
        page = pages.picture(
            request,
            entry,
            tuple(self._download_link(entry, rendition) for rendition in self._renditions(entry)),
            reference=self._link(reference) if reference else None,
            lossless=self._download_link(entry, lossless) if lossless else None,
            embedded=self._embedded(entry),
            alias_url=self._alias_url(request, entry) if self._owns_alias(entry) else None,
            markup=markup_of(embed, entry.upload.name) if embed else None,
            backdrop=self._thumbnail(entry),
            may_write=self.settings.auth is AuthMode.OPEN or request.signed_in,
        )
        return self.responder.page(200, page)

    def _image(self, request: Request, entry: Entry) -> Response:
        """Redirects to the best rendition for this client, or to one of the requested format."""
        width, wanted = request.query.get("w", ""), request.query.get("format")
        if width and not _WIDTH.fullmatch(width):
            return self.responder.problem(
                request, problems.BAD_WIDTH, "w must be a whole number of pixels, as in ?w=640."
            )
        if wanted is not None and wanted not in Format:
            return self.responder.problem(
                request, problems.BAD_FORMAT, f"format must be one of {', '.join(Format)}."
            )
        choices = accepted_formats(request.accept) if wanted is None else [frozenset({Format(wanted)})]
        found = (
            best_rendition(self._renditions(entry), formats, int(width) if width else None)
            for formats in choices
        )
        best = next(filter(None, found), None)
        if not best and wanted == Format.JXL and entry.receipt:
            best = entry.receipt.lossless
        if not best:
            sentence = _NO_RENDITION if entry.has_result else _NOT_READY
            if entry.rejection:
                sentence = entry.rejection.sentence
            return self.responder.problem(request, problems.NO_IMAGE, sentence)
        max_age = int(self.settings.url_seconds * _REDIRECT_SHARE)
        scope = "public" if self.settings.public_pages else "private"
        headers = {
            "Cache-Control": f"{scope}, max-age={max_age}",
            "Vary": "Accept, Origin" if wanted is None else "Origin",
            "Cross-Origin-Resource-Policy": "cross-origin",  # pages of other sites may show it
        }
        return self.responder.redirect(302, self._url(best), headers)

    def _too_large(self, request: Request, posted: PostedFile, key: str) -> Response:
        """Returns 413 with a presigned form for a direct upload to S3."""
        actual, limit = len(posted.content), self.settings.post_limit_bytes
        key = without_form_variables(key)
        page = f"{request.root}pictures/{picture_id_of(self.originals.bucket, key)}"
        in_browser = request.wants is Wanted.PAGE and request.origin
        redirect = f"{request.origin}/{page.removeprefix(request.root)}" if in_browser else ""
        form = self.originals.post_form(
            key, posted.media_type, MAX_UPLOAD_BYTES, FORM_SECONDS, posted.focus, redirect
        )
        sentence = f"The picture is {actual / 1e6:.1f} MB; this form takes up to {limit / 1e6:g} MB."
        if in_browser:
            document = pages.too_large(request, sentence, posted.name, form, MAX_UPLOAD_BYTES)
            policy = self.responder.policy(form_url=form.url)
            headers = {"Content-Security-Policy": policy, "Referrer-Policy": "origin"}
            return self.responder.page(413, document, headers)
        return self.responder.problem(
            request,
            problems.TOO_LARGE,
            f"{sentence} Upload it directly to S3 within five minutes.",
            {"presigned": {"url": form.url, "fields": form.fields, "page": page}},
            advice=_curl(form, posted.name),
        )

    def _serialize(self, request: Request, entry: Entry, *, with_urls: bool = True) -> JsonObject:
        """One upload with its state, its receipt and, by default, the URLs of its renditions."""
        document: JsonObject = {
            "id": entry.picture_id,
            "name": entry.upload.name,
            "key": entry.upload.key,
            "version": entry.upload.version,
            "correlation_id": entry.upload.correlation,
            "status": entry.state.value,
            "arrived": entry.upload.arrived,
            "page": f"{request.root}pictures/{entry.picture_id}",
            "image": self._alias_url(request, entry),
        }
        if receipt := entry.to_show:
            document |= serialize_receipt(receipt)
            if with_urls:
                for serialized, rendition in zip(document["renditions"], receipt.renditions, strict=True):
                    serialized["url"] = self._url(rendition)
                embed = self._embed(request, entry)
                document["embed"] = embed and asdict(embed)
        return document

    def _thumbnail(self, entry: Entry) -> Link | None:
        thumbnail = entry.to_show and entry.to_show.thumbnail
        return self._link(thumbnail) if thumbnail else None

    def _embed(self, request: Request, entry: Entry) -> Embed | None:
        """What other sites need to show the picture; None if they can't load it.

        It never uses the alias, because the alias leads to another picture once a newer one has the same
        name.
        """
        receipt = entry.receipt
        if not receipt or not receipt.shown:
            return None
        if self.settings.renditions_base_url:
            return picture_embed(receipt, self._url)
        if self.settings.auth is not AuthMode.OPEN and not self.settings.public_pages:
            return None
        picture_url = f"{request.origin}/pictures/{entry.picture_id}"
        return redirect_embed(receipt, lambda width: f"{picture_url}?w={width}")

    def _embedded(self, entry: Entry) -> Link | None:
        """The widest JPEG within the embed limit, as a `data:` URL."""
        if not entry.receipt:
            return None
        limit = self.settings.embed_limit_bytes
        fitting = [jpeg for jpeg in entry.receipt.of_format(Format.JPEG) if jpeg.size_bytes <= limit]
        if not fitting:
            return None
        content = self.renditions.read(fitting[-1].key)
        if content is None:
            return None
        return Link(f"data:image/jpeg;base64,{b64encode(content).decode('ascii')}", fitting[-1])

    def _renditions(self, entry: Entry) -> tuple[Rendition, ...]:
        return entry.receipt.shown if entry.receipt else ()

    def _link(self, rendition: Rendition) -> Link:
        return Link(self._url(rendition), rendition)

    def _url(self, rendition: Rendition) -> str:
        return self.renditions.url(rendition.key, self.settings.url_seconds)

    def _download_link(self, entry: Entry, rendition: Rendition) -> Link:
        """Link with a URL to save a rendition as, for example, `beach-640.webp`."""
        name = f"{entry.alias.removesuffix('.jpg')}-{rendition.width}.{rendition.format.extension}"
        url = self.renditions.url(rendition.key, self.settings.url_seconds, name)
        return replace(self._link(rendition), download_url=url)

    def _alias_url(self, request: Request, entry: Entry) -> str:
        return request.root + path_segment(entry.alias)


def recent_pictures(views: Views, cursor: str = "") -> tuple[list[Entry], str]:
    """Newest uploads, one entry per picture, and a cursor to older ones. Raises BadRequest."""
    pictures: dict[str, list[Entry]] = {}
    # A posted picture has two entries: the expected upload and the arrived one.
    entries, cursor = views.recent(2 * _RECENT_PICTURES, cursor)
    for entry in entries:
        pictures.setdefault(entry.picture_id, []).append(entry)
    return [latest for entries in pictures.values() if (latest := shown(entries))], cursor


def _folders(path: str) -> str:
    return unicodedata.normalize("NFC", split_key(path)[0])


def _curl(form: PostForm, name: str) -> str:
    """Formats a presigned form as a curl command, quoted for the shell and for curl.

    Names are quoted only if necessary. People who post with curl read this page as HTML source, in which a
    quote appears as `&#34;` and spoils the command.
    """
    quoted = name
    if not _PLAIN_NAME.fullmatch(name):
        quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    fields = [argument for field in form.fields.items() for argument in ("--form-string", "=".join(field))]
    return shlex.join(["curl", *fields, "-F", f"file=@{quoted}", form.url])
