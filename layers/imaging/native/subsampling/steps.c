#include "subsampling/steps.h"

#include <stdlib.h>

#include "subsampling/doubled.h"

enum { PIXEL = 4 };

// The mean of the four samples below each of half the width.
static void halve(const uint8_t *upper, const uint8_t *lower, int width, uint8_t *restrict halves) {
    for (int x = 0; x < width; x++) {
        int at = 2 * PIXEL * x;
        halves[x] = (uint8_t)((upper[at] + upper[at + PIXEL] + lower[at] + lower[at + PIXEL] + 2) >> 2);
    }
}

static int steps_in_row(const uint8_t *samples, const uint8_t *nearer, const uint8_t *farther, int width, int step) {
    int steps = 0;
    for (int x = 0; x < width; x++) steps += abs(samples[PIXEL * x] - between(nearer[x], farther[x])) >= step;
    return steps;
}

int colour_steps(const uint8_t *pixels, int width, int height, int step) {
    int columns = width / 2, rows = height / 2, steps = 0;
    size_t stride = PIXEL * (size_t)width, wide = 2 * (size_t)columns;
    uint8_t *halves = malloc((size_t)columns + 1), *doubled = malloc((size_t)rows * wide + 1);
    for (int channel = 1; channel < 3 && halves && doubled; channel++) {
        const uint8_t *samples = pixels + channel;
        for (int y = 0; y < rows; y++) {
            const uint8_t *upper = samples + 2 * (size_t)y * stride;
            halve(upper, upper + stride, columns, halves);
            double_across(halves, columns, doubled + (size_t)y * wide);
        }
        for (int y = 0; y < 2 * rows; y++) {
            steps += steps_in_row(samples + (size_t)y * stride, doubled + (size_t)(y / 2) * wide,
                                  doubled + (size_t)farther_row(y, rows) * wide, 2 * columns, step);
        }
    }
    if (!halves || !doubled) steps = -1;
    free(halves);
    free(doubled);
    return steps;
}
