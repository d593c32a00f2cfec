// Linear sRGB to SSIMULACRA2's shifted XYB.
#ifndef DARKROOM_SSIMULACRA2_XYB_H
#define DARKROOM_SSIMULACRA2_XYB_H

// Converts `count` pixels; the planes are R, G, B, and X, Y, B.
void xyb_of_linear(float *const linear[3], float *const xyb[3], int count);

// The same, without X and B.
void y_of_linear(float *const linear[3], float *restrict y, int count);

#endif
