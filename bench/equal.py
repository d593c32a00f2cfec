"""Computes bytes at equal score: an encoder's size at a target score, interpolated between two qualities."""

import json
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from math import exp, log
from pathlib import Path
from typing import Protocol

from PIL import Image

from bench.peers import Encoder
from darkroom.imaging.ssimulacra2 import Ssimulacra2


class Scores:
    """A file of known scores, since each takes a second to compute."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[float]] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, content: bytes, measure: Callable[[], float]) -> float:
        """Returns the score of an encoding, measured once for the same bytes."""
        key = sha256(content).hexdigest()
        if key not in self._known:
            self._known[key] = [measure()]
            self._path.write_text(json.dumps(self._known))
        return self._known[key][0]


class Metric(Protocol):
    """An original to compare encodings with: Ssimulacra2 or MsSsim."""

    def score(self, other: Image.Image) -> float: ...


def _opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content)).convert("RGB")


class Candidate:
    """One picture at one width, as a lossless file."""

    def __init__(
        self,
        file: Path,
        scores: Scores,
        metric: Callable[[Image.Image], Metric] = Ssimulacra2,
        decode: Callable[[bytes], Image.Image] = _opened,
    ) -> None:
        self.file = file
        self._scores = scores
        self._metric = metric
        self._decode = decode
        self._reference: Metric | None = None
        self._made: dict[tuple[Encoder, int], bytes] = {}

    def score(self, content: bytes) -> float:
        return self._scores.get(content, lambda: self._measured(content))

    def _measured(self, content: bytes) -> float:
        if self._reference is None:
            with Image.open(self.file) as picture:
                self._reference = self._metric(picture)
        return self._reference.score(self._decode(content))

    def _encoded(self, encoder: Encoder, quality: int) -> bytes:
        if (encoder, quality) not in self._made:
            self._made[encoder, quality] = encoder(self.file, quality)
        return self._made[encoder, quality]

    def bytes_at(self, target: float, encoder: Encoder) -> float | None:
        """Returns the bytes at the target; None if no quality from 5 to 98 reaches it, or all do."""
        below, reaching = 5, 98
        tried: dict[int, tuple[float, float]] = {}

        def at(quality: int) -> tuple[float, float]:
            if quality not in tried:
                content = self._encoded(encoder, quality)
                tried[quality] = self.score(content), log(len(content))
            return tried[quality]

        quality = 72 if target <= 75 else 82
        while reaching - below > 2:
            score, _ = at(quality)
            below, reaching = (quality, reaching) if score < target else (below, quality)
            # Near the target one quality step changes the score by about one: faster than bisection.
            step = max(1, round(abs(target - score)))
            guess = quality + step if score < target else quality - step
            quality = guess if below < guess < reaching else (below + reaching) // 2
        (low, low_size), (high, high_size) = at(below), at(reaching)
        if not low < target <= high:
            return None
        return exp(low_size + (high_size - low_size) * (target - low) / (high - low))
