// Means of the quarters of blocks, 4 x 4 samples: SSIMULACRA2 sees them at a quarter of the size.
#ifndef JPEG_MEANS_H
#define JPEG_MEANS_H

#include "component.h"

// Changes the lowest AC coefficients of a component that is not quantised, so that they make up for what the quarters
// lose when higher ones are quantised: all of it, or a `share`.
void jpeg_keep_means(struct component *component, float share);

#endif
