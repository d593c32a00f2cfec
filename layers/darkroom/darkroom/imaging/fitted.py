"""The constants of quality.py. Written by bench/fit_quality.py."""

from darkroom.domain.renditions import Format

# Median scores of photographs by quality.
TYPICAL: dict[Format, tuple[tuple[int, float], ...]] = {
    Format.JPEG: (
        (1, -44.1),
        (15, 26.9),
        (30, 46.2),
        (45, 54.2),
        (60, 59.9),
        (72, 65.0),
        (80, 69.4),
        (86, 73.8),
        (91, 79.0),
        (95, 84.2),
        (98, 89.0),
        (100, 92.1),
    ),
    Format.WEBP: (
        (1, 7.6),
        (15, 34.6),
        (30, 49.1),
        (50, 59.4),
        (65, 65.2),
        (78, 71.6),
        (87, 79.2),
        (94, 84.5),
        (100, 86.5),
    ),
    Format.AVIF: (
        (1, -16.0),
        (20, 32.0),
        (35, 53.0),
        (50, 69.8),
        (60, 77.7),
        (70, 82.1),
        (80, 85.5),
        (90, 89.5),
        (100, 92.9),
    ),
    Format.JXL: (
        (1, 10.2),
        (10, 27.3),
        (30, 53.6),
        (50, 62.7),
        (65, 71.6),
        (80, 80.3),
        (88, 85.4),
        (94, 89.8),
        (98, 92.7),
        (100, 95.0),
    ),
}
# Points that a picture scores more for each doubling of its pixels.
GROWTH = {
    Format.JPEG: 0.15,
    Format.WEBP: -0.3,
    Format.AVIF: -0.25,
    Format.JXL: 0.07,
}
# Points that a sample scores more: always, and for each halving of pixels.
SAMPLE = {
    Format.JPEG: (-0.03, 0.68),
    Format.WEBP: (0.76, -1.34),
    Format.AVIF: (-0.21, 0.12),
    Format.JXL: (0.0, 0.83),
}
# Points that pictures of up to SMALL_PIXELS score more.
SMALL = {
    Format.JPEG: 8.15,
    Format.WEBP: -7.46,
    Format.AVIF: -5.28,
    Format.JXL: 0.0,
}
# The share of a JPEG's bytes that one point of score costs.
BYTES_PER_POINT = 0.056
