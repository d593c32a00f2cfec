"""The HTTP API as one table. What functions/web routes, what /openapi.json says and what template.yaml lets
in are all made of it or held to it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from darkroom.domain.limits import ID_PATTERN
from darkroom.domain.serialization import JsonObject
from darkroom.web import problems
from darkroom.web.auth import COOKIE, Authorizer, Public
from darkroom.web.http import Request, Response, conditional
from darkroom.web.problems import Problem
from darkroom.web.schemas import SCHEMAS, ref

type Handler = Callable[..., Response]

HTML, JSON, PROBLEM = "text/html", "application/json", "application/problem+json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """Part of a request; `place` is path, query or header."""

    name: str
    place: str
    description: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class ResponseSpec:
    """One way to answer. `bodies` are media types with their schemas; `headers` are those to rely on."""

    status: int
    meaning: str
    bodies: Mapping[str, JsonObject]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One row. `operation` names the use case that answers: it gets the request, then what the path holds.

    `public` says when it answers without a token.
    """

    operation: str
    method: str
    path: str
    summary: str
    said: tuple[ResponseSpec, ...]
    problems: tuple[Problem, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    takes: tuple[str, JsonObject] | None = None
    public: Public = Public.NEVER

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """What the gate may say in place of its use case."""
        of_strangers = () if self.public is Public.ALWAYS else (problems.UNAUTHORIZED, problems.UNCHECKED)
        return of_strangers if self.method == "GET" else (*of_strangers, problems.FOREIGN_ORIGIN)

    @property
    def tag(self) -> str:
        """The part of the API that it belongs to."""
        first = self.path.split("/")[1]
        return _TAGS.get(first, "pictures")

    @property
    def rule(self) -> str:
        """The path as the event handler's router has it."""
        if self.operation == _ANYTHING:
            return "/((?s:.+))"  # a group, or it would come before the routes above
        return re.sub(r"\{(\w+)\}", r"<\1>", self.path.replace(".", r"\."))

    @property
    def key(self) -> str:
        """The route as API Gateway has it; it can't match an ending, so the function does."""
        return f"{self.method} {'/{proxy+}' if self.operation == _ANYTHING else self.path}"

    def fits(self, values: Mapping[str, str]) -> bool:
        """Whether what stands in the path's places can stand there."""
        return all(
            re.fullmatch(each.schema.get("pattern", ".*"), values[each.name], re.DOTALL)
            for each in self.parameters
            if each.place == "path" and each.name in values
        )


_ANYTHING = "alias"
_TAGS = {
    "docs": "docs",
    "openapi.json": "docs",
    "sign-in": "access",
    "sign-out": "access",
    "failures": "failures",
    "jobs": "jobs",
}


def answer(
    route: Route,
    handlers: Mapping[str, Handler],
    authorizer: Authorizer,
    request: Request,
    values: Mapping[str, str],
) -> Response:
    """What the use case of that route says to a request that came by it, if it may pass the gate."""
    request = replace(request, visitor=authorizer.visitor(request))
    if refusal := authorizer.refusal(request, route.public, route.key):
        return refusal
    if route.method == "GET" and not route.fits(values):  # a key in a folder of that name
        given = handlers[_ANYTHING](request)
    else:
        given = handlers[route.operation](request, *values.values())
    return conditional(request, given) if route.method == "GET" else given


# ------------------------------------------------------------------ the table

# What any route may answer.
ANYWHERE = (problems.BROKEN,)

_TEXT: JsonObject = {"type": "string"}
_PAGE: Mapping[str, JsonObject] = {HTML: _TEXT}
_RECEIPT: Mapping[str, JsonObject] = {JSON: ref("Upload"), HTML: _TEXT}


def _id(description: str) -> Parameter:
    return Parameter("id", "path", description, {"type": "string", "pattern": f"^{ID_PATTERN}$"})


_CURSOR = Parameter("cursor", "query", "Where the page before has ended: its `cursor`.", _TEXT)
_WIDTH = Parameter(
    "w",
    "query",
    "The narrowest rendition that is at least so wide, where an image is asked for.",
    {"type": "string", "pattern": "^[1-9][0-9]{0,5}$"},
)
_ACTION = Parameter("action", "path", "What to do.", {"type": "string", "enum": ["retry", "skip"]})

_UNCHANGED = ResponseSpec(304, "It is what `If-None-Match` says.", {}, ("ETag",))
_LEADS = ResponseSpec(302, "An image was asked for: the best rendition for that client.", {}, ("Location",))
_SHOWN = (
    ResponseSpec(200, "The picture's page, or its receipt.", _RECEIPT, ("ETag",)),
    ResponseSpec(202, "It is not ready yet; ask again.", _RECEIPT),
    _LEADS,
    _UNCHANGED,
)
_ACTED = (
    ResponseSpec(202, "Done.", {JSON: ref("Acted")}),
    ResponseSpec(303, "For a browser: back to the list.", {}, ("Location",)),
)

_JOB = _id("The job's.")
_NO_JOB = (problems.NO_JOB, problems.NOT_FOUND)
_ELSEWHERE = ResponseSpec(303, "It is large: it stands in the reports bucket.", {}, ("Location",))

ROUTES = (
    Route(
        "home",
        "GET",
        "/",
        "Drop pictures here, and what came lately.",
        (ResponseSpec(200, "A page, or a list.", {JSON: ref("Recent"), HTML: _TEXT}, ("ETag",)), _UNCHANGED),
        (problems.BAD_CURSOR,),
        (_CURSOR,),
    ),
    Route(
        "post",
        "POST",
        "/",
        "Send one picture, and wait up to 10 s for what becomes of it.",
        (
            ResponseSpec(201, "It is rendered.", _RECEIPT, ("Location",)),
            ResponseSpec(202, "It is stored, and not ready yet.", _RECEIPT, ("Location",)),
            ResponseSpec(422, "It is stored, and can't be used.", _RECEIPT, ("Location",)),
        ),
        (problems.NOT_ONE_FILE, problems.TOO_LARGE),
        takes=("multipart/form-data", ref("Posted")),
    ),
    Route(
        "openapi",
        "GET",
        "/openapi.json",
        "This description.",
        (ResponseSpec(200, "OpenAPI 3.1.", {JSON: ref("OpenApi")}, ("ETag",)), _UNCHANGED),
    ),
    Route(
        "docs",
        "GET",
        "/docs",
        "This description, to read and to try.",
        (ResponseSpec(200, "A page.", _PAGE, ("ETag",)), _UNCHANGED),
    ),
    Route(
        "problems",
        "GET",
        "/docs/problems",
        "What can be wrong with a request: where the types of problems lead.",
        (ResponseSpec(200, "A page.", _PAGE, ("ETag",)), _UNCHANGED),
    ),
    Route(
        "docs_file",
        "GET",
        "/docs/{file}",
        "What the page at /docs is made of.",
        (
            ResponseSpec(200, "The file.", {"text/javascript": _TEXT, "text/css": _TEXT}, ("ETag",)),
            _UNCHANGED,
        ),
        (problems.NOT_FOUND,),
        (Parameter("file", "path", "Its name.", {"type": "string", "pattern": r"^[a-z-]+\.(js|css)$"}),),
    ),
    Route(
        "picture",
        "GET",
        "/pictures/{id}",
        "One picture.",
        _SHOWN,
        (problems.BAD_WIDTH, problems.NOT_FOUND, problems.NO_IMAGE, problems.DELETED),
        (_id("The picture's: a hash of bucket and key."), _WIDTH),
        public=Public.AS_A_PAGE,
    ),
    Route(
        "sign_in_page",
        "GET",
        "/sign-in",
        "A form for a token.",
        (
            ResponseSpec(200, "The form.", _PAGE, ("ETag",)),
            ResponseSpec(303, "There is nobody to sign in: where `to` leads.", {}, ("Location",)),
            _UNCHANGED,
        ),
        parameters=(Parameter("to", "query", "A path on this site to go on to.", _TEXT),),
        public=Public.ALWAYS,
    ),
    Route(
        "sign_in",
        "POST",
        "/sign-in",
        "Sign in by a token: a browser gets a cookie for it, for a week.",
        (ResponseSpec(303, "Signed in: where `to` leads.", {}, ("Location",)),),
        (problems.UNAUTHORIZED, problems.UNCHECKED),
        takes=("application/x-www-form-urlencoded", ref("SignIn")),
        public=Public.ALWAYS,
    ),
    Route(
        "sign_out",
        "POST",
        "/sign-out",
        "Sign out: the browser forgets its cookie.",
        (ResponseSpec(303, "Signed out: to the form.", {}, ("Location",)),),
        public=Public.ALWAYS,
    ),
    Route(
        "failures",
        "GET",
        "/failures",
        "What was given up, longest ago first.",
        (
            ResponseSpec(200, "A page, or a list.", {JSON: ref("Failures"), HTML: _TEXT}, ("ETag",)),
            _UNCHANGED,
        ),
        (problems.BAD_CURSOR,),
        (_CURSOR,),
    ),
    Route(
        "act_on_all",
        "POST",
        "/failures/{action}",
        "Retry or skip all that was given up, as many as 20 s allow.",
        _ACTED,
        (problems.NOT_FOUND,),
        (_ACTION,),
    ),
    Route(
        "act_on_one",
        "POST",
        "/failures/{id}/{action}",
        "Retry or skip one of them.",
        _ACTED,
        (problems.NOT_FOUND, problems.NO_FAILURE),
        (Parameter("id", "path", "The failure's.", _TEXT), _ACTION),
    ),
    Route(
        "new_job",
        "POST",
        "/jobs",
        "Announce uploads that belong together; each gets a form to be sent by.",
        (
            ResponseSpec(
                201, "The job, and its first 100 uploads.", {JSON: ref("NewJobAnswer")}, ("Location",)
            ),
        ),
        (problems.BAD_JOB, problems.KEY_REUSED),
        (
            Parameter(
                "Idempotency-Key",
                "header",
                "With the same key and the same body the same job answers again, for a day.",
                {"type": "string", "minLength": 1, "maxLength": 255},
            ),
        ),
        takes=(JSON, ref("NewJob")),
    ),
    Route(
        "job",
        "GET",
        "/jobs/{id}",
        "How a job stands, and a ticket to hear how it goes on.",
        (ResponseSpec(200, "A page, or the job.", {JSON: ref("Job"), HTML: _TEXT}, ("ETag",)), _UNCHANGED),
        (problems.BAD_CURSOR, *_NO_JOB),
        (_JOB, _CURSOR),
    ),
    Route(
        "job_uploads",
        "GET",
        "/jobs/{id}/uploads",
        "A job's uploads, 100 at a time.",
        (ResponseSpec(200, "Some of them.", {JSON: ref("JobUploads")}, ("ETag",)), _UNCHANGED),
        (problems.BAD_CURSOR, *_NO_JOB),
        (_JOB, _CURSOR),
    ),
    Route(
        "job_receipts_csv",
        "GET",
        "/jobs/{id}/receipts.csv",
        "A job's receipts as a table, a line for each upload.",
        (ResponseSpec(200, "All of them.", {"text/csv": _TEXT}, ("ETag",)), _ELSEWHERE, _UNCHANGED),
        _NO_JOB,
        (_JOB,),
    ),
    Route(
        "job_receipts_json",
        "GET",
        "/jobs/{id}/receipts.json",
        "A job's receipts.",
        (ResponseSpec(200, "All of them.", {JSON: ref("Receipts")}, ("ETag",)), _ELSEWHERE, _UNCHANGED),
        _NO_JOB,
        (_JOB,),
    ),
    Route(
        "job_script",
        "GET",
        "/jobs/{id}/fetch.sh",
        "A shell script that fetches all renditions of a job with curl, a hundred uploads each.",
        (ResponseSpec(200, "The script.", {"text/x-shellscript": _TEXT}, ("ETag",)), _ELSEWHERE, _UNCHANGED),
        (problems.BAD_CURSOR, *_NO_JOB),
        (_JOB, _CURSOR),
    ),
    Route(
        _ANYTHING,
        "GET",
        "/{name}.jpg",
        "The newest picture whose name gives that name; waits up to 5 s for one on its way.",
        _SHOWN,
        (problems.BAD_WIDTH, problems.NOT_FOUND, problems.NO_IMAGE, problems.DELETED),
        (Parameter("name", "path", "May be the end of its key, with slashes in it.", _TEXT), _WIDTH),
        public=Public.AS_A_PAGE,
    ),
)

# ------------------------------------------------------------------ the description

_ABOUT = (
    "Drop a picture in an S3 bucket, get the smallest pictures the web can show, with proof of what was "
    "saved. What comes back depends on `Accept`. Routes ask for a token or an IAM signature, as the stack "
    "was deployed: `Auth=token` or `Auth=iam`. Where none may be needed `security` says so: to sign in, and, "
    "with `PublicPages=true`, for pictures' pages. The local stack asks for nothing."
)
_SCHEMES: JsonObject = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "With `Auth=token`: `darkroom token new` makes one.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "With `Auth=token`: of who has signed in by one.",
    },
    "iam": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "With `Auth=iam`: an AWS signature (SigV4) for `execute-api`.",
    },
}
_NOTHING: JsonObject = {}


def openapi(routes: tuple[Route, ...] = ROUTES) -> JsonObject:
    """The table as OpenAPI 3.1."""
    paths: JsonObject = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Darkroom", "version": "1", "description": _ABOUT, "license": {"name": "MIT"}},
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": _SCHEMES},
        "security": [{name: []} for name in _SCHEMES],
    }


def _operation(route: Route) -> JsonObject:
    operation: JsonObject = {
        "operationId": route.operation,
        "tags": [route.tag],
        "summary": route.summary,
        "responses": _responses(route),
    }
    if route.public is not Public.NEVER:  # with them as well, or where it may be without
        operation["security"] = [*({name: []} for name in _SCHEMES), _NOTHING]
    if route.parameters:
        operation["parameters"] = [
            {
                "name": each.name,
                "in": each.place,
                "required": each.place == "path",
                "description": each.description,
                "schema": each.schema,
            }
            for each in route.parameters
        ]
    if route.takes:
        media_type, schema = route.takes
        operation["requestBody"] = {"required": True, "content": {media_type: {"schema": schema}}}
    return operation


def _responses(route: Route) -> JsonObject:
    responses: JsonObject = {}
    for said in route.said:
        responses[str(said.status)] = {
            "description": said.meaning,
            "content": {kind: {"schema": schema} for kind, schema in said.bodies.items()},
            "headers": {name: {"required": True, "schema": _TEXT} for name in said.headers},
        }
    told = {*route.problems, *route.refusals, *ANYWHERE}
    for status in sorted({kind.status for kind in told}):
        kinds = [kind for kind in problems.PROBLEMS if kind in told and kind.status == status]
        response = responses.setdefault(str(status), {"description": "", "content": {}})
        response["description"] = " ".join(
            filter(None, [response["description"], *(kind.meaning for kind in kinds)])
        )
        response["content"] |= {PROBLEM: {"schema": _told(kinds)}, HTML: {"schema": _TEXT}}
    return responses


def _told(kinds: list[Problem]) -> JsonObject:
    told = ref("TooLarge") if problems.TOO_LARGE in kinds else ref("Problem")
    return {"allOf": [told, {"properties": {"type": {"enum": [kind.type for kind in kinds]}}}]}
