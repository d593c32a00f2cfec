#include "decoder/rows.h"

#include <string.h>

void decoder_interpolate(const uint8_t *nearer, const uint8_t *farther, int width, int16_t *restrict sums,
                         uint8_t *restrict row) {
    for (int x = 0; x < width; x++) sums[x] = (int16_t)(3 * nearer[x] + farther[x]);
    sums[-1] = sums[0];
    sums[width] = sums[width - 1];
    for (int x = 0; x < width; x++) {
        row[2 * x] = (uint8_t)((3 * sums[x] + sums[x - 1] + 8) >> 4);
        row[2 * x + 1] = (uint8_t)((3 * sums[x] + sums[x + 1] + 7) >> 4);
    }
}

void decoder_interpolate_across(const uint8_t *chroma, int width, uint8_t *restrict row) {
    for (int x = 0; x < width; x++) {
        int before = chroma[x ? x - 1 : 0], after = chroma[x + 1 < width ? x + 1 : x];
        row[2 * x] = (uint8_t)((3 * chroma[x] + before + 1) >> 2);
        row[2 * x + 1] = (uint8_t)((3 * chroma[x] + after + 2) >> 2);
    }
}

static inline uint32_t level(int value) { return (uint32_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

// Factors have 16 bits behind the point.
void decoder_convert(const uint8_t *luma, const uint8_t *cb, const uint8_t *cr, int width, uint8_t *restrict pixels) {
    for (int x = 0; x < width; x++) {
        int y = luma[x], blueness = cb[x] - 128, redness = cr[x] - 128;
        uint32_t red = level(y + ((91881 * redness + 32768) >> 16));
        uint32_t green = level(y + ((-22554 * blueness - 46802 * redness + 32768) >> 16));
        uint32_t blue = level(y + ((116130 * blueness + 32768) >> 16));
        uint32_t pixel = red | green << 8 | blue << 16 | 255u << 24;
        memcpy(pixels + 4 * (size_t)x, &pixel, sizeof pixel);
    }
}
