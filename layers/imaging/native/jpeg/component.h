// A component of a frame: its blocks of quantised or unquantised coefficients.
#ifndef JPEG_COMPONENT_H
#define JPEG_COMPONENT_H

#include <stddef.h>
#include <stdint.h>

// Unquantised coefficients are stored in sixteenths: those of samples from -255 to 255 fit.
enum { JPEG_COEFFICIENT_SCALE = 16 };

struct component {
    int width, height;  // samples
    int columns, rows;  // blocks that hold a sample: those of a scan of one component (T.81, A.2.2)
    int sampling;       // H = V, relative to the frame's coarsest component
    uint16_t steps[64]; // quantisation table in zigzag order
    int16_t (*blocks)[64]; // coefficients in zigzag order
    uint64_t *nonzero;     // per block: bit k for a nonzero quantised AC coefficient k
    // Per block, weights of its squared errors in units of the steps, and of the samples; NULL for 1 and 0.
    float *weights, *sample_weights;
};

static inline size_t jpeg_block_count(const struct component *component) {
    return (size_t)component->columns * component->rows;
}

// Extends a row of samples to whole blocks by its last sample.
static inline void jpeg_extend(float *row, int width, int columns) {
    for (int x = width; x < 8 * columns; x++) row[x] = row[width - 1];
}

#endif
