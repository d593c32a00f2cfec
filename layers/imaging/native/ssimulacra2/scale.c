#include "ssimulacra2/scale.h"

#include <math.h>
#include <string.h>

#include "ssimulacra2/errors.h"
#include "ssimulacra2/linear.h"
#include "ssimulacra2/xyb.h"

enum { X, Y, B };
// The sums by column are floats, and moved to doubles after this many rows.
enum { ROWS_PER_SUM = 64 };

int make_scale(Scale *scale, int index, int count, int width, int height) {
    *scale = (Scale){.width = width, .height = height, .compared = -REACH};
    for (int channel = 0; channel < CHANNELS; channel++)
        scale->significant[channel] = weights_of(channel, index, count, scale->weights[channel]);
    return make_rows(&scale->rows, width);
}

void free_scale(Scale *scale) {
    free_rows(&scale->rows);
}

float *const *next_row(const Scale *scale, int picture) {
    return scale->rows.linear[picture][scale->read % 2];
}

static void convert(const Scale *scale, int picture, int y) {
    float *const *linear = scale->rows.linear[picture][y % 2];
    float *xyb[CHANNELS];
    for (int channel = 0; channel < CHANNELS; channel++)
        xyb[channel] = scale->rows.xyb[picture][channel][y % XYB_SLOTS];
    if (scale->significant[X])
        x_and_y_of_linear(linear, xyb[X], xyb[Y], scale->width);
    else if (scale->significant[Y] || scale->significant[B])
        y_of_linear(linear, xyb[Y], scale->width);
    if (scale->significant[B]) b_of_linear(linear, xyb[Y], xyb[B], scale->width);
}

static void multiply(
    const float *first, const float *second, float *restrict squares, float *restrict product, int width
) {
    for (int i = 0; i < width; i++) {
        squares[i] = first[i] * first[i] + second[i] * second[i];
        product[i] = first[i] * second[i];
    }
}

// Blurs row y along itself.
static void blur_row(const Scale *scale, int channel, int y) {
    const Rows *rows = &scale->rows;
    const float *first = rows->xyb[0][channel][y % XYB_SLOTS], *second = rows->xyb[1][channel][y % XYB_SLOTS];
    const float *signals[SIGNALS] = {first, second, rows->squares, rows->product};
    multiply(first, second, rows->squares, rows->product, scale->width);
    for (int signal = 0; signal < SIGNALS; signal++)
        blur_across(signals[signal], rows->across[channel][signal][y % ACROSS_SLOTS], scale->width);
}

// A row that has been blurred along itself; outside the picture, zeros.
static const float *row_across(const Scale *scale, int channel, int signal, int y) {
    const Rows *rows = &scale->rows;
    return y >= 0 && y < scale->height ? rows->across[channel][signal][y % ACROSS_SLOTS] : rows->zeros;
}

// Blurs a group of rows from y on down the columns.
static void blur_columns(const Scale *scale, int channel, int y) {
    const Rows *rows = &scale->rows;
    for (int signal = 0; signal < SIGNALS; signal++) {
        const float *before[GROUP], *after[GROUP];
        for (int i = 0; i < GROUP; i++) {
            before[i] = row_across(scale, channel, signal, y + i - BEFORE);
            after[i] = row_across(scale, channel, signal, y + i + REACH);
        }
        blur_down(before, after, rows->states[channel][signal], rows->blurred[signal], scale->width);
    }
}

static void move_sums(Scale *scale, int channel) {
    for (int term = 0; term < TERMS; term++) {
        float *sums = scale->rows.sums[channel][term];
        for (int i = 0; i < scale->width; i++) scale->totals[channel][term] += sums[i];
        memset(sums, 0, (size_t)scale->width * sizeof *sums);
    }
}

// Adds the errors of row y, which is in a place of its group.
static void add_errors(Scale *scale, int channel, int y, int place) {
    const Rows *rows = &scale->rows;
    const double *weights = scale->weights[channel];
    const float *first = rows->xyb[0][channel][y % XYB_SLOTS], *second = rows->xyb[1][channel][y % XYB_SLOTS];
    const float *blurred[SIGNALS];
    for (int signal = 0; signal < SIGNALS; signal++) blurred[signal] = rows->blurred[signal][place];
    if (weights[STRUCTURE] > 0 || weights[KINDS + STRUCTURE] > 0)
        add_structure(blurred, rows->sums[channel], scale->width);
    if (weights[ADDED_EDGES] > 0 || weights[KINDS + ADDED_EDGES] > 0 || weights[LOST_EDGES] > 0 ||
        weights[KINDS + LOST_EDGES] > 0)
        add_edges(first, second, blurred, rows->sums[channel], scale->width);
    if (y == scale->height - 1 || y % ROWS_PER_SUM == 0) move_sums(scale, channel);
}

// Compares a group of rows from y on; it can begin above the picture and end below it.
static void compare_rows(Scale *scale, int y) {
    for (int channel = 0; channel < CHANNELS; channel++) {
        if (!scale->significant[channel]) continue;
        blur_columns(scale, channel, y);
        for (int i = 0; i < GROUP; i++)
            if (y + i >= 0 && y + i < scale->height) add_errors(scale, channel, y + i, i);
    }
}

// Adds the means of two rows to the next scale; the last row of an odd number is both.
static void add_half(Scale *scale, int upper, int lower) {
    for (int picture = 0; picture < 2; picture++) {
        float *const(*linear)[3] = scale->rows.linear[picture];
        halve(linear[upper % 2], linear[lower % 2], next_row(scale->half, picture), scale->width);
    }
    add_row(scale->half);
}

void add_row(Scale *scale) {
    int y = scale->read++, last = y == scale->height - 1;
    for (int picture = 0; picture < 2; picture++) convert(scale, picture, y);
    for (int channel = 0; channel < CHANNELS; channel++)
        if (scale->significant[channel]) blur_row(scale, channel, y);
    while (scale->compared + GROUP + REACH <= scale->read || (last && scale->compared < scale->height)) {
        compare_rows(scale, scale->compared);
        scale->compared += GROUP;
    }
    if (scale->half && (y % 2 || last)) add_half(scale, y - y % 2, y);
}

double error_of(const Scale *scale) {
    double pixels = (double)scale->width * scale->height, error = 0;
    for (int channel = 0; channel < CHANNELS; channel++)
        for (int kind = 0; kind < KINDS; kind++) {
            const double *weights = scale->weights[channel], *totals = scale->totals[channel];
            error += weights[kind] * (totals[kind] / pixels);
            error += weights[KINDS + kind] * sqrt(sqrt(totals[KINDS + kind] / pixels));
        }
    return error;
}
