"""The routes of the HTTP API as one table, and their dispatch.

functions/web registers these routes, openapi.py describes them, and template.yaml is tested against them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from darkroom.domain.limits import ID_PATTERN, MAX_IDEMPOTENCY_KEY
from darkroom.domain.renditions import Format
from darkroom.domain.serialization import JsonObject
from darkroom.web import problems
from darkroom.web.auth import Authorizer, PublicAccess
from darkroom.web.http import Request, Response, conditional
from darkroom.web.problems import Problem
from darkroom.web.schemas import TEXT, ref

type Handler = Callable[..., Response]

HTML, JSON, PLAIN = "text/html", "application/json", "text/plain"


@dataclass(frozen=True, slots=True)
class Parameter:
    """Request parameter; `location` is path, query or header."""

    name: str
    location: str
    description: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class ResponseSpec:
    """Possible response. `content` maps media types to schemas; `headers` are always present.

    The 304 of every GET, and the ETag of its 200, are not part of the table: see `dispatch`.
    """

    status: int
    description: str
    content: Mapping[str, JsonObject]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table.

    `operation` names the handler. The handler is called with the request and the values of the path
    parameters, in order. `request_body` is a media type and its schema.
    """

    operation: str
    method: str
    path: str
    summary: str
    responses: tuple[ResponseSpec, ...]
    problems: tuple[Problem, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    request_body: tuple[str, JsonObject] | None = None
    public: PublicAccess = PublicAccess.NEVER

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """Problems found before the handler is called."""
        token = () if self.public is PublicAccess.ALWAYS else (problems.UNAUTHORIZED, problems.UNCHECKED)
        origin = () if self.method == "GET" else (problems.FOREIGN_ORIGIN,)
        return (*token, *origin, *((problems.ENCODED,) if self.request_body else ()))

    @property
    def tag(self) -> str:
        """OpenAPI tag."""
        first = self.path.split("/")[1]
        return _TAGS.get(first, "pictures")

    @property
    def rule(self) -> str:
        """Path as a rule of Powertools' router."""
        if self.operation == _CATCH_ALL:
            return "/((?s:.+))"  # the router tries routes without a group first
        return re.sub(r"\{(\w+)\}", r"<\1>", self.path.replace(".", r"\."))

    @property
    def methods(self) -> tuple[str, ...]:
        """A GET route also serves HEAD."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    @property
    def keys(self) -> tuple[str, ...]:
        """Route keys of API Gateway. They can't match a suffix: the handler checks for `.jpg`."""
        path = "/{proxy+}" if self.operation == _CATCH_ALL else self.path
        return tuple(f"{method} {path}" for method in self.methods)

    def matches(self, values: Mapping[str, str]) -> bool:
        """Checks path values against the patterns of their parameters."""
        return all(
            re.fullmatch(parameter.schema.get("pattern", ".*"), values[parameter.name], re.DOTALL)
            for parameter in self.parameters
            if parameter.location == "path" and parameter.name in values
        )


_CATCH_ALL = "alias"
_TAGS = {
    "docs": "docs",
    "openapi.json": "docs",
    "sign-in": "authentication",
    "sign-out": "authentication",
    "failures": "failures",
    "jobs": "jobs",
    "playground": "playground",
}


def dispatch(
    route: Route,
    handlers: Mapping[str, Handler],
    authorizer: Authorizer,
    request: Request,
    values: Mapping[str, str],
) -> Response:
    """Authorizes a request and calls the handler of its route."""
    request = replace(request, visitor=authorizer.visitor(request))
    if refusal := authorizer.refusal(request, route.public, route.keys):
        return refusal
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if route.request_body and encoding not in ("", "identity"):
        return authorizer.responder.problem(request, problems.ENCODED)
    if route.method == "GET" and not route.matches(values):  # such as jobs/x.jpg, a picture's key
        response = handlers[_CATCH_ALL](request)
    else:
        response = handlers[route.operation](request, *values.values())
    return conditional(request, response) if route.method == "GET" else response


# Any route may respond with these.
COMMON_PROBLEMS = (problems.BROKEN,)

_PAGE: Mapping[str, JsonObject] = {HTML: TEXT}
_RECEIPT: Mapping[str, JsonObject] = {JSON: ref("Upload"), HTML: TEXT}
_STORED: Mapping[str, JsonObject] = {**_RECEIPT, PLAIN: TEXT}


def _id(description: str) -> Parameter:
    return Parameter("id", "path", description, {"type": "string", "pattern": f"^{ID_PATTERN}$"})


_CURSOR = Parameter("cursor", "query", "The `cursor` of the previous page.", TEXT)
_WIDTH = Parameter(
    "w",
    "query",
    "For image requests: selects the narrowest rendition of at least this width, in pixels.",
    {"type": "string", "pattern": "^[1-9][0-9]{0,5}$"},
)
_FORMAT = Parameter(
    "format",
    "query",
    "Redirects to a rendition of this format, whatever the `Accept` header says.",
    {"enum": [image_format.value for image_format in Format]},
)
_FAILURE = Parameter("id", "path", "The id of the failed upload.", TEXT)

_IMAGE = ResponseSpec(
    302, "For image requests and with `format`: the best rendition for this client.", {}, ("Location",)
)
_PICTURE = (
    ResponseSpec(200, "The picture's page or receipt.", _RECEIPT),
    ResponseSpec(202, "The picture is not ready yet. Try again shortly.", _RECEIPT),
    _IMAGE,
)
_PICTURE_PROBLEMS = (
    problems.BAD_WIDTH,
    problems.BAD_FORMAT,
    problems.NOT_FOUND,
    problems.NO_IMAGE,
    problems.DELETED,
)
_ACTION_RESPONSES = (
    ResponseSpec(202, "The action was applied.", {JSON: ref("ActionResult")}),
    ResponseSpec(303, "For browsers: redirects to a list.", {}, ("Location",)),
)

_JOB = _id("The job's id.")
_TRIAL = _id("The trial's id.")
_NO_TRIAL = (problems.NO_TRIAL, problems.NOT_FOUND)
_NO_JOB = (problems.NO_JOB, problems.NOT_FOUND)
_STORED_REPORT = ResponseSpec(303, "The report is over 4 MB: redirects to S3.", {}, ("Location",))

ROUTES = (
    Route(
        "home",
        "GET",
        "/",
        "List recent pictures, with an upload form.",
        (ResponseSpec(200, "A page or a list.", {JSON: ref("Recent"), HTML: TEXT}),),
        (problems.BAD_CURSOR,),
        (_CURSOR,),
    ),
    Route(
        "post",
        "POST",
        "/",
        "Upload one picture and wait a few seconds for the result.",
        (
            ResponseSpec(201, "The picture was processed; `status` has the result.", _STORED, ("Location",)),
            ResponseSpec(202, "The picture was stored and is not ready yet.", _STORED, ("Location",)),
            ResponseSpec(422, "The picture was stored and then rejected.", _STORED, ("Location",)),
        ),
        (problems.NOT_ONE_FILE, problems.BAD_FOCUS, problems.TOO_LARGE),
        request_body=("multipart/form-data", ref("UploadForm")),
    ),
    Route(
        "openapi",
        "GET",
        "/openapi.json",
        "Get this description.",
        (ResponseSpec(200, "OpenAPI 3.1.", {JSON: ref("OpenApi")}),),
    ),
    Route(
        "docs",
        "GET",
        "/docs",
        "Read and try the API in a browser.",
        (ResponseSpec(200, "A page.", _PAGE),),
    ),
    Route(
        "problems",
        "GET",
        "/docs/problems",
        "List the problem types.",
        (ResponseSpec(200, "A page.", _PAGE),),
    ),
    Route(
        "docs_file",
        "GET",
        "/docs/{file}",
        "Get a file of the page at `/docs`.",
        (ResponseSpec(200, "The file.", {"text/javascript": TEXT, "text/css": TEXT}),),
        (problems.NOT_FOUND,),
        (Parameter("file", "path", "The file name.", {"type": "string", "pattern": r"^[a-z-]+\.(js|css)$"}),),
    ),
    Route(
        "picture",
        "GET",
        "/pictures/{id}",
        "Get a picture.",
        _PICTURE,
        _PICTURE_PROBLEMS,
        (_id("The picture's id: a hash of bucket and key."), _WIDTH, _FORMAT),
        public=PublicAccess.IF_PAGES_ARE_PUBLIC,
    ),
    Route(
        "delete",
        "DELETE",
        "/pictures/{id}",
        "Delete a picture: its original and, moments later, its renditions. Cancel an upload of a job.",
        _ACTION_RESPONSES,
        (problems.NOT_FOUND,),
        (_id("The picture's id: a hash of bucket and key."),),
    ),
    Route(
        "focus",
        "POST",
        "/pictures/{id}/focus",
        "Render a picture again with another focus for its crops.",
        (
            ResponseSpec(202, "The picture was enqueued.", {JSON: ref("ActionResult")}),
            ResponseSpec(303, "For browsers: redirects to the picture.", {}, ("Location",)),
        ),
        (problems.NOT_FOUND, problems.BAD_FOCUS, problems.NOT_RENDERED),
        (_id("The picture's id: a hash of bucket and key."),),
        request_body=("application/x-www-form-urlencoded", ref("FocusForm")),
    ),
    Route(
        "sign_in_page",
        "GET",
        "/sign-in",
        "Get the sign-in form.",
        (
            ResponseSpec(200, "The form.", _PAGE),
            ResponseSpec(303, "Already signed in: redirects to `to`.", {}, ("Location",)),
        ),
        parameters=(Parameter("to", "query", "Path on this site to open after signing in.", TEXT),),
        public=PublicAccess.ALWAYS,
    ),
    Route(
        "sign_in",
        "POST",
        "/sign-in",
        "Sign in with a token. The session cookie is valid for a week.",
        (ResponseSpec(303, "Signed in: redirects to `to`.", {}, ("Location",)),),
        (problems.UNAUTHORIZED, problems.UNCHECKED),
        request_body=("application/x-www-form-urlencoded", ref("SignIn")),
        public=PublicAccess.ALWAYS,
    ),
    Route(
        "sign_out",
        "POST",
        "/sign-out",
        "Sign out. Deletes the session cookie.",
        (ResponseSpec(303, "Signed out: redirects to the sign-in form.", {}, ("Location",)),),
        public=PublicAccess.ALWAYS,
    ),
    Route(
        "failures",
        "GET",
        "/failures",
        "List failed uploads, oldest first.",
        (ResponseSpec(200, "A page or a list.", {JSON: ref("Failures"), HTML: TEXT}),),
        (problems.BAD_CURSOR,),
        (_CURSOR,),
    ),
    Route(
        "retry_all",
        "POST",
        "/failures/retry",
        "Retry all failed uploads. Stops after 20 s.",
        _ACTION_RESPONSES,
    ),
    Route(
        "skip_all",
        "POST",
        "/failures/skip",
        "Skip all failed uploads. Stops after 20 s.",
        _ACTION_RESPONSES,
    ),
    Route(
        "retry_one",
        "POST",
        "/failures/{id}/retry",
        "Retry one failed upload.",
        _ACTION_RESPONSES,
        (problems.NOT_FOUND, problems.NO_FAILURE),
        (_FAILURE,),
    ),
    Route(
        "skip_one",
        "POST",
        "/failures/{id}/skip",
        "Skip one failed upload.",
        _ACTION_RESPONSES,
        (problems.NOT_FOUND, problems.NO_FAILURE),
        (_FAILURE,),
    ),
    Route(
        "new_job",
        "POST",
        "/jobs",
        "Create a job of 1 to 10,000 uploads. Each upload gets a presigned form.",
        (
            ResponseSpec(
                201, "The job and its first 100 uploads.", {JSON: ref("NewJobResponse")}, ("Location",)
            ),
        ),
        (problems.BAD_KEY, problems.BAD_JOB, problems.KEY_REUSED),
        (
            Parameter(
                "Idempotency-Key",
                "header",
                "For a day, the same key and body return the same job.",
                {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY},
            ),
        ),
        request_body=(JSON, ref("NewJob")),
    ),
    Route(
        "job",
        "GET",
        "/jobs/{id}",
        "Get a job, with a ticket for live updates.",
        (ResponseSpec(200, "A page or the job.", {JSON: ref("Job"), HTML: TEXT}),),
        (problems.BAD_CURSOR, *_NO_JOB),
        (_JOB, _CURSOR),
    ),
    Route(
        "job_uploads",
        "GET",
        "/jobs/{id}/uploads",
        "List a job's uploads, 100 per page.",
        (ResponseSpec(200, "One page of uploads.", {JSON: ref("JobUploads")}),),
        (problems.BAD_CURSOR, *_NO_JOB),
        (_JOB, _CURSOR),
    ),
    Route(
        "job_receipts_csv",
        "GET",
        "/jobs/{id}/receipts.csv",
        "Download a job's receipts as CSV, one line per upload.",
        (ResponseSpec(200, "The receipts.", {"text/csv": TEXT}), _STORED_REPORT),
        _NO_JOB,
        (_JOB,),
    ),
    Route(
        "job_receipts_json",
        "GET",
        "/jobs/{id}/receipts.json",
        "Download a job's receipts as JSON.",
        (ResponseSpec(200, "The receipts.", {JSON: ref("Receipts")}), _STORED_REPORT),
        _NO_JOB,
        (_JOB,),
    ),
    Route(
        "job_script",
        "GET",
        "/jobs/{id}/fetch.sh",
        "Download a shell script that fetches a job's renditions with curl, 100 uploads at a time.",
        (ResponseSpec(200, "The script.", {"text/x-shellscript": TEXT}), _STORED_REPORT),
        (problems.BAD_CURSOR, *_NO_JOB),
        (_JOB, _CURSOR),
    ),
    Route(
        "job_files",
        "GET",
        "/jobs/{id}/files",
        "List a job's renditions with their URLs, those of 100 uploads at a time.",
        (ResponseSpec(200, "The files.", {JSON: ref("JobFiles")}), _STORED_REPORT),
        (problems.BAD_CURSOR, *_NO_JOB),
        (_JOB, _CURSOR),
    ),
    Route(
        "playground",
        "GET",
        "/playground",
        "Get the form to try a profile on a picture.",
        (ResponseSpec(200, "A page.", _PAGE),),
        parameters=(Parameter("picture", "query", "The id of the picture to choose.", TEXT),),
    ),
    Route(
        "new_trial",
        "POST",
        "/playground",
        "Start a trial: one picture is rendered with a profile. Nothing else changes.",
        (
            ResponseSpec(202, "The trial was started.", {JSON: ref("Trial")}, ("Location",)),
            ResponseSpec(303, "For browsers: redirects to the trial.", {}, ("Location",)),
        ),
        (problems.BAD_TRIAL,),
        request_body=("multipart/form-data", ref("TrialForm")),
    ),
    Route(
        "trial",
        "GET",
        "/playground/{id}",
        "Get a trial and its result.",
        (
            ResponseSpec(200, "The picture is rendered or rejected.", {JSON: ref("Trial"), HTML: TEXT}),
            ResponseSpec(202, "The picture is not rendered yet.", {JSON: ref("Trial"), HTML: TEXT}),
        ),
        _NO_TRIAL,
        (_TRIAL,),
    ),
    Route(
        "end_trial",
        "POST",
        "/playground/{id}/end",
        "End a trial: all its files are deleted.",
        (ResponseSpec(303, "Redirects to the playground.", {}, ("Location",)),),
        _NO_TRIAL,
        (_TRIAL,),
    ),
    Route(
        _CATCH_ALL,
        "GET",
        "/{name}.jpg",
        "Get the newest picture with this name. Waits a short time for a picture that is being rendered.",
        (
            *_PICTURE,
            ResponseSpec(
                308, "The path ends with a slash: redirects to the path without it.", {}, ("Location",)
            ),
        ),
        _PICTURE_PROBLEMS,
        (
            Parameter(
                "name",
                "path",
                "The picture's file name without extension. The last folders of its key may precede it, as in"
                " `holiday/beach`.",
                TEXT,
            ),
            _WIDTH,
            _FORMAT,
        ),
        public=PublicAccess.IF_PAGES_ARE_PUBLIC,
    ),
)
