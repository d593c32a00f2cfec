// Eight floats at a time.
#ifndef DARKROOM_SSIMULACRA2_LANES_H
#define DARKROOM_SSIMULACRA2_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 8 };

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Bits __attribute__((vector_size(LANES * sizeof(int32_t))));

static inline Lanes load(const float *values) {
    Lanes lanes;
    memcpy(&lanes, values, sizeof lanes);
    return lanes;
}

static inline void store(Lanes lanes, float *values) {
    memcpy(values, &lanes, sizeof lanes);
}

static inline Lanes broadcast(float value) {
    return (Lanes){} + value;
}

// Rounds once: the processors of both architectures have this instruction.
static inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
#if __has_builtin(__builtin_elementwise_fma)
    return __builtin_elementwise_fma(a, b, c);
#else
    for (int i = 0; i < LANES; i++) c[i] = fmaf(a[i], b[i], c[i]);
    return c;
#endif
}

static inline Lanes magnitude(Lanes lanes) {
    return (Lanes)((Bits)lanes & INT32_MAX);
}

// The values above 0, and 0 for others.
static inline Lanes positive(Lanes lanes) {
    return (Lanes)((Bits)lanes & (lanes > 0));
}

#endif
