// The pixels of a picture while it is checked.
#ifndef DARKROOM_STRICT_DRAWING_H
#define DARKROOM_STRICT_DRAWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The last two rows of MCUs of one component: row y is in slot y modulo the number of rows.
struct ring {
    uint8_t *samples;
    size_t stride;
    int rows, width, height; // width and height of the whole component in the result
    int side;                // of a block, in samples of the result
};

// The result: grey, or R, G, B and 255.
struct drawing {
    uint8_t *pixels; // set by the caller, with the next two
    size_t size_bytes;
    int eighths; // of the picture's width and height: 8 or 4
    bool is_unsupported;
    int width, height, shown; // rows so far
    bool is_narrow, is_low;   // chroma has half of the result's width, and half of its height
    struct ring rings[3];
    uint8_t *rows[2]; // of interpolated chroma
    int16_t *sums;
};

struct picture;
struct component;
struct scan;

// Prepares for a scan. False if memory is short; sets `is_unsupported` for what only libjpeg can draw: all but whole
// scans of grey, 4:4:4, 4:2:2 or 4:2:0 in the order Y, Cb, Cr.
bool begin_drawing(struct drawing *drawing, const struct scan *scan);

// Draws a block of unquantised coefficients, row by row.
void draw_block(struct drawing *drawing, int component, int row, int column, const int32_t coefficients[64], bool is_flat);

// Shows the rows that are complete after this row of MCUs.
void show_rows(struct drawing *drawing, const struct picture *picture, int row);

void end_drawing(struct drawing *drawing);

#endif
