#include "dct.h"

#include <string.h>

#include "transpose.h"

const uint8_t JPEG_ZIGZAG[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

// cos(k pi / 16) / 2
static const float C1 = 0.49039264f, C2 = 0.46193977f, C3 = 0.41573481f, C4 = 0.35355339f, C5 = 0.27778512f,
                   C6 = 0.19134172f, C7 = 0.09754516f;

static inline void forward(lanes x[8]) {
    lanes s0 = x[0] + x[7], s1 = x[1] + x[6], s2 = x[2] + x[5], s3 = x[3] + x[4];
    lanes d0 = x[0] - x[7], d1 = x[1] - x[6], d2 = x[2] - x[5], d3 = x[3] - x[4];
    lanes e0 = s0 + s3, e1 = s1 + s2, e2 = s0 - s3, e3 = s1 - s2;
    x[0] = (e0 + e1) * C4;
    x[4] = (e0 - e1) * C4;
    x[2] = e2 * C2 + e3 * C6;
    x[6] = e2 * C6 - e3 * C2;
    x[1] = (d0 * C1 + d1 * C3) + (d2 * C5 + d3 * C7);
    x[3] = (d0 * C3 - d1 * C7) - (d2 * C1 + d3 * C5);
    x[5] = (d0 * C5 - d1 * C1) + (d2 * C7 + d3 * C3);
    x[7] = (d0 * C7 - d1 * C5) + (d2 * C3 - d3 * C1);
}

static inline void inverse(lanes x[8]) {
    lanes a = (x[0] + x[4]) * C4, b = (x[0] - x[4]) * C4;
    lanes c = x[2] * C2 + x[6] * C6, d = x[2] * C6 - x[6] * C2;
    lanes e0 = a + c, e1 = b + d, e2 = b - d, e3 = a - c;
    lanes o0 = (x[1] * C1 + x[3] * C3) + (x[5] * C5 + x[7] * C7);
    lanes o1 = (x[1] * C3 - x[3] * C7) - (x[5] * C1 + x[7] * C5);
    lanes o2 = (x[1] * C5 - x[3] * C1) + (x[5] * C7 + x[7] * C3);
    lanes o3 = (x[1] * C7 - x[3] * C5) + (x[5] * C3 - x[7] * C1);
    x[0] = e0 + o0, x[7] = e0 - o0, x[1] = e1 + o1, x[6] = e1 - o1;
    x[2] = e2 + o2, x[5] = e2 - o2, x[3] = e3 + o3, x[4] = e3 - o3;
}

void jpeg_fdct(const float *samples, size_t stride, float coefficients[64]) {
    lanes x[8];
    for (int row = 0; row < 8; row++) memcpy(&x[row], samples + (size_t)row * stride, sizeof x[row]);
    forward(x);
    jpeg_transpose(x);
    forward(x);
    jpeg_transpose(x);
    memcpy(coefficients, x, sizeof x);
}

void jpeg_idct(const float coefficients[64], float samples[64]) {
    lanes x[8];
    memcpy(x, coefficients, sizeof x);
    inverse(x);
    jpeg_transpose(x);
    inverse(x);
    jpeg_transpose(x);
    memcpy(samples, x, sizeof x);
}
