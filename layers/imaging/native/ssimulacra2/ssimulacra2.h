// SSIMULACRA2 2.1, after libjxl 0.11 (tools/ssimulacra2.cc, BSD-3-Clause): how similar two pictures look.
#ifndef DARKROOM_SSIMULACRA2_H
#define DARKROOM_SSIMULACRA2_H

#include <stdint.h>

// Scores how similar the second picture looks to the first: 100 the same, 90 hard to tell apart, 80 very good,
// 70 good, 50 medium; very different pictures have negative scores. Both are 8-bit sRGB, RGB by pixel, row by
// row. Takes 2.2 KB a column, and no memory that depends on the height. Returns -1 if there is no memory, else 0.
int ssimulacra2(const uint8_t *first, const uint8_t *second, int width, int height, double *score);

#endif
