"""The problem types of the API (RFC 9457).

Clients may depend on a problem's `type`. It is also a link to the problem's description.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem type. `title` and `meaning` are constant; a response adds a `detail`."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def type(self) -> str:
        return f"/docs/problems#{self.name}"


NOT_ONE_FILE = Problem(
    "not-one-file",
    400,
    "Exactly one file expected",
    "The body is not a multipart form with exactly one file, or the file name is too long.",
)
BAD_WIDTH = Problem(
    "bad-width", 400, "Invalid width", "`w` must be a whole number of pixels, as in `?w=640`."
)
BAD_FORMAT = Problem(
    "bad-format", 400, "Invalid format", "`format` must be the name of a format, as in `?format=webp`."
)
BAD_CURSOR = Problem("bad-cursor", 400, "Invalid cursor", "`cursor` is not a cursor of this list.")
BAD_KEY = Problem("bad-key", 400, "Invalid key", "`Idempotency-Key` must have 1 to 255 characters.")
UNAUTHORIZED = Problem(
    "unauthorized",
    401,
    "Sign-in required",
    "The request has no valid token: neither `Authorization: Bearer` nor the cookie of a signed-in browser.",
)
FOREIGN_ORIGIN = Problem(
    "foreign-origin",
    403,
    "Cross-site request refused",
    "The request changes data and comes from another site, or its origin is unknown. "
    "`AllowedOrigins` lists the allowed sites.",
)
NOT_FOUND = Problem("not-found", 404, "Not found", "There is no picture or page at this address.")
BAD_FOCUS = Problem(
    "bad-focus", 400, "Invalid focus", "`focus` must be two numbers from 0 to 1, like `0.31,0.40`, or `auto`."
)
NOT_RENDERED = Problem(
    "not-rendered", 409, "Not rendered", "The picture is being rendered, or has no renditions."
)
NO_IMAGE = Problem(
    "no-image",
    404,
    "No image available",
    "The picture has no rendition: it is not ready yet, or it was rejected, failed or skipped.",
)
NO_FAILURE = Problem("no-failure", 404, "No such failure", "There is no failed upload with this id.")
NO_JOB = Problem("no-job", 404, "No such job", "There is no job with this id.")
NO_TRIAL = Problem(
    "no-trial", 404, "No such trial", "There is no trial with this id: it was ended, or is older than a day."
)
DELETED = Problem("deleted", 410, "Deleted", "The picture was deleted.")
TOO_LARGE = Problem(
    "too-large",
    413,
    "Too large for this form",
    "The picture is too large for this form. `presigned` is a form to upload it directly to S3.",
)
ENCODED = Problem(
    "encoded",
    415,
    "Compressed request",
    "The request has a `Content-Encoding`. Send its body as it is: pictures are compressed already.",
)
BAD_JOB = Problem(
    "bad-job",
    422,
    "Invalid job",
    "The body must list 1 to 10,000 uploads, each with a name, a size and a type. "
    "If one upload is invalid, `upload` is its number.",
)
BAD_TRIAL = Problem(
    "bad-trial",
    422,
    "The trial can't start",
    "The form must have a valid profile, and a picture: one of this stack, or a file of at most 4 MB.",
)
KEY_REUSED = Problem(
    "key-reused",
    422,
    "Idempotency key reused",
    "The same `Idempotency-Key` was sent with a different body within a day.",
)
BROKEN = Problem(
    "broken",
    500,
    "Internal error",
    "Darkroom failed to process the request. `request` is the request id in the log of `web`.",
)
UNCHECKED = Problem(
    "unchecked", 503, "Temporarily unavailable", "The token could not be checked. Try again shortly."
)

# In the order of their definitions.
PROBLEMS = tuple(value for value in list(globals().values()) if isinstance(value, Problem))
