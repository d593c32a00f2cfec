#include "ssimulacra2/compare.h"

#include <math.h>
#include <string.h>

#include "ssimulacra2/blur.h"
#include "ssimulacra2/errors.h"
#include "ssimulacra2/rows.h"
#include "ssimulacra2/xyb.h"

enum { X, Y, B };
// The sums by column are floats, and moved to doubles after this many rows.
enum { ROWS_PER_SUM = 64 };

typedef struct {
    int significant[CHANNELS];
    double weights[CHANNELS][TERMS];
    double totals[CHANNELS][TERMS];
} Terms;

// Reads a row of both pictures. Each second row, and an odd last one, completes a row of the halves.
static void read_pictures(const Rows *rows, const Pictures *pictures, const Terms *terms, int y) {
    for (int picture = 0; picture < 2; picture++) {
        const Level *level = &pictures->levels[picture], *half = &pictures->halves[picture];
        Row linear = read_row(level, y, rows->linear[picture][y % 2]);
        float *xyb[CHANNELS];
        for (int channel = 0; channel < CHANNELS; channel++) xyb[channel] = rows->xyb[picture][channel][y % XYB_SLOTS];
        if (terms->significant[X] || terms->significant[B])
            xyb_of_linear(linear, xyb, level->width);
        else
            y_of_linear(linear, xyb[Y], level->width);
        if (half->planes && (y % 2 || y == level->height - 1)) {
            Row upper = y % 2 ? read_again(level, y - 1, rows->linear[picture][0]) : linear;
            halve(half, y / 2, upper, linear, level->width);
        }
    }
}

static void multiply(
    const float *restrict first, const float *restrict second, float *restrict squares, float *restrict product, int width
) {
    for (int i = 0; i < width; i++) {
        squares[i] = first[i] * first[i] + second[i] * second[i];
        product[i] = first[i] * second[i];
    }
}

// Blurs row y along itself.
static void blur_row(const Rows *rows, int channel, int y, int width) {
    const float *first = rows->xyb[0][channel][y % XYB_SLOTS], *second = rows->xyb[1][channel][y % XYB_SLOTS];
    float *squares = rows->signals[SQUARES], *product = rows->signals[PRODUCT];
    float *blurred[SIGNALS];
    for (int signal = 0; signal < SIGNALS; signal++) blurred[signal] = rows->across[channel][signal][y % ACROSS_SLOTS];
    multiply(first, second, squares, product, width);
    blur_across(first, second, blurred[FIRST], blurred[SECOND], width);
    blur_across(squares, product, blurred[SQUARES], blurred[PRODUCT], width);
}

// Blurs row y down the columns; it may be above the picture, where the recursion starts.
static void blur_columns(const Rows *rows, int channel, int y, int width, int height) {
    for (int signal = 0; signal < SIGNALS; signal++) {
        float *const *across = rows->across[channel][signal];
        const float *before = y >= BEFORE ? across[(y - BEFORE) % ACROSS_SLOTS] : rows->zeros;
        const float *after = y + AFTER < height ? across[(y + AFTER) % ACROSS_SLOTS] : rows->zeros;
        int parity = (y + AFTER) % 2;
        float *const *last = rows->states[channel][signal][!parity];
        blur_down(before, after, last, rows->states[channel][signal][parity], rows->blurred[signal], width);
    }
}

static void add_errors(const Rows *rows, const double weights[TERMS], int channel, int y, int width) {
    const float *first = rows->xyb[0][channel][y % XYB_SLOTS], *second = rows->xyb[1][channel][y % XYB_SLOTS];
    if (weights[STRUCTURE] > 0 || weights[KINDS + STRUCTURE] > 0)
        add_structure(rows->blurred, rows->sums[channel], width);
    if (weights[ADDED_EDGES] > 0 || weights[KINDS + ADDED_EDGES] > 0 || weights[LOST_EDGES] > 0 ||
        weights[KINDS + LOST_EDGES] > 0)
        add_edges(first, second, rows->blurred, rows->sums[channel], width);
}

static void move_sums(const Rows *rows, double totals[TERMS], int channel, int width) {
    for (int term = 0; term < TERMS; term++) {
        float *sums = rows->sums[channel][term];
        for (int i = 0; i < width; i++) totals[term] += sums[i];
        memset(sums, 0, (size_t)width * sizeof *sums);
    }
}

// Compares all rows; the blur of a row needs AFTER rows below it.
static void compare_rows(const Rows *rows, const Pictures *pictures, Terms *terms) {
    int width = pictures->levels[0].width, height = pictures->levels[0].height;
    for (int below = 0; below < height + AFTER; below++) {
        int y = below - AFTER;
        if (below < height) read_pictures(rows, pictures, terms, below);
        for (int channel = 0; channel < CHANNELS; channel++) {
            if (!terms->significant[channel]) continue;
            if (below < height) blur_row(rows, channel, below, width);
            blur_columns(rows, channel, y, width, height);
            if (y >= 0) add_errors(rows, terms->weights[channel], channel, y, width);
            if (y == height - 1 || y % ROWS_PER_SUM == 0) move_sums(rows, terms->totals[channel], channel, width);
        }
    }
}

int compare(const Pictures *pictures, int scale, int scales, double *error) {
    Terms terms = {0};
    Rows rows;
    const Level *level = &pictures->levels[0];
    if (make_rows(&rows, level->width)) return -1;
    for (int channel = 0; channel < CHANNELS; channel++)
        terms.significant[channel] = weights_of(channel, scale, scales, terms.weights[channel]);
    compare_rows(&rows, pictures, &terms);
    free_rows(&rows);
    double pixels = (double)level->width * level->height;
    for (int channel = 0; channel < CHANNELS; channel++)
        for (int kind = 0; kind < KINDS; kind++) {
            const double *weights = terms.weights[channel], *totals = terms.totals[channel];
            *error += weights[kind] * (totals[kind] / pixels);
            *error += weights[KINDS + kind] * sqrt(sqrt(totals[KINDS + kind] / pixels));
        }
    return 0;
}
