// The comparison of two pictures at one scale. Rows are added from the top down, and each second one adds a row to the
// next scale, so only a few rows are in memory.
#ifndef DARKROOM_SSIMULACRA2_SCALE_H
#define DARKROOM_SSIMULACRA2_SCALE_H

#include "ssimulacra2/rows.h"

typedef struct Scale {
    int width, height;
    int read, compared; // rows so far
    struct Scale *half; // the next scale, or NULL
    int significant[CHANNELS];
    double weights[CHANNELS][TERMS];
    double totals[CHANNELS][TERMS];
    Rows rows;
} Scale;

// Makes number `index` of `count` scales, without a next scale. Returns -1 if there is no memory, else 0.
int make_scale(Scale *scale, int index, int count, int width, int height);

void free_scale(Scale *scale);

// The rows of R, G and B in linear light to fill before the next call of `add_row`.
float *const *next_row(const Scale *scale, int picture);

// Adds the rows of both pictures that have been filled.
void add_row(Scale *scale);

// Returns the weighted sum of the terms, after all rows.
double error_of(const Scale *scale);

#endif
