// Logarithms by IEEE arithmetic alone: those of libm differ between platforms.
#ifndef JPEG_NUMBERS_H
#define JPEG_NUMBERS_H

#include <stddef.h>

double jpeg_log2(double x); // x > 0 and normal; error below 1e-9
double jpeg_exp2(double x); // |x| < 1000; relative error below 1e-9

// Raises positive values to a power.
void jpeg_raise(float *values, size_t count, double exponent);

// Number of bits of a magnitude: the categories of T.81, tables F.1 and F.2.
static inline int jpeg_category(int value) {
    unsigned magnitude = value < 0 ? 0u - (unsigned)value : (unsigned)value;
    return magnitude ? 32 - __builtin_clz(magnitude) : 0;
}

// 1.5 * 2 ** 23: a float of this size has no fraction.
static const float JPEG_ROUNDING = 12582912.0f;

// Rounds to the nearest integer, as a float; |x| < 2 ** 22.
static inline float jpeg_round(float x) { return (x + JPEG_ROUNDING) - JPEG_ROUNDING; }

#endif
