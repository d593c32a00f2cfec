"""Finds the part of a picture to show: around faces, or else around what stands out.

A window of a given ratio slides along one side of the picture only, so both are intervals along that side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from struct import iter_unpack

from darkroom_native import find_faces, saliency
from PIL import Image

from darkroom.imaging.ladders import FACES_SIDE
from darkroom.imaging.resize import Size, within

# The longest side of the map of what stands out.
_MAP_SIDE = 160
# Detections below this score are mostly no faces: see docs/crop.md.
_MIN_SCORE = 0.7
# A receipt lists as many faces.
_MAX_FACES = 50
# Free space beside a face, as a share of its side.
_MARGIN = 0.1
# Loss of value for a whole side between the middles of the window and of the subject.
_OFF_MIDDLE = 0.2
# Positions of the window that are compared.
_POSITIONS = 200

# Left, top, right and bottom, as shares of the picture's width and height.
type Region = tuple[float, float, float, float]
# Begin and end along the side on which a window moves, as shares of it.
type Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face, clipped to the picture, and its detector's score."""

    region: Region
    score: float

    @property
    def size(self) -> float:
        left, top, right, bottom = self.region
        return (right - left) * (bottom - top)


@dataclass(frozen=True, slots=True)
class Subject:
    """The content of a picture: its faces, the best first, and how much each column and row stands out."""

    faces: tuple[FoundFace, ...]
    columns: tuple[int, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """The position of a window as a share of the side on which it moves, and what is in it.

    `whole` is the number of faces in it, of all `faces`. `share` is that of everything that stands out.
    """

    begin: float
    whole: int
    faces: int
    share: float


def subject_of(image: Image.Image) -> Subject:
    """Finds the faces in an RGB picture, and what stands out in it."""
    faces = [face for face in _faces_in(_limited(image, FACES_SIDE)) if face.size > 0]
    small = _limited(image, _MAP_SIDE, Image.Resampling.BOX)
    width, height = small.size
    levels = saliency(small.tobytes(), width, height)
    return Subject(
        tuple(faces[:_MAX_FACES]),
        tuple(sum(levels[column::width]) for column in range(width)),
        tuple(sum(levels[row * width : (row + 1) * width]) for row in range(height)),
    )


def _limited(
    image: Image.Image, side: int, resampling: Image.Resampling = Image.Resampling.LANCZOS
) -> Image.Image:
    """Resizes to at most `side` pixels."""
    size = within(image.size, side)
    return image if size == image.size else image.resize(size, resampling, reducing_gap=3.0)


def _faces_in(image: Image.Image) -> list[FoundFace]:
    width, height = image.size
    found = iter_unpack("<5f", find_faces(image.tobytes(), width, height, _MIN_SCORE))
    return [
        FoundFace(
            (
                min(max(left / width, 0.0), 1.0),
                min(max(top / height, 0.0), 1.0),
                min(max(right / width, 0.0), 1.0),
                min(max(bottom / height, 0.0), 1.0),
            ),
            score,
        )
        for left, top, right, bottom, score in found
    ]


def placed(subject: Subject, upright_size: Size, window_size: Size) -> Placement:
    """Places a window that covers one side of the picture.

    A whole face counts for a position and a cut one against it, larger ones more. So does the share of what
    stands out in the window, and a little its distance from the middle of the faces, or of what stands out.
    """
    moves_across = window_size[0] < upright_size[0]
    length = window_size[0] / upright_size[0] if moves_across else window_size[1] / upright_size[1]
    weights = subject.columns if moves_across else subject.rows
    faces = [_interval_of(face, moves_across=moves_across) for face in subject.faces]
    sizes = [face.size**0.5 for face in subject.faces]
    sums = list(accumulate(weights, initial=0))
    middle = _middle(faces, sizes) if faces else _middle_of_weights(weights)

    def value(begin: float) -> float:
        return (
            _share(sums, begin, length)
            + _faces_value(faces, sizes, begin, length)
            - _OFF_MIDDLE * abs(begin + length / 2 - middle)
        )

    best = max(((1 - length) * step / _POSITIONS for step in range(_POSITIONS + 1)), key=value)
    visible = [_visible(face, best, length) for face in faces]
    return Placement(
        best,
        whole=sum(part >= _WHOLE for part in visible),
        faces=len(visible),
        share=_share(sums, best, length),
    )


_WHOLE = 0.999


def _middle(faces: Sequence[Interval], sizes: Sequence[float]) -> float:
    """The middle of the faces, larger ones counting more."""
    middles = ((begin + end) / 2 * size for (begin, end), size in zip(faces, sizes, strict=True))
    return sum(middles) / sum(sizes)


def _middle_of_weights(weights: Sequence[int]) -> float:
    total = sum(weights)
    middles = ((place + 0.5) * weight for place, weight in enumerate(weights))
    return sum(middles) / total / len(weights) if total else 0.5


def _interval_of(face: FoundFace, *, moves_across: bool) -> Interval:
    """The face with its margin, as far as the picture extends."""
    begin, end = face.region[0::2] if moves_across else face.region[1::2]
    margin = _MARGIN * (end - begin)
    return max(0.0, begin - margin), min(1.0, end + margin)


def _visible(face: Interval, begin: float, length: float) -> float:
    """The visible part of a face, 0 to 1."""
    common = min(face[1], begin + length) - max(face[0], begin)
    return max(0.0, common) / (face[1] - face[0])


def _faces_value(faces: Sequence[Interval], sizes: Sequence[float], begin: float, length: float) -> float:
    """Values the faces in a window, from -1 if all are cut to 1 if all are whole."""
    if not faces:
        return 0.0
    parts = [_visible(face, begin, length) for face in faces]
    values = [1.0 if part >= _WHOLE else 0.3 * part - 1 if part > 0 else 0.0 for part in parts]
    return sum(value * size for value, size in zip(values, sizes, strict=True)) / sum(sizes)


def _share(sums: list[int], begin: float, length: float) -> float:
    """The share of what stands out between two positions; 0 if nothing does."""
    return (_sum_until(sums, begin + length) - _sum_until(sums, begin)) / sums[-1] if sums[-1] else 0.0


def _sum_until(sums: list[int], position: float) -> float:
    """The sum of the weights before a position, interpolated."""
    exact = min(max(position, 0.0), 1.0) * (len(sums) - 1)
    whole = min(int(exact), len(sums) - 2)
    return sums[whole] + (exact - whole) * (sums[whole + 1] - sums[whole])
