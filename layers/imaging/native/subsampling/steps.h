// The loss of 4:2:0 alone.
#ifndef DARKROOM_SUBSAMPLING_STEPS_H
#define DARKROOM_SUBSAMPLING_STEPS_H

#include <stdint.h>

// Counts the samples of Cb and Cr that change by at least `step` when both sides are halved and doubled again, linearly.
// `pixels`: Y, Cb, Cr and a byte that is not used. A last odd column or row is left out. Returns -1 if memory is short.
int colour_steps(const uint8_t *pixels, int width, int height, int step);

#endif
