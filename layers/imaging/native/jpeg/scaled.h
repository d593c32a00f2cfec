// Coefficients in units of their quantisation steps.
#ifndef JPEG_SCALED_H
#define JPEG_SCALED_H

#include <stdint.h>

#include "component.h"
#include "flags.h"

struct scales {
    float inverse[64]; // of the steps
};

static inline struct scales jpeg_scales(const struct component *component) {
    struct scales scales;
    for (int k = 0; k < 64; k++) scales.inverse[k] = 1.0f / (float)(JPEG_COEFFICIENT_SCALE * component->steps[k]);
    return scales;
}

// Scales the magnitudes of a block; returns a bit for each that is at least `least` after `added` is added.
static inline uint64_t jpeg_scaled(const int16_t block[64], const struct scales *scales, float added, float least,
                                   float scaled[64]) {
    uint8_t flags[64];
    for (int k = 0; k < 64; k++) {
        scaled[k] = (float)(block[k] < 0 ? -block[k] : block[k]) * scales->inverse[k];
        flags[k] = scaled[k] + added >= least;
    }
    return jpeg_joined(flags);
}

#endif
