// The discrete cosine transform of 8 x 8 samples (T.81, A.3.3).
#ifndef JPEG_DCT_H
#define JPEG_DCT_H

#include <stddef.h>
#include <stdint.h>

// Zigzag index -> row * 8 + column (T.81, figure 5).
extern const uint8_t JPEG_ZIGZAG[64];

// Samples around 0, `stride` floats from row to row -> coefficients row by row.
void jpeg_fdct(const float *samples, size_t stride, float coefficients[64]);
void jpeg_idct(const float coefficients[64], float samples[64]);

#endif
