// Sets of a block's coefficients: a bit for each, by its place in zigzag order.
#ifndef JPEG_FLAGS_H
#define JPEG_FLAGS_H

#include <stdint.h>

// Joins 64 bytes of 0 or 1 to a set.
static inline uint64_t jpeg_joined(const uint8_t flags[64]) {
    uint64_t joined = 0;
    for (int i = 0; i < 64; i += 8) {
        uint64_t bytes = 0;
        for (int j = 0; j < 8; j++) bytes |= (uint64_t)flags[i + j] << 8 * j;
        joined |= (bytes * 0x0102040810204080 >> 56) << i;
    }
    return joined;
}

// The coefficients from `first` to `last`, at most 63.
static inline uint64_t jpeg_band(int first, int last) { return ~0ull >> (63 - last) & ~0ull << first; }

// Those of the nonzero coefficients that are 1 or -1.
static inline uint64_t jpeg_ones(const int16_t block[64], uint64_t nonzero) {
    if (!nonzero) return 0;
    uint8_t flags[64];
    for (int k = 0; k < 64; k++) flags[k] = (block[k] == 1) | (block[k] == -1);
    return jpeg_joined(flags) & nonzero;
}

#endif
