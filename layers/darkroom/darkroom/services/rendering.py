"""Renders one upload: reads it, runs the engine on it, writes its renditions, and returns the receipt.

Nothing here knows of other versions of the same key: see `reconciling`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from darkroom.domain.entries import Entry
from darkroom.domain.errors import DeadlineExceeded, DecoderProcessDied, RejectedPicture, RetryOnce
from darkroom.domain.focus import focus_text, parse_focus
from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Decision, Receipt, Rejection, Rendered
from darkroom.domain.renditions import Encoded, Rendition
from darkroom.domain.timestamps import now
from darkroom.domain.uploads import Upload, rendition_prefix
from darkroom.ports import Originals, Profiles, Renditions

# An original's bytes and a profile -> renditions. Raises errors.RejectedPicture.
type Engine = Callable[[bytes, Profile], Rendered]
# Stores one rendition.
type Store = Callable[[Encoded], Rendition]

_PARALLEL_WRITES = 8
# Memory for the parent process: interpreter, boto3, the original and its renditions.
_PARENT_BYTES = 300_000_000
# Time for the parent to write the renditions and the receipt before the function times out.
_CONCLUDE_SECONDS = 4.0
# With less time than this, even a good picture could time out and be rejected, although something else used
# up the time.
_MIN_SECONDS = 4.0


def budget(memory_mb: int, remaining_milliseconds: int) -> tuple[int, float]:
    """Returns the decoder process's memory in bytes and its time in seconds.

    Both are below the limits of the function, so that the decoder process dies before the function does.

    Raises DeadlineExceeded if too little time remains to render any picture.
    """
    seconds = remaining_milliseconds / 1000 - _CONCLUDE_SECONDS
    if seconds < _MIN_SECONDS:
        raise DeadlineExceeded(f"{remaining_milliseconds} ms are not enough to render a picture")
    return memory_mb * 1024 * 1024 - _PARENT_BYTES, seconds


@dataclass(frozen=True, slots=True)
class Renderer:
    """Makes the renditions of uploads. `engine_version` is part of their keys."""

    originals: Originals
    renditions: Renditions
    profiles: Profiles
    engine_version: str

    def render(self, entry: Entry, engine: Engine) -> Receipt:
        """Stores the renditions of an upload and returns the receipt, or returns a receipt with a rejection.

        The first death of the decoder process raises RetryOnce; the second is a rejection. Raises UploadGone
        and ProfileUnavailable.
        """
        profile = self.profiles.current()  # read once: a receipt names one profile
        prefix = rendition_prefix(entry.upload, profile.hash, self.engine_version, entry.generation)

        def store(file: Encoded) -> Rendition:
            key = f"{prefix}/{file.name}"
            self.renditions.store(key, file.data, file.format.media_type)
            return file.stored_as(key)

        return render_picture(
            entry.upload,
            profile,
            self.engine_version,
            lambda: self.originals.read(entry.upload),
            engine,
            store,
            crash_is_final=entry.has_crashed,
        )


def render_picture(
    upload: Upload,
    profile: Profile,
    engine_version: str,
    read: Callable[[], bytes],
    engine: Engine,
    store: Store,
    *,
    crash_is_final: bool,
) -> Receipt:
    """Renders the bytes that `read` returns, stores the renditions and returns the receipt.

    A rejection is in the receipt. Raises RetryOnce if the decoder process died, unless that is final, and the
    errors of `read` and `store`.
    """
    focused, decisions = _with_own_focus(profile, upload)
    size_bytes = max(0, upload.size_bytes)
    blank = Receipt(profile.name, profile.hash, engine_version, now(), size_bytes, decisions=decisions)
    try:
        profile.check_size(upload.size_bytes)  # before the original is loaded into memory
        rendered = engine(read(), focused)
    except RejectedPicture as fault:
        if isinstance(fault, DecoderProcessDied) and not crash_is_final:
            raise RetryOnce(fault.sentence) from fault
        rejection = Rejection(fault.reason, fault.sentence, fault.limit, fault.actual)
        return replace(blank, decisions=(), rejection=rejection)
    # The pool is closed here: no thread may be alive when the next picture forks its decoder process.
    with ThreadPoolExecutor(_PARALLEL_WRITES) as pool:
        return blank.with_result(rendered, tuple(pool.map(store, rendered.renditions)))


def _with_own_focus(profile: Profile, upload: Upload) -> tuple[Profile, tuple[Decision, ...]]:
    """Returns the profile with the upload's own focus, if it has one and a ladder needs it."""
    text = upload.chosen_focus or upload.focus
    if not text or not any(ladder.is_cut for ladder in profile.ladders):
        return profile, ()
    focus = parse_focus(text)
    if focus is None:
        why = f"The focus {text!a} sent with the picture is not like 0.31,0.40 or auto; it was ignored."
        return profile, (Decision("focus_invalid", why),)
    origin = "chosen on the picture's page" if upload.chosen_focus else "sent with the picture"
    return profile.with_focus(focus), (Decision("focus_own", f"The focus {focus_text(focus)} was {origin}."),)
