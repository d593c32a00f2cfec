// SSIMULACRA2's blur: a recursive Gaussian with zeros beyond the edges.
//
// Its impulse response is only nine values long, but a convolution with them would score up to 5 points higher: the
// recursion keeps every rounding error to the end of a row or column, and the metric's weights were fitted to that.
// So the operations and their order are those of libjxl's vector code (tools/gauss_blur.cc, BSD-3-Clause), fused
// multiplications and additions included.
#ifndef DARKROOM_SSIMULACRA2_BLUR_H
#define DARKROOM_SSIMULACRA2_BLUR_H

// A blurred value depends on those up to BEFORE places before it and up to AFTER places after it, and the recursion
// starts AFTER places before the first value.
enum { BEFORE = 6, AFTER = 4, OSCILLATORS = 3 };

// Zeros that must be before and after a row for `blur_across`.
enum { MARGIN_BEFORE = BEFORE + AFTER, MARGIN_AFTER = AFTER };

// Blurs two rows along themselves.
void blur_across(
    const float *first, const float *second, float *restrict first_blurred, float *restrict second_blurred, int width
);

// Blurs one row down the columns. `before` is BEFORE rows above it and `after` is AFTER rows below it. `last` and
// `second_last` are the oscillators' states of the two rows above, and the latter becomes the state of this row.
void blur_down(
    const float *before, const float *after, float *const last[OSCILLATORS], float *const second_last[OSCILLATORS],
    float *restrict blurred, int width
);

#endif
