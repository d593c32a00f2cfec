#include "subsampling/shown.h"

#include <stdlib.h>

#include "avif/planes.h"
#include "subsampling/doubled.h"

enum { PIXEL = 4 };

static void show_luma(const uint8_t *luma, size_t pixels, uint8_t *shown) {
    for (size_t i = 0; i < pixels; i++) {
        shown[PIXEL * i] = luma[i];
        shown[PIXEL * i + 3] = 255;
    }
}

// `doubled` has room for all rows of the halves at twice their width.
static void show_chroma(const uint8_t *halves, int width, int height, uint8_t *doubled, uint8_t *shown) {
    int columns = (width + 1) / 2, rows = (height + 1) / 2;
    size_t wide = 2 * (size_t)columns;
    for (int y = 0; y < rows; y++) double_across(halves + (size_t)y * (size_t)columns, columns, doubled + (size_t)y * wide);
    for (int y = 0; y < height; y++) {
        const uint8_t *nearer = doubled + (size_t)(y / 2) * wide, *farther = doubled + (size_t)farther_row(y, rows) * wide;
        for (int x = 0; x < width; x++, shown += PIXEL) *shown = between(nearer[x], farther[x]);
    }
}

bool shown_subsampled(const struct jpeg_picture *picture, uint8_t *pixels) {
    int width = picture->width, height = picture->height;
    size_t luma = (size_t)width * (size_t)height, chroma = (size_t)((width + 1) / 2) * (size_t)((height + 1) / 2);
    uint8_t *planes = malloc(avif_planes_bytes(width, height, true)), *doubled = malloc(2 * chroma);
    bool done = planes && doubled && avif_planes(picture, true, planes);
    if (done) {
        show_luma(planes, luma, pixels);
        for (size_t i = 0; i < 2; i++) show_chroma(planes + luma + i * chroma, width, height, doubled, pixels + 1 + i);
    }
    free(planes);
    free(doubled);
    return done;
}
