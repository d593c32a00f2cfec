#include "shown.h"

#include <stdlib.h>
#include <string.h>

#include "dct.h"
#include "transpose.h"

// Eight integers, one per column or row.
typedef int32_t integers __attribute__((vector_size(32)));

// Rounds after a division by 2 ** bits.
static inline integers descaled(integers x, int bits) { return (x + (1 << (bits - 1))) >> bits; }

// One dimension of libjpeg's "islow" transform (jidctint.c): after C. Loeffler, A. Ligtenberg and G. Moschytz, 1989, in
// integers of 13 bits behind the point.
enum { FRACTION_BITS = 13, FIRST_PASS_BITS = 2 };

static inline void inverse(integers x[8], int bits) {
    integers common = (x[2] + x[6]) * 4433, low = common - x[6] * 15137, high = common + x[2] * 6270;
    integers sum = (x[0] + x[4]) * (1 << FRACTION_BITS), difference = (x[0] - x[4]) * (1 << FRACTION_BITS);
    integers even[4] = {sum + high, difference + low, difference - low, sum - high};

    integers rotation = (x[7] + x[3] + x[5] + x[1]) * 9633;
    integers a = (x[7] + x[1]) * -7373, b = (x[5] + x[3]) * -20995;
    integers c = (x[7] + x[3]) * -16069 + rotation, d = (x[5] + x[1]) * -3196 + rotation;
    integers odd[4] = {
        x[1] * 12299 + a + d, x[3] * 25172 + b + c, x[5] * 16819 + b + d, x[7] * 2446 + a + c,
    };
    for (int i = 0; i < 4; i++) {
        x[i] = descaled(even[i] + odd[i], bits);
        x[7 - i] = descaled(even[i] - odd[i], bits);
    }
}

static inline void transpose(integers x[8]) {
    lanes same_bits[8];
    memcpy(same_bits, x, sizeof same_bits);
    jpeg_transpose(same_bits);
    memcpy(x, same_bits, sizeof same_bits);
}

// Decodes a block into samples from 0 to 255.
static void decode_block(const struct component *component, size_t index, uint8_t *samples, size_t stride) {
    const int16_t *block = component->blocks[index];
    int32_t coefficients[64] = {block[0] * component->steps[0]};
    integers x[8];
    if (!component->nonzero[index]) {
        int level = (coefficients[0] * (1 << FIRST_PASS_BITS) + 16) >> 5;
        level = level < -128 ? 0 : level > 127 ? 255 : level + 128;
        for (int y = 0; y < 8; y++) memset(samples + (size_t)y * stride, level, 8);
        return;
    }
    for (uint64_t left = component->nonzero[index]; left; left &= left - 1) {
        int k = __builtin_ctzll(left);
        coefficients[JPEG_ZIGZAG[k]] = block[k] * component->steps[k];
    }
    memcpy(x, coefficients, sizeof x);
    inverse(x, FRACTION_BITS - FIRST_PASS_BITS);
    transpose(x);
    inverse(x, FRACTION_BITS + FIRST_PASS_BITS + 3);
    transpose(x);
    memcpy(coefficients, x, sizeof x);
    uint8_t levels[64];
    for (int i = 0; i < 64; i++) {
        int level = coefficients[i] + 128;
        levels[i] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
    for (int y = 0; y < 8; y++) memcpy(samples + (size_t)y * stride, levels + 8 * y, 8);
}

// A decoded component, in whole blocks.
struct samples {
    uint8_t *bytes;
    size_t stride;
};

static void decode_row(const struct component *component, int row, uint8_t *samples, size_t stride) {
    for (size_t column = 0; column < (size_t)component->columns; column++)
        decode_block(component, (size_t)row * (size_t)component->columns + column, samples + 8 * column, stride);
}

static bool decode_all(const struct component *component, struct samples *samples) {
    samples->stride = 8 * (size_t)component->columns;
    samples->bytes = malloc(8 * samples->stride * (size_t)component->rows);
    if (!samples->bytes) return false;
    for (int row = 0; row < component->rows; row++)
        decode_row(component, row, samples->bytes + 8 * (size_t)row * samples->stride, samples->stride);
    return true;
}

// Interpolates row `y` of the picture from a component of half its size: jdsample.c, h2v2_fancy_upsample. `sums` and
// `row` have room for one more sample at each end.
static void interpolate(const struct component *component, const struct samples *samples, int y, int16_t *restrict sums,
                        uint8_t *restrict row) {
    int near = y >> 1, far = y & 1 ? near + 1 : near - 1, width = component->width;
    far = far < 0 ? 0 : far >= component->height ? component->height - 1 : far;
    const uint8_t *nearer = samples->bytes + (size_t)near * samples->stride;
    const uint8_t *farther = samples->bytes + (size_t)far * samples->stride;
    for (int x = 0; x < width; x++) sums[x] = (int16_t)(3 * nearer[x] + farther[x]);
    sums[-1] = sums[0];
    sums[width] = sums[width - 1];
    for (int x = 0; x < width; x++) {
        row[2 * x] = (uint8_t)((3 * sums[x] + sums[x - 1] + 8) >> 4);
        row[2 * x + 1] = (uint8_t)((3 * sums[x] + sums[x + 1] + 7) >> 4);
    }
}

static inline uint32_t level(int value) { return (uint32_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

// jdcolor.c, ycc_rgb_convert: factors of 16 bits behind the point.
static void convert(const uint8_t *luma, const uint8_t *cb, const uint8_t *cr, int width, uint8_t *restrict pixels) {
    for (int x = 0; x < width; x++) {
        int y = luma[x], blueness = cb[x] - 128, redness = cr[x] - 128;
        uint32_t red = level(y + ((91881 * redness + 32768) >> 16));
        uint32_t green = level(y + ((-22554 * blueness - 46802 * redness + 32768) >> 16));
        uint32_t blue = level(y + ((116130 * blueness + 32768) >> 16));
        uint32_t pixel = red | green << 8 | blue << 16 | 255u << 24;
        memcpy(pixels + 4 * (size_t)x, &pixel, sizeof pixel);
    }
}

// Rows in memory: eight of luma, and one of sums and two of interpolated chroma, with room at both ends.
struct rows {
    uint8_t *luma, *chroma[2];
    int16_t *sums;
};

static void show_row(const struct component *components, const struct samples chroma[2], const struct rows *rows, int y,
                     uint8_t *pixels) {
    const uint8_t *luma = rows->luma + 8 * (size_t)components[0].columns * (size_t)(y & 7), *planes[2];
    for (int i = 0; i < 2; i++) {
        planes[i] = chroma[i].bytes + (size_t)y * chroma[i].stride;
        if (components[0].sampling == 1) continue;
        interpolate(&components[i + 1], &chroma[i], y, rows->sums, rows->chroma[i]);
        planes[i] = rows->chroma[i];
    }
    convert(luma, planes[0], planes[1], components[0].width, pixels);
}

bool jpeg_show(const struct component *components, int count, uint8_t *pixels) {
    const struct component *first = &components[0];
    size_t width = (size_t)first->width, stride = 8 * (size_t)first->columns;
    struct samples chroma[2] = {{0}};
    uint8_t *memory = malloc(8 * stride + 2 * (stride + 2) + (stride + 4) * sizeof(int16_t));
    struct rows rows = {.sums = (int16_t *)(void *)memory + 1, .luma = memory + (stride + 4) * sizeof(int16_t)};
    rows.chroma[0] = rows.luma + 8 * stride;
    rows.chroma[1] = rows.chroma[0] + stride + 2;
    bool done = memory;
    for (int i = 1; i < count; i++) done = done && decode_all(&components[i], &chroma[i - 1]);
    for (int y = 0; done && y < first->height; y++) {
        if (y % 8 == 0) decode_row(first, y / 8, rows.luma, stride);
        if (count == 1)
            memcpy(pixels + (size_t)y * width, rows.luma + (size_t)(y & 7) * stride, width);
        else
            show_row(components, chroma, &rows, y, pixels + 4 * (size_t)y * width);
    }
    for (int i = 0; i < 2; i++) free(chroma[i].bytes);
    free(memory);
    return done;
}
