// Linear sRGB to SSIMULACRA2's shifted XYB.
#ifndef DARKROOM_SSIMULACRA2_XYB_H
#define DARKROOM_SSIMULACRA2_XYB_H

// Converts `count` pixels; the planes of linear light are R, G, B.
void x_and_y_of_linear(float *const linear[3], float *restrict x, float *restrict y, int count);
void y_of_linear(float *const linear[3], float *restrict y, int count);

// The same of pixels whose Y is known.
void b_of_linear(float *const linear[3], const float *restrict y, float *restrict b, int count);

#endif
