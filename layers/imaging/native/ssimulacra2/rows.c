#include "ssimulacra2/rows.h"

#include <stdlib.h>

enum { LINEAR_ROWS = 2 * 2 * 3, XYB_ROWS = 2 * CHANNELS * XYB_SLOTS };
// Of all rows, a column.
enum { VALUES = LINEAR_ROWS + XYB_ROWS + CHANNELS * (ACROSS_SLOTS * SIGNALS + SIGNALS * STATES + TERMS) + SIGNALS };

// Points a number of rows to the next parts of the memory.
static float *lay(float **rows, size_t count, float *memory, size_t stride) {
    for (size_t i = 0; i < count; i++, memory += stride) rows[i] = memory;
    return memory;
}

int make_rows(Rows *rows, int width) {
    size_t stride = ((size_t)width + LANES - 1) / LANES * LANES + LANES;
    rows->memory = calloc(VALUES * stride + LANES, sizeof(float));
    if (!rows->memory) return -1;
    float *memory = (float *)(((uintptr_t)rows->memory | (sizeof(Lanes) - 1)) + 1); // aligned vectors
    memory = lay(&rows->linear[0][0][0], LINEAR_ROWS, memory, stride);
    memory = lay(&rows->xyb[0][0][0], XYB_ROWS, memory, stride);
    memory = lay(&rows->across[0][0], CHANNELS * ACROSS_SLOTS, memory, SIGNALS * stride);
    memory = lay(rows->states, CHANNELS, memory, SIGNALS * STATES * stride);
    memory = lay(rows->sums, CHANNELS, memory, TERMS * stride);
    lay(&rows->zeros, 1, memory, SIGNALS * stride);
    return 0;
}

void free_rows(Rows *rows) {
    free(rows->memory);
}
