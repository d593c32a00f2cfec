// The errors of one row of one channel: local structure and edges.
#ifndef DARKROOM_SSIMULACRA2_ERRORS_H
#define DARKROOM_SSIMULACRA2_ERRORS_H

#include "ssimulacra2/rows.h"

// Adds to the sums, by column, the errors and their fourth powers of `width` pixels: 1 - SSIM', which is SSIM without gamma
// correction and with another luminance term, as SSIMULACRA2 defines it, and at least 0.
void add_structure(const float *const blurred[SIGNALS], float *const sums[TERMS], int width);

// The same for edges that only the second picture has, and for those that only the first has.
void add_edges(
    const float *first, const float *second, const float *const blurred[SIGNALS], float *const sums[TERMS], int width
);

#endif
