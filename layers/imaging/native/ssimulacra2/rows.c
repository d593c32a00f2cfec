#include "ssimulacra2/rows.h"

#include <stdlib.h>

// Points a number of rows to the next parts of the memory.
static float *lay(float **rows, size_t count, float *memory, size_t stride) {
    for (size_t i = 0; i < count; i++, memory += stride) rows[i] = memory + MARGIN_BEFORE;
    return memory;
}

#define COUNT(rows) (sizeof(rows) / sizeof(float *))

int make_rows(Rows *rows, int width) {
    size_t stride = MARGIN_BEFORE + (size_t)width + MARGIN_AFTER, count = COUNT(*rows) - 1;
    rows->memory = calloc(count * stride, sizeof(float));
    if (!rows->memory) return -1;
    float *memory = rows->memory;
    memory = lay(&rows->linear[0][0][0], COUNT(rows->linear), memory, stride);
    memory = lay(&rows->xyb[0][0][0], COUNT(rows->xyb), memory, stride);
    memory = lay(&rows->squares, 1, memory, stride);
    memory = lay(&rows->product, 1, memory, stride);
    memory = lay(&rows->across[0][0][0], COUNT(rows->across), memory, stride);
    memory = lay(&rows->states[0][0][0], COUNT(rows->states), memory, stride);
    memory = lay(&rows->blurred[0][0], COUNT(rows->blurred), memory, stride);
    memory = lay(&rows->sums[0][0], COUNT(rows->sums), memory, stride);
    lay(&rows->zeros, 1, memory, stride);
    return 0;
}

void free_rows(Rows *rows) {
    free(rows->memory);
}
