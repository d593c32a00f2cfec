// Rate-distortion optimised quantisation.
#ifndef JPEG_TRELLIS_H
#define JPEG_TRELLIS_H

#include <stdbool.h>

#include "component.h"
#include "rates.h"

// Quantises the AC coefficients of every block in place, and sets `nonzero`. Squared errors are in units of the
// quantisation step.
void jpeg_quantise_ac(struct component *component, const struct rates *rates);

// Quantises the DC coefficients in place, in the order of their differences. False if memory is short.
bool jpeg_quantise_dc(struct component *component, float lambda);

#endif
