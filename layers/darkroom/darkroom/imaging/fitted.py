"""The constants of quality.py. Written by bench/fit_quality.py."""

from darkroom.domain.renditions import Format

# Median scores of photographs by quality.
TYPICAL: dict[Format, tuple[tuple[int, float], ...]] = {
    Format.JPEG: (
        (1, -38.4),
        (15, 30.0),
        (30, 48.3),
        (45, 56.3),
        (60, 62.1),
        (72, 67.1),
        (80, 71.2),
        (86, 74.9),
        (91, 79.8),
        (95, 85.1),
        (98, 89.5),
        (100, 92.4),
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
    Format.JPEG: 0.19,
    Format.WEBP: -0.33,
    Format.AVIF: -0.23,
    Format.JXL: 0.03,
}
# Points that a sample scores more: always, and for each halving of pixels.
SAMPLE = {
    Format.JPEG: (0.03, 0.69),
    Format.WEBP: (0.4, -1.47),
    Format.AVIF: (-0.84, 0.34),
    Format.JXL: (-0.04, 0.73),
}
# Points that pictures of up to SMALL_PIXELS score more.
SMALL = {
    Format.JPEG: 7.11,
    Format.WEBP: -3.96,
    Format.AVIF: -5.8,
    Format.JXL: -9.99,
}
