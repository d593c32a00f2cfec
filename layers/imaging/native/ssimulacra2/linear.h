// Rows of pictures in linear light.
#ifndef DARKROOM_SSIMULACRA2_LINEAR_H
#define DARKROOM_SSIMULACRA2_LINEAR_H

#include <stdint.h>

// Writes the linear light of the 256 values of 8-bit sRGB.
void fill_linear_of_stored(float table[256]);

// Converts a row of RGB, 3 or 4 bytes a pixel, into rows of R, G and B.
void linear_of_stored(const uint8_t *stored, int bytes_each, const float table[256], float *const linear[3], int width);

// Writes the means of the 2 x 2 pixels of two rows `width` pixels wide; an odd last column has means of two.
void halve(float *const upper[3], float *const lower[3], float *const half[3], int width);

#endif
