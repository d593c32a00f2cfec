#include "masking.h"

#include <stdlib.h>

#include "numbers.h"

void jpeg_average_cells(const float *samples, int columns, float *cells) {
    size_t stride = 8 * (size_t)columns;
    for (int half = 0; half < 2; half++, cells += 2 * (size_t)columns)
        for (int cell = 0; cell < 2 * columns; cell++) {
            const float *corner = samples + 4 * (size_t)half * stride + 4 * (size_t)cell;
            float sum = 0;
            for (int y = 0; y < 4; y++, corner += stride) sum += corner[0] + corner[1] + (corner[2] + corner[3]);
            cells[cell] = sum * (1 / 16.0f);
        }
}

// Half of SSIMULACRA2's blur: a Gaussian with a standard deviation of 1.5.
enum { REACH = 4 };
static const float KERNEL[REACH + 1] = {0.2646211f, 0.2129286f, 0.1093354f, 0.0360111f, 0.0094144f};

static inline int inside(int i, int size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }

// Blurs one row of cells, or of their squares, vertically, then horizontally. `sums` has room for `width`.
static void blur(const float *cells, int width, int height, int y, bool squared, float *sums, float *blurred) {
    for (int x = 0; x < width; x++) sums[x] = 0;
    for (int d = -REACH; d <= REACH; d++) {
        const float *row = cells + (size_t)inside(y + d, height) * width;
        float weight = KERNEL[d < 0 ? -d : d];
        if (squared)
            for (int x = 0; x < width; x++) sums[x] += weight * (row[x] * row[x]);
        else
            for (int x = 0; x < width; x++) sums[x] += weight * row[x];
    }
    for (int x = 0; x < width; x++) {
        blurred[x] = KERNEL[0] * sums[x];
        for (int d = 1; d <= REACH; d++) blurred[x] += KERNEL[d] * (sums[inside(x - d, width)] + sums[inside(x + d, width)]);
    }
}

bool jpeg_masking(const float *cells, int columns, int rows, float visible, float exponent, float *weights) {
    int width = 2 * columns, height = 2 * rows;
    float *buffer = malloc(3 * (size_t)width * sizeof *buffer);
    if (!buffer) return false;
    float *means = buffer, *squares = buffer + width, *sums = squares + width;
    for (int i = 0; i < columns * rows; i++) weights[i] = 0;
    for (int y = 0; y < height; y++) {
        blur(cells, width, height, y, false, sums, means);
        blur(cells, width, height, y, true, sums, squares);
        for (int x = 0; x < width; x++) {
            float variance = squares[x] - means[x] * means[x];
            weights[(size_t)(y / 2) * columns + x / 2] += 0.25f / (1 + (variance < 0 ? 0 : variance) / visible);
        }
    }
    jpeg_raise(weights, (size_t)columns * (size_t)rows, exponent);
    free(buffer);
    return true;
}
