"""The constants of quality.py. Written by bench/fit_quality.py."""

from darkroom.domain.renditions import Format

# Median scores of photographs by quality.
TYPICAL: dict[Format, tuple[tuple[int, float], ...]] = {
    Format.JPEG: (
        (1, -32.6),
        (15, 34.1),
        (30, 51.1),
        (45, 58.0),
        (60, 63.3),
        (72, 67.8),
        (80, 71.7),
        (86, 75.4),
        (91, 80.2),
        (95, 85.0),
        (98, 89.4),
        (100, 92.1),
    ),
    Format.WEBP: (
        (1, 8.1),
        (15, 34.4),
        (30, 48.3),
        (50, 59.0),
        (65, 64.5),
        (78, 71.3),
        (87, 78.7),
        (94, 84.6),
        (100, 86.9),
    ),
    Format.AVIF: (
        (1, -23.5),
        (20, 26.9),
        (35, 50.1),
        (50, 68.1),
        (60, 76.4),
        (70, 80.8),
        (80, 85.3),
        (90, 90.1),
        (100, 94.6),
    ),
    Format.JXL: (
        (1, 8.6),
        (10, 26.0),
        (30, 52.5),
        (50, 60.6),
        (65, 70.2),
        (80, 79.8),
        (88, 85.1),
        (94, 89.4),
        (98, 92.9),
        (100, 94.7),
    ),
}
# Points that a picture scores more for each doubling of its pixels.
GROWTH = {
    Format.JPEG: 0.07,
    Format.WEBP: -0.33,
    Format.AVIF: -0.23,
    Format.JXL: 0.03,
}
# Points that a sample scores more: always, and for each halving of pixels.
SAMPLE = {
    Format.JPEG: (0.06, 0.72),
    Format.WEBP: (0.4, -1.47),
    Format.AVIF: (-0.84, 0.34),
    Format.JXL: (-0.04, 0.73),
}
# Points that pictures of up to SMALL_PIXELS score more.
SMALL = {
    Format.JPEG: 7.27,
    Format.WEBP: -3.96,
    Format.AVIF: -5.8,
    Format.JXL: -9.99,
}
# The share of a JPEG's bytes that one point of score costs.
BYTES_PER_POINT = 0.054
