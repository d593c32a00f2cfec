#include "shown.h"

#include <stdlib.h>
#include <string.h>

#include "dct.h"
#include "decoder/idct.h"
#include "decoder/rows.h"

// Decodes a block into samples from 0 to 255.
static void decode_block(const struct component *component, size_t index, uint8_t *samples, size_t stride) {
    const int16_t *block = component->blocks[index];
    int32_t coefficients[64] = {block[0] * component->steps[0]};
    if (!component->nonzero[index]) {
        decoder_flat(coefficients[0], samples, stride, 8);
        return;
    }
    for (uint64_t left = component->nonzero[index]; left; left &= left - 1) {
        int k = __builtin_ctzll(left);
        coefficients[JPEG_ZIGZAG[k]] = block[k] * component->steps[k];
    }
    decoder_idct_8(coefficients, samples, stride);
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

// Interpolates row `y` of the picture from a component of half its size.
static void interpolate(const struct component *component, const struct samples *samples, int y, int16_t *sums,
                        uint8_t *row) {
    int near = y >> 1, far = y & 1 ? near + 1 : near - 1;
    far = far < 0 ? 0 : far >= component->height ? component->height - 1 : far;
    const uint8_t *nearer = samples->bytes + (size_t)near * samples->stride;
    decoder_interpolate(nearer, samples->bytes + (size_t)far * samples->stride, component->width, sums, row);
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
    decoder_convert(luma, planes[0], planes[1], components[0].width, pixels);
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
