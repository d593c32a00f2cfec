"""The constants of quality.py. Written by bench/fit_quality.py."""

from darkroom.domain.renditions import Format

# Median scores of photographs by quality.
TYPICAL: dict[Format, tuple[tuple[int, float], ...]] = {
    Format.JPEG: (
        (1, -36.6),
        (15, 30.3),
        (30, 49.6),
        (45, 56.9),
        (60, 62.6),
        (72, 67.1),
        (80, 71.6),
        (86, 75.5),
        (91, 80.3),
        (95, 85.3),
        (98, 89.9),
        (100, 92.7),
    ),
    Format.WEBP: (
        (1, -0.2),
        (15, 32.6),
        (30, 47.6),
        (50, 58.5),
        (65, 64.0),
        (78, 70.7),
        (87, 78.9),
        (94, 85.4),
        (100, 88.2),
    ),
    Format.AVIF: (
        (1, -23.9),
        (20, 26.9),
        (35, 49.8),
        (50, 68.4),
        (60, 76.2),
        (70, 81.0),
        (80, 85.1),
        (90, 90.0),
        (100, 94.7),
    ),
    Format.JXL: (
        (1, 5.6),
        (10, 24.0),
        (30, 51.0),
        (50, 60.1),
        (65, 69.6),
        (80, 79.4),
        (88, 85.2),
        (94, 89.5),
        (98, 93.2),
        (100, 95.3),
    ),
}
# Points that each doubling of pixels adds: always, by doublings of bits a pixel, target, doublings.
GROWTH = {
    Format.JPEG: (3.506, 0.498, -0.077, 0.152),
    Format.WEBP: (2.4, 0.474, -0.027, -0.033),
}
# Points that a sample scores more: always, and for each halving of pixels.
SAMPLE = {
    Format.JPEG: (-0.14, 0.65),
    Format.WEBP: (0.09, -0.26),
    Format.AVIF: (-0.73, 0.44),
    Format.JXL: (-0.01, 0.62),
}
# Points that pictures of up to SMALL_PIXELS score more.
SMALL = {
    Format.JPEG: 7.14,
    Format.WEBP: -0.59,
    Format.AVIF: -3.53,
    Format.JXL: -7.42,
}
