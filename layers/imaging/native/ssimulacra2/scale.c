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

// Takes the signals of LANES columns from both pictures.
static inline void read_signals(const float *first, const float *second, Lanes signals[SIGNALS]) {
    Lanes a = load(first), b = load(second);
    signals[FIRST] = a;
    signals[SECOND] = b;
    signals[SQUARES] = a * a + b * b;
    signals[PRODUCT] = a * b;
}

// Blurs row y along itself.
static void blur_row(const Scale *scale, int channel, int y) {
    const Rows *rows = &scale->rows;
    const float *first = rows->xyb[0][channel][y % XYB_SLOTS], *second = rows->xyb[1][channel][y % XYB_SLOTS];
    float *across = rows->across[channel][y % ACROSS_SLOTS];
    Lanes before[SIGNALS] = {0}, here[SIGNALS], after[SIGNALS];
    read_signals(first, second, here);
    for (int i = 0; i < scale->width; i += LANES) {
        read_signals(first + i + LANES, second + i + LANES, after);
        for (int signal = 0; signal < SIGNALS; signal++, across += LANES) {
            store(blur_across(before[signal], here[signal], after[signal]), across);
            before[signal] = here[signal];
            here[signal] = after[signal];
        }
    }
}

// A row that has been blurred along itself; outside the picture, zeros.
static const float *row_across(const Scale *scale, int channel, int y) {
    const Rows *rows = &scale->rows;
    return y >= 0 && y < scale->height ? rows->across[channel][y % ACROSS_SLOTS] : rows->zeros;
}

// Adds the sums by column to the totals, and clears them.
static void move_sums(Scale *scale, int channel) {
    float *sums = scale->rows.sums[channel];
    for (int term = 0; term < TERMS; term++)
        if (scale->weights[channel][term] > 0)
            for (int i = 0; i < scale->width; i++)
                scale->totals[channel][term] += sums[i / LANES * TERMS * LANES + term * LANES + i % LANES];
    memset(sums, 0, (size_t)(scale->width + LANES) * TERMS * sizeof *sums);
}

// A group of rows of one channel.
typedef struct {
    const float *before[GROUP], *after[GROUP]; // BEFORE rows above each, and REACH rows below
    const float *first[GROUP], *second[GROUP];
    int start, end; // those in the picture
} Group;

static Group group_of(const Scale *scale, int channel, int y) {
    Group group = {.start = y < 0 ? -y : 0, .end = y + GROUP < scale->height ? GROUP : scale->height - y};
    for (int row = 0; row < GROUP; row++) {
        group.before[row] = row_across(scale, channel, y + row - BEFORE);
        group.after[row] = row_across(scale, channel, y + row + REACH);
        int slot = (y + row + XYB_SLOTS) % XYB_SLOTS;
        group.first[row] = scale->rows.xyb[0][channel][slot];
        group.second[row] = scale->rows.xyb[1][channel][slot];
    }
    return group;
}

// Blurs LANES columns of a group down.
static void blur_columns(const Group *group, int column, float *states, Lanes blurred[GROUP][SIGNALS]) {
    for (int signal = 0; signal < SIGNALS; signal++, states += STATES * LANES) {
        Lanes state[STATES];
        int place = column * SIGNALS + signal * LANES;
        for (int s = 0; s < STATES; s++) state[s] = load(states + s * LANES);
        for (int row = 0; row < GROUP; row++)
            blurred[row][signal] = blur_down(load(group->before[row] + place) + load(group->after[row] + place), state);
        for (int s = 0; s < STATES; s++) store(state[s], states + s * LANES);
    }
}

// Adds errors and their fourth powers to those of the sums that have a weight.
static inline void add(Lanes errors, const int weighs[TERMS], Lanes sums[TERMS], int kind) {
    Lanes error = positive(errors), square = error * error;
    if (weighs[kind]) sums[kind] += error;
    if (weighs[KINDS + kind]) sums[KINDS + kind] += square * square;
}

// Compares a group of rows from y on; it can begin above the picture and end below it.
static void compare_rows(Scale *scale, int y) {
    for (int channel = 0; channel < CHANNELS; channel++) {
        if (!scale->significant[channel]) continue;
        Group group = group_of(scale, channel, y);
        int weighs[TERMS];
        for (int term = 0; term < TERMS; term++) weighs[term] = scale->weights[channel][term] > 0;
        int structure = weighs[STRUCTURE] || weighs[KINDS + STRUCTURE];
        int added = weighs[ADDED_EDGES] || weighs[KINDS + ADDED_EDGES];
        int lost = weighs[LOST_EDGES] || weighs[KINDS + LOST_EDGES];
        float *states = scale->rows.states[channel], *stored = scale->rows.sums[channel];
        for (int i = 0; i < scale->width; i += LANES, states += SIGNALS * STATES * LANES, stored += TERMS * LANES) {
            Lanes blurred[GROUP][SIGNALS], sums[TERMS];
            blur_columns(&group, i, states, blurred);
            for (int term = 0; term < TERMS; term++) sums[term] = load(stored + term * LANES);
            for (int row = group.start; row < group.end; row++) {
                if (structure) add(structure_error(blurred[row]), weighs, sums, STRUCTURE);
                if (!added && !lost) continue;
                Lanes change = edge_change(load(group.first[row] + i), load(group.second[row] + i), blurred[row]);
                if (added) add(change, weighs, sums, ADDED_EDGES);
                if (lost) add(-change, weighs, sums, LOST_EDGES);
            }
            for (int term = 0; term < TERMS; term++) store(sums[term], stored + term * LANES);
        }
        if ((y + GROUP) % ROWS_PER_SUM == 0 || y + GROUP >= scale->height) move_sums(scale, channel);
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
