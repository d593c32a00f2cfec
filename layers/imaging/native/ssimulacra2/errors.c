#include "ssimulacra2/errors.h"

#include <math.h>

static const float CONTRAST = 0.0009f; // SSIM's constant C2

static inline float positive(float value) {
    return value > 0 ? value : 0;
}

void add_structure(const float *const blurred[SIGNALS], float *const sums[TERMS], int width) {
    const float *restrict first = blurred[FIRST], *restrict second = blurred[SECOND];
    const float *restrict squares = blurred[SQUARES], *restrict product = blurred[PRODUCT];
    float *restrict sum = sums[STRUCTURE], *restrict fourth = sums[KINDS + STRUCTURE];
    for (int i = 0; i < width; i++) {
        float m = first[i], n = second[i], difference = m - n;
        float covariance = product[i] - m * n, variances = squares[i] - (m * m + n * n);
        float similarity = (1 - difference * difference) * (2 * covariance + CONTRAST) / (variances + CONTRAST);
        float error = positive(1 - similarity), square = error * error;
        sum[i] += error;
        fourth[i] += square * square;
    }
}

void add_edges(
    const float *first, const float *second, const float *const blurred[SIGNALS], float *const sums[TERMS], int width
) {
    const float *restrict m = blurred[FIRST], *restrict n = blurred[SECOND];
    float *restrict added = sums[ADDED_EDGES], *restrict added_fourth = sums[KINDS + ADDED_EDGES];
    float *restrict lost = sums[LOST_EDGES], *restrict lost_fourth = sums[KINDS + LOST_EDGES];
    for (int i = 0; i < width; i++) {
        float change = (1 + fabsf(second[i] - n[i])) / (1 + fabsf(first[i] - m[i])) - 1;
        float more = positive(change), less = positive(-change);
        added[i] += more;
        lost[i] += less;
        more *= more;
        less *= less;
        added_fourth[i] += more * more;
        lost_fourth[i] += less * less;
    }
}
