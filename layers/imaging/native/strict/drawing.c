#include "drawing.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/idct.h"
#include "decoder/rows.h"
#include "picture.h"

static int divided_up(int number, int by) { return (number + by - 1) / by; }

static bool has_sampling(const struct picture *picture, int across, int down) {
    for (int i = 0; i < picture->components; i++) {
        const struct component *component = &picture->component[i];
        if (component->across != (i ? 1 : across) || component->down != (i ? 1 : down)) return false;
    }
    return true;
}

static bool is_supported(const struct drawing *drawing, const struct scan *scan) {
    const struct picture *picture = scan->picture;
    if (picture->is_progressive || drawing->shown || scan->components != picture->components) return false;
    for (int i = 0; i < scan->components; i++)
        if (scan->component[i] != &picture->component[i]) return false;
    if (picture->components == 1) return true; // whatever its sampling
    return picture->components == 3 && picture->is_ycbcr && drawing->width >= DECODER_INTERPOLATED_WIDTH &&
           (has_sampling(picture, 1, 1) || has_sampling(picture, 2, 1) || has_sampling(picture, 2, 2));
}

// As libjpeg scales: in a picture half as large, 4:2:0 needs no interpolation, since blocks of chroma stay whole.
static bool lay_out_rings(struct drawing *drawing, const struct picture *picture) {
    bool is_quarter = picture->components == 3 && has_sampling(picture, 2, 2), is_whole = drawing->eighths == 8;
    drawing->is_low = is_quarter && is_whole;
    drawing->is_narrow = drawing->is_low || (picture->components == 3 && has_sampling(picture, 2, 1));
    for (int i = 0; i < picture->components; i++) {
        const struct component *component = &picture->component[i];
        struct ring *ring = &drawing->rings[i];
        ring->side = i && is_quarter ? 8 : drawing->eighths;
        ring->width = divided_up(drawing->width, i && drawing->is_narrow ? 2 : 1);
        ring->height = divided_up(drawing->height, i && drawing->is_low ? 2 : 1);
        ring->rows = 2 * ring->side * (picture->components > 1 ? component->down : 1);
        ring->stride = (size_t)component->padded_wide * (size_t)ring->side;
        ring->samples = malloc(ring->stride * (size_t)ring->rows);
        if (!ring->samples) return false;
    }
    size_t width = (size_t)drawing->width + 2;
    for (int i = 0; i < 2; i++) drawing->rows[i] = malloc(width);
    drawing->sums = malloc(width * sizeof *drawing->sums);
    return drawing->rows[0] && drawing->rows[1] && drawing->sums;
}

bool begin_drawing(struct drawing *drawing, const struct scan *scan) {
    const struct picture *picture = scan->picture;
    drawing->width = divided_up(picture->width * drawing->eighths, 8);
    drawing->height = divided_up(picture->height * drawing->eighths, 8);
    size_t bytes = (size_t)drawing->width * (size_t)drawing->height * (picture->components == 1 ? 1 : 4);
    drawing->is_unsupported = !is_supported(drawing, scan) || bytes != drawing->size_bytes;
    return drawing->is_unsupported || lay_out_rings(drawing, picture);
}

void draw_block(struct drawing *drawing, int component, int row, int column, const int32_t coefficients[64], bool is_flat) {
    const struct ring *ring = &drawing->rings[component];
    int side = ring->side;
    uint8_t *samples = ring->samples + (size_t)(row * side % ring->rows) * ring->stride + (size_t)column * (size_t)side;
    if (is_flat)
        decoder_flat(coefficients[0], samples, ring->stride, side);
    else if (side == 8)
        decoder_idct_8(coefficients, samples, ring->stride);
    else
        decoder_idct_4(coefficients, samples, ring->stride);
}

static const uint8_t *row_of(const struct ring *ring, int y) {
    int inside = y < 0 ? 0 : y >= ring->height ? ring->height - 1 : y;
    return ring->samples + (size_t)(inside % ring->rows) * ring->stride;
}

static void show_row(const struct drawing *drawing, int y, bool is_grey) {
    const uint8_t *luma = row_of(&drawing->rings[0], y), *chroma[2];
    size_t width = (size_t)drawing->width;
    if (is_grey) {
        memcpy(drawing->pixels + (size_t)y * width, luma, width);
        return;
    }
    for (int i = 0; i < 2; i++) {
        const struct ring *ring = &drawing->rings[i + 1];
        chroma[i] = row_of(ring, drawing->is_low ? y >> 1 : y);
        if (!drawing->is_narrow) continue;
        if (drawing->is_low)
            decoder_interpolate(chroma[i], row_of(ring, (y >> 1) + (y & 1 ? 1 : -1)), ring->width, drawing->sums + 1,
                                drawing->rows[i]);
        else
            decoder_interpolate_across(chroma[i], ring->width, drawing->rows[i]);
        chroma[i] = drawing->rows[i];
    }
    decoder_convert(luma, chroma[0], chroma[1], drawing->width, drawing->pixels + 4 * (size_t)y * width);
}

void show_rows(struct drawing *drawing, const struct picture *picture, int row) {
    const struct ring *luma = &drawing->rings[0];
    int complete = (row + 1) * luma->rows / 2;
    if (drawing->is_low && row < picture->mcus_high - 1) complete--; // its chroma needs that of the next row
    for (; drawing->shown < complete && drawing->shown < drawing->height; drawing->shown++)
        show_row(drawing, drawing->shown, picture->components == 1);
}

void end_drawing(struct drawing *drawing) {
    for (int i = 0; i < 3; i++) free(drawing->rings[i].samples);
    for (int i = 0; i < 2; i++) free(drawing->rows[i]);
    free(drawing->sums);
}
