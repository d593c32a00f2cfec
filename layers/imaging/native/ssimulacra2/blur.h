// SSIMULACRA2's blur: a Gaussian with zeros beyond the edges.
//
// libjxl computes it recursively in both directions, and keeps every rounding error to the end of a row or column.
// The metric's weights were fitted to those of the columns: without them, smooth pictures score up to 3 points
// higher. So the operations down the columns and their order are those of libjxl's vector code (tools/gauss_blur.cc,
// BSD-3-Clause), fused multiplications and additions included. Along the rows, a convolution scores as near to the
// reference implementation.
#ifndef DARKROOM_SSIMULACRA2_BLUR_H
#define DARKROOM_SSIMULACRA2_BLUR_H

#include "ssimulacra2/lanes.h"

// A blurred value depends on those up to REACH places before and after it. Down the columns, the recursion starts
// REACH rows above the picture, takes GROUP rows at a time, and reads values up to BEFORE places before.
enum { REACH = 4, GROUP = 4, BEFORE = 6, OSCILLATORS = 3, STATES = 2 * OSCILLATORS };

// The oscillators' response to a single 1, from that place outward.
static const float RESPONSE[REACH + 1] = {
    0.26462110548819845f, 0.21292859201042214f, 0.10933537277746025f, 0.03601111465836433f, 0.009414367809653691f,
};
// n and d of each oscillator for a sigma of 1.5: equations 33 and 52 in D. Charalampidis, Recursive Implementation of
// the Gaussian Filter Using Truncated Cosine Functions, 2016. An oscillator's value is n x input - d x the last value
// - the second last one. The last d, -1e-16, changes nothing.
static const float N[OSCILLATORS] = {0.055295235726086613f, -0.058836687026949989f, 0.012955819110517068f};
static const float D[OSCILLATORS - 1] = {-1.9021130325903071f, -1.1755705045849463f};

// LANES values that begin at place `start` of two times LANES.
#define LANES_FROM(start, left, right) \
    __builtin_shufflevector( \
        left, right, start, start + 1, start + 2, start + 3, start + 4, start + 5, start + 6, start + 7 \
    )

// Returns the blurred values of LANES places in a row, from these, those before them and those after them.
static inline Lanes blur_across(Lanes before, Lanes here, Lanes after) {
    Lanes pairs[REACH] = {
        LANES_FROM(7, before, here) + LANES_FROM(1, here, after),
        LANES_FROM(6, before, here) + LANES_FROM(2, here, after),
        LANES_FROM(5, before, here) + LANES_FROM(3, here, after),
        LANES_FROM(4, before, here) + LANES_FROM(4, here, after),
    };
    Lanes value = here * RESPONSE[0];
    for (int far = 1; far <= REACH; far++) value = multiply_add(pairs[far - 1], broadcast(RESPONSE[far]), value);
    return value;
}

// Moves an oscillator on by one value, which it returns.
static inline Lanes next_value(int oscillator, Lanes input, Lanes *last, Lanes *second_last) {
    Lanes rest = -*second_last;
    if (oscillator < OSCILLATORS - 1) rest = multiply_add(broadcast(-D[oscillator]), *last, rest);
    *second_last = *last;
    return *last = multiply_add(broadcast(N[oscillator]), input, rest);
}

// Returns the next blurred values down LANES columns. `input` is the sum of the values BEFORE rows above and REACH rows
// below. `state` has the last and second last value of each oscillator.
static inline Lanes blur_down(Lanes input, Lanes state[STATES]) {
    Lanes value[OSCILLATORS];
    for (int o = 0; o < OSCILLATORS; o++) value[o] = next_value(o, input, &state[2 * o], &state[2 * o + 1]);
    return value[0] + (value[1] + value[2]);
}

#endif
