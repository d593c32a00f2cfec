// SSIMULACRA2 2.1, after libjxl 0.11 (tools/ssimulacra2.cc, BSD-3-Clause): how similar two pictures look.
#ifndef DARKROOM_SSIMULACRA2_H
#define DARKROOM_SSIMULACRA2_H

#include <stdint.h>

typedef struct {
    const uint8_t *pixels; // 8-bit sRGB: R, G, B, row by row
    int bytes_each;        // 3, or 4 if each pixel has a byte that is not used
} Rgb;

// Scores how similar the second picture looks to the first: 100 the same, 90 hard to tell apart, 80 very good,
// 70 good, 50 medium; very different pictures have negative scores. Takes 2.5 KB a column
// whatever the height. Returns -1 if there is no memory, else 0.
int ssimulacra2(const Rgb pictures[2], int width, int height, double *score);

#endif
