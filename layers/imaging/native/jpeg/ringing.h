// Less ringing beside white and black.
#ifndef JPEG_RINGING_H
#define JPEG_RINGING_H

#include <stddef.h>

#include "component.h"

// Decoders clip what is brighter than white or darker than black. If a block of luma has clipped samples, lets them
// overshoot where that brings the block nearer to what its quantised coefficients can express.
void jpeg_allow_overshoot(const float *samples, size_t stride, const struct component *component,
                          float coefficients[64]);

#endif
