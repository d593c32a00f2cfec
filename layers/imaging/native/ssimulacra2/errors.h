// The errors of LANES pixels of one channel: local structure and edges.
#ifndef DARKROOM_SSIMULACRA2_ERRORS_H
#define DARKROOM_SSIMULACRA2_ERRORS_H

#include "ssimulacra2/rows.h"

static const float CONTRAST = 0.0009f; // SSIM's constant C2

// 1 - SSIM', which is SSIM without gamma correction and with another luminance term, as SSIMULACRA2 defines it.
static inline Lanes structure_error(const Lanes blurred[SIGNALS]) {
    Lanes m = blurred[FIRST], n = blurred[SECOND], difference = m - n;
    Lanes covariance = blurred[PRODUCT] - m * n, variances = blurred[SQUARES] - (m * m + n * n);
    return 1 - (1 - difference * difference) * (2 * covariance + CONTRAST) / (variances + CONTRAST);
}

// The change of an edge: positive if it was added, negative if it was lost.
static inline Lanes edge_change(Lanes first, Lanes second, const Lanes blurred[SIGNALS]) {
    return (1 + magnitude(second - blurred[SECOND])) / (1 + magnitude(first - blurred[FIRST])) - 1;
}

#endif
