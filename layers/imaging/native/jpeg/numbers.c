#include "numbers.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const double LN2 = 0.69314718055994530942;

static inline double logarithm(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
    double mantissa;
    memcpy(&mantissa, &bits, sizeof mantissa);
    bool halved = mantissa > 1.4142135623730951;
    mantissa *= halved ? 0.5 : 1;
    exponent += halved;
    // ln m = 2 atanh((m - 1) / (m + 1)), with |t| < 0.172
    double t = (mantissa - 1) / (mantissa + 1), square = t * t, sum = 0;
    for (int odd = 15; odd > 0; odd -= 2) sum = sum * square + 1.0 / odd;
    return exponent + 2 * t * sum / LN2;
}

static inline double power_of_two(double x) {
    int whole = (int)x - (x < (int)x);
    double power = (x - whole) * LN2, sum = 1;
    for (int term = 14; term > 0; term--) sum = 1 + sum * power / term;
    uint64_t bits = (uint64_t)(whole + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}

double jpeg_log2(double x) { return logarithm(x); }

double jpeg_exp2(double x) { return power_of_two(x); }

void jpeg_raise(float *values, size_t count, double exponent) {
    for (size_t i = 0; i < count; i++) values[i] = (float)power_of_two(exponent * logarithm(values[i]));
}
