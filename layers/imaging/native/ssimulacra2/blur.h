// SSIMULACRA2's blur: a Gaussian with zeros beyond the edges.
//
// libjxl computes it recursively in both directions, and keeps every rounding error to the end of a row or column.
// The metric's weights were fitted to those of the columns: without them, smooth pictures score up to 3 points
// higher. So the operations down the columns and their order are those of libjxl's vector code (tools/gauss_blur.cc,
// BSD-3-Clause), fused multiplications and additions included. Along the rows, a convolution scores as near to the
// reference implementation.
#ifndef DARKROOM_SSIMULACRA2_BLUR_H
#define DARKROOM_SSIMULACRA2_BLUR_H

// A blurred value depends on those up to REACH places before and after it. Down the columns, the recursion starts
// REACH rows above the picture, takes GROUP rows at a time, and reads values up to BEFORE places before.
enum { REACH = 4, GROUP = 4, BEFORE = 6, OSCILLATORS = 3, STATES = 2 * OSCILLATORS };

// Rows are blurred LANES values at a time: a row needs REACH zeros before it, and memory for LANES + REACH values
// after it, of which the first REACH are zeros for `blur_across`.
enum { LANES = 8, MARGIN_BEFORE = REACH, MARGIN_AFTER = LANES + REACH };

// Blurs a row along itself.
void blur_across(const float *row, float *blurred, int width);

// Blurs GROUP rows down the columns. `before` are the rows BEFORE rows above them and `after` those REACH rows below.
// `states` are the last and second last values of each oscillator in the rows above, and become those of these rows.
void blur_down(
    const float *const before[GROUP], const float *const after[GROUP], float *const states[STATES],
    float *const blurred[GROUP], int width
);

#endif
