"""The constants of quality.py. Written by bench/fit_quality.py."""

from darkroom.domain.renditions import Format

# Median scores of photographs by quality.
TYPICAL: dict[Format, tuple[tuple[int, float], ...]] = {
    Format.JPEG: (
        (1, -36.6),
        (15, 28.9),
        (30, 47.6),
        (45, 55.5),
        (60, 61.2),
        (72, 66.1),
        (80, 70.3),
        (86, 74.7),
        (91, 79.6),
        (95, 84.9),
        (98, 89.7),
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
        (1, -26.5),
        (20, 25.3),
        (35, 49.1),
        (50, 67.9),
        (60, 76.0),
        (70, 80.7),
        (80, 85.1),
        (90, 89.9),
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
    Format.JPEG: (3.23, 0.498, -0.076, 0.162),
    Format.WEBP: (2.4, 0.474, -0.027, -0.033),
}
# Points that a sample scores more: always, and for each halving of pixels.
SAMPLE = {
    Format.JPEG: (-0.13, 0.64),
    Format.WEBP: (0.09, -0.26),
    Format.AVIF: (-0.58, 0.38),
    Format.JXL: (-0.01, 0.62),
}
# Points that pictures of up to SMALL_PIXELS score more.
SMALL = {
    Format.JPEG: 8.07,
    Format.WEBP: -0.59,
    Format.AVIF: -3.29,
    Format.JXL: -7.42,
}
