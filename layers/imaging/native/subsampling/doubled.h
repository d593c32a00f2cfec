// Doubles a side of halved chroma linearly, rounded.
#ifndef DARKROOM_SUBSAMPLING_DOUBLED_H
#define DARKROOM_SUBSAMPLING_DOUBLED_H

#include <stdint.h>

static inline uint8_t between(int nearer, int farther) { return (uint8_t)((3 * nearer + farther + 2) >> 2); }

// Makes 2 * `width` samples.
static inline void double_across(const uint8_t *halves, int width, uint8_t *restrict row) {
    for (int x = 0; x < width; x++) {
        row[2 * x] = between(halves[x], halves[x ? x - 1 : 0]);
        row[2 * x + 1] = between(halves[x], halves[x + 1 < width ? x + 1 : x]);
    }
}

// The other row of halved chroma that is near row `y` of the doubled one, besides row y / 2.
static inline int farther_row(int y, int rows) {
    int other = y & 1 ? y / 2 + 1 : y / 2 - 1;
    return other < 0 || other >= rows ? y / 2 : other;
}

#endif
