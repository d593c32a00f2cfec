// The inverse transforms of libjpeg-turbo, in integers: all decoders of the web show their pixels, or nearly.
#ifndef DECODER_IDCT_H
#define DECODER_IDCT_H

#include <stddef.h>
#include <stdint.h>

// Unquantised coefficients row by row -> 8 x 8 samples from 0 to 255, `stride` bytes from row to row. jidctint.c
void decoder_idct_8(const int32_t coefficients[64], uint8_t *samples, size_t stride);

// The same for 4 x 4 samples, of a picture half as large. jidctred.c
void decoder_idct_4(const int32_t coefficients[64], uint8_t *samples, size_t stride);

// A block without AC coefficients, `side` samples wide and high.
void decoder_flat(int dc, uint8_t *samples, size_t stride, int side);

#endif
