// One picture at one scale, in linear light.
#ifndef DARKROOM_SSIMULACRA2_LEVEL_H
#define DARKROOM_SSIMULACRA2_LEVEL_H

#include <stdint.h>

// At full size the pixels are 8-bit sRGB, and at smaller ones three planes of linear light, R, G, B.
typedef struct {
    int width, height;
    const uint8_t *stored;
    const float *linear_of_stored; // 256 values
    float *planes;
} Level;

// A row in linear light: R, G, B.
typedef struct {
    const float *channels[3];
} Row;

// Writes the linear light of the 256 values of 8-bit sRGB.
void fill_linear_of_stored(float table[256]);

// Returns a row. A full-size one is converted into `buffer`.
Row read_row(const Level *level, int row, float *const buffer[3]);

// Returns a row that is still in `buffer`.
Row read_again(const Level *level, int row, float *const buffer[3]);

// Returns a level of half the size, rounded up, to be filled by `halve`. Its planes are the caller's to free, and
// NULL if there is no memory.
Level new_half(const Level *level);

// Writes a row as the means of the 2 x 2 pixels of two rows `width` pixels wide; an odd last column has means of two.
void halve(const Level *half, int row, Row upper, Row lower, int width);

#endif
