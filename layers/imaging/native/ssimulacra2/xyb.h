// Linear sRGB to SSIMULACRA2's shifted XYB.
#ifndef DARKROOM_SSIMULACRA2_XYB_H
#define DARKROOM_SSIMULACRA2_XYB_H

#include "ssimulacra2/level.h"

// Converts `count` pixels; the planes are R, G, B, and X, Y, B.
void xyb_of_linear(Row linear, float *const xyb[3], int count);

// The same, without X and B.
void y_of_linear(Row linear, float *restrict y, int count);

#endif
