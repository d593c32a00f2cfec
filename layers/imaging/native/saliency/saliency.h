// How much each pixel stands out from the picture's border.
#ifndef DARKROOM_SALIENCY_H
#define DARKROOM_SALIENCY_H

#include <stdint.h>

enum { SALIENCY_MAX_SIDE = 1024 };

// Writes width x height levels, 0 to 255, for a picture of width x height x 3 bytes of sRGB. The same on every
// processor. Returns 0, or -1 if there is no memory.
//
// A pixel stands out as far as its colour can't be reached from the border without a change of lightness or colour:
// the minimum barrier distance, by three scans (Zhang et al. 2015, https://doi.org/10.1109/ICCV.2015.165), and as far
// as its colour is from those of the border. Their mean is squared, and weighted by the nearness to the centre.
int saliency(const uint8_t *pixels, int width, int height, uint8_t *levels);

#endif
