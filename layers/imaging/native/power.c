#include "power.h"

#include <stdint.h>
#include <string.h>

static const double LN_2 = 0.6931471805599453;

// Splits a positive number into a mantissa between 1/sqrt(2) and sqrt(2), and the exponent of 2.
static double mantissa_of(double value, int *exponent) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    *exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFF) | (uint64_t)1023 << 52;
    memcpy(&value, &bits, sizeof bits);
    if (value > 1.4142135623730951) {
        value *= 0.5;
        *exponent += 1;
    }
    return value;
}

// By the series of the inverse hyperbolic tangent; its argument is below 0.172.
static double natural_logarithm(double value) {
    int exponent;
    double mantissa = mantissa_of(value, &exponent);
    double argument = (mantissa - 1) / (mantissa + 1), square = argument * argument, sum = 0;
    for (int term = 21; term > 0; term -= 2) sum = sum * square + 1.0 / term;
    return exponent * LN_2 + 2 * argument * sum;
}

static double two_to(int exponent) {
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

// By the exponential series; its argument is below 0.347.
static double exponential(double value) {
    int whole = (int)(value / LN_2 + (value < 0 ? -0.5 : 0.5));
    double argument = value - whole * LN_2, sum = 1;
    for (int term = 14; term > 0; term--) sum = 1 + argument * sum / term;
    return sum * two_to(whole);
}

double power(double base, double exponent) {
    return exponential(exponent * natural_logarithm(base));
}
