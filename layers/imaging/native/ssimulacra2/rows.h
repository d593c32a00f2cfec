// The rows of two pictures that are in memory while they are compared.
#ifndef DARKROOM_SSIMULACRA2_ROWS_H
#define DARKROOM_SSIMULACRA2_ROWS_H

#include "ssimulacra2/blur.h"
#include "ssimulacra2/weights.h"

// Values of both pictures: themselves, the sum of their squares, and their product.
enum { FIRST, SECOND, SQUARES, PRODUCT, SIGNALS };

// Row y is in slot y modulo the number of slots.
enum { XYB_SLOTS = REACH + GROUP, ACROSS_SLOTS = BEFORE + REACH + GROUP };

typedef struct {
    float *linear[2][2][3]; // by picture, parity of the row, and R, G, B
    float *xyb[2][CHANNELS][XYB_SLOTS];
    float *squares, *product;
    float *across[CHANNELS][SIGNALS][ACROSS_SLOTS];
    float *states[CHANNELS][SIGNALS][STATES];
    float *blurred[SIGNALS][GROUP];
    float *sums[CHANNELS][TERMS];
    float *zeros;
    float *memory;
} Rows;

// Makes rows of zeros, with margins for the blur. Takes 1.4 KB a column. Returns -1 if there is no memory, else 0.
int make_rows(Rows *rows, int width);

void free_rows(Rows *rows);

#endif
