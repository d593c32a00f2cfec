"""Compares the renditions of a folder's pictures with what Chromium draws for the originals.

    make fidelity PICTURES=folder

Prints a table of every picture; `!` marks those beyond the tolerance. Side-by-side pictures of these go to
.darkroom/fidelity/: the original as drawn on the left, the rendition on the right.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.chromium import Chromium, Frame, chromium_page
from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import FormatChoice, Ladder, Limits, Profile
from darkroom.domain.renditions import Encoded, Format
from darkroom.imaging import jxl, render_isolated

# What encoding at quality 100 costs: distances in OKLab (0 to 1), on average and in the worst block of 8 x 8
# pixels. WebP halves the resolution of colour. Alpha on average, of 255.
TOLERANCES = {
    Format.JPEG: (0.01, 0.06),
    Format.WEBP: (0.03, 0.12),
    Format.AVIF: (0.01, 0.06),
    Format.JXL: (0.01, 0.06),
}
ALPHA, MILLISECONDS = 2.0, 1.0
_BLOCK = 8
_MEMORY_BYTES, _SECONDS = 2_700_000_000, 110.0
_FORMATS = (Format.JPEG, Format.WEBP, Format.AVIF, Format.JXL)
_SIDES = Path(".darkroom/fidelity")


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference of any frame; frames and sizes as (original, rendition), times of all frames."""

    format: Format
    mean: float = 0.0
    worst: float = 0.0
    alpha: float = 0.0
    frames: tuple[int, int] = (1, 1)
    duration: float = 0.0
    sizes: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    @property
    def is_small(self) -> bool:
        mean, worst = TOLERANCES[self.format]
        small = self.mean <= mean and self.worst <= worst and self.alpha <= ALPHA
        # Equal frames are merged, all of them into a still.
        in_time = self.frames[1] == 1 or self.duration <= MILLISECONDS
        return small and in_time and self.sizes[0] == self.sizes[1]

    def __str__(self) -> str:
        text = f"{self.mean:.4f} {self.worst:.3f} alpha {self.alpha:.1f}"
        if self.frames != (1, 1):
            text += f" frames {self.frames[0]}/{self.frames[1]} off by {self.duration:.0f} ms"
        return text if self.sizes[0] == self.sizes[1] else f"{text} sizes {self.sizes[0]}/{self.sizes[1]}"


def main() -> None:
    with chromium_page() as browser:
        for path in sorted(Path(sys.argv[1]).iterdir()):
            if path.is_file():
                for line in _lines(browser, path):
                    print(line)  # noqa: T201


def _lines(browser: Chromium, path: Path) -> Iterator[str]:
    content = path.read_bytes()
    originals = browser.frames(content, path.suffix[1:].lower())
    try:
        rendered = render_isolated(content, profile(), memory_bytes=_MEMORY_BYTES, seconds=_SECONDS)
    except RejectedPicture as rejected:
        shown = "Chromium shows it" if originals else "nor does Chromium show it"
        yield f"{'?!'[bool(originals)]} {path.name}: {rejected.reason}: {rejected.sentence} ({shown})"
        return
    codes = " ".join(decision.code for decision in rendered.decisions if decision.code != "original_smaller")
    for rendition in _widest(rendered.renditions):
        name = f"{path.name} {rendition.format.value}"
        if not originals:
            yield f"? {name}: Chromium does not show it [{codes}]"
            continue
        found = compared(originals, rendition)
        if not found.is_small:
            _save_side_by_side(originals, rendition, _SIDES / f"{path.name}.{rendition.format.value}.png")
        yield f"{' ' if found.is_small else '!'} {name}: {found} [{codes}]"


def profile() -> Profile:
    """Returns a profile of the original's size and the highest quality."""
    choices = tuple(FormatChoice(wanted, 100) for wanted in _FORMATS)
    return Profile("fidelity", (Ladder("main", (16_000,), choices),), Limits(), repack=False)


def _widest(renditions: tuple[Encoded, ...]) -> list[Encoded]:
    return [
        max(of, key=lambda r: r.width) for f in _FORMATS if (of := [r for r in renditions if r.format is f])
    ]


def compared(originals: list[Frame], rendition: Encoded) -> Difference:
    """Compares frame by frame; a still with the first frame, and a JPEG over white."""
    made = frames_of(rendition)
    if rendition.format is not Format.WEBP:
        originals = originals[:1]
    sizes = originals[0].image.size, made[0].image.size
    if sizes[0] != sizes[1]:
        return Difference(rendition.format, frames=(len(originals), len(made)), sizes=sizes)
    mean = worst = alpha = duration = 0.0
    for original, frame in zip(originals, _at_the_times_of(originals, made), strict=True):
        wanted = _flattened(original.image, "white") if rendition.format is Format.JPEG else original.image
        for background in ("white", "black"):
            distance = oklab_distance(_flattened(wanted, background), _flattened(frame.image, background))
            mean, worst = max(mean, float(distance.mean())), max(worst, _worst_block(distance))
        alphas = (np.asarray(image.getchannel("A"), float) for image in (wanted, frame.image))
        first, second = alphas
        alpha = max(alpha, float(np.abs(first - second).mean()))
    if len(originals) > 1:
        times = sum(played(f.milliseconds) for f in originals), sum(f.milliseconds for f in made)
        duration = abs(times[0] - times[1])
    return Difference(rendition.format, mean, worst, alpha, (len(originals), len(made)), duration, sizes)


def _at_the_times_of(originals: list[Frame], made: list[Frame]) -> Iterator[Frame]:
    """Yields what the rendition shows when each original frame begins: equal frames are merged in it."""
    number, begins, ends = 0, 0.0, made[0].milliseconds
    for original in originals:
        while begins >= ends and number + 1 < len(made):
            number += 1
            ends += made[number].milliseconds
        yield made[number]
        begins += played(original.milliseconds)


def played(milliseconds: float) -> float:
    """Returns the time for which browsers show a frame: 100 ms for frames of 10 ms or less."""
    return milliseconds if milliseconds > 10 else 100


def frames_of(rendition: Encoded) -> list[Frame]:
    if rendition.format is Format.JXL:
        return [Frame(jxl.decode(rendition.data).convert("RGBA"), 0)]
    image = Image.open(BytesIO(rendition.data))
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append(Frame(image.convert("RGBA"), image.info.get("duration", 0)))
    return frames


def _flattened(image: Image.Image, background: str) -> Image.Image:
    flat = Image.new("RGBA", image.size, background)
    flat.alpha_composite(image)
    return flat


def oklab_distance(first: Image.Image, second: Image.Image) -> np.ndarray:
    """Returns the distance of each pixel."""
    distance: np.ndarray = np.linalg.norm(_oklab(first) - _oklab(second), axis=-1)
    return distance


# Björn Ottosson, 2020: https://bottosson.github.io/posts/oklab/
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _oklab(image: Image.Image) -> np.ndarray:
    stored = np.asarray(image.convert("RGB"), float) / 255
    light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    lab: np.ndarray = np.cbrt(light @ _TO_CONES.T) @ _TO_LAB.T
    return lab


def _worst_block(distance: np.ndarray) -> float:
    height, width = (max(1, side // _BLOCK) for side in distance.shape)
    rows, columns = (min(side, _BLOCK) for side in distance.shape)
    blocks = distance[: height * rows, : width * columns].reshape(height, rows, width, columns)
    return float(blocks.mean(axis=(1, 3)).max())


def _save_side_by_side(originals: list[Frame], rendition: Encoded, path: Path) -> None:
    """Saves up to four frames, one below the other."""
    pairs = [*zip(originals, frames_of(rendition), strict=False)][:4]
    width, height = (
        max(getattr(f.image, side) for pair in pairs for f in pair) for side in ("width", "height")
    )
    sheet = Image.new("RGBA", (2 * width, height * len(pairs)), "#808080")
    for row, pair in enumerate(pairs):
        for column, frame in enumerate(pair):
            sheet.alpha_composite(frame.image, (column * width, row * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


if __name__ == "__main__":
    main()
