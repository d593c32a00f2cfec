// The rows of two pictures that are in memory while they are compared.
#ifndef DARKROOM_SSIMULACRA2_ROWS_H
#define DARKROOM_SSIMULACRA2_ROWS_H

#include "ssimulacra2/blur.h"
#include "ssimulacra2/weights.h"

// Values of both pictures: themselves, the sum of their squares, and their product.
enum { FIRST, SECOND, SQUARES, PRODUCT, SIGNALS };

// Row y is in slot y modulo the number of slots.
enum { XYB_SLOTS = REACH + GROUP, ACROSS_SLOTS = BEFORE + REACH + GROUP };

// After its values, a row has at least LANES zeros. Where it has several values a column, LANES columns have LANES of
// the first value, then LANES of the second, and so on.
typedef struct {
    float *linear[2][2][3]; // by picture, parity of the row, and R, G, B
    float *xyb[2][CHANNELS][XYB_SLOTS];
    float *across[CHANNELS][ACROSS_SLOTS]; // SIGNALS values a column
    float *states[CHANNELS];               // for each signal, STATES
    float *sums[CHANNELS];                 // TERMS
    float *zeros;                          // SIGNALS
    float *memory;
} Rows;

// Makes rows of zeros. Takes 1.3 KB a column. Returns -1 if there is no memory, else 0.
int make_rows(Rows *rows, int width);

void free_rows(Rows *rows);

#endif
