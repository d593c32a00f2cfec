"""What can be wrong with a request: one kind of problem for each, as RFC 9457 has them.

A kind's `type` is a stable name that clients may depend on, and leads to its place in the docs.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind. `title` is the same whenever it comes; what is special this time goes in a detail."""

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
    "That was no picture",
    "The body is no multipart form with exactly one file in it, or the file's name is too long.",
)
BAD_WIDTH = Problem("bad-width", 400, "No such width", "`w` is no whole number of pixels, like `?w=640`.")
BAD_CURSOR = Problem(
    "bad-cursor", 400, "No such place in the list", "`cursor` is none that this list has given."
)
UNAUTHORIZED = Problem(
    "unauthorized",
    401,
    "Sign in first",
    "No valid token came with it: neither as `Authorization: Bearer` nor by the cookie of who has signed in.",
)
FOREIGN_ORIGIN = Problem(
    "foreign-origin",
    403,
    "Not from another site",
    "A page of another site wants to change something, or a browser that does not say of which; "
    "`AllowedOrigins` names the sites that may.",
)
NOT_FOUND = Problem(
    "not-found", 404, "Nothing here", "No picture stands under this address, nor anything else."
)
NO_IMAGE = Problem(
    "no-image",
    404,
    "No picture to show",
    "There is no rendition to lead to: not yet, or because the picture was rejected.",
)
NO_FAILURE = Problem("no-failure", 404, "No failure", "No upload of that id is given up any more.")
NO_JOB = Problem("no-job", 404, "No such job", "There is no job of that id.")
DELETED = Problem("deleted", 410, "Deleted", "The picture was deleted.")
TOO_LARGE = Problem(
    "too-large",
    413,
    "Too large to post here",
    "The picture is larger than a post may be; `presigned` is a form that takes it straight to the bucket.",
)
BAD_JOB = Problem(
    "bad-job",
    422,
    "No such job can be made",
    "The body is no list of 1 to 10,000 uploads with a name, a size and a type each; "
    "`upload` is the number of the one that is wrong, if it is one.",
)
KEY_REUSED = Problem(
    "key-reused",
    422,
    "That key belongs to another request",
    "The same `Idempotency-Key` came with another body within a day.",
)
BROKEN = Problem(
    "broken",
    500,
    "This went wrong here",
    "A fault of the site's own; `request` is what the log of `web` has it under.",
)
UNCHECKED = Problem(
    "unchecked", 503, "Not just now", "Whether that token is valid can't be checked just now; try again."
)

PROBLEMS = (
    NOT_ONE_FILE,
    BAD_WIDTH,
    BAD_CURSOR,
    UNAUTHORIZED,
    FOREIGN_ORIGIN,
    NOT_FOUND,
    NO_IMAGE,
    NO_FAILURE,
    NO_JOB,
    DELETED,
    TOO_LARGE,
    BAD_JOB,
    KEY_REUSED,
    BROKEN,
    UNCHECKED,
)
