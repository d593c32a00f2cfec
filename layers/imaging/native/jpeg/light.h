// Correction of luma for chroma as it will be decoded.
#ifndef JPEG_LIGHT_H
#define JPEG_LIGHT_H

#include <stdint.h>

// Changes a row of luma so that, with the decoded Cb and Cr (around 0), each pixel has the light of the original,
// or the share `strength` of that change.
void jpeg_correct_light(const uint8_t *pixels, int channels, int width, const float *cb, const float *cr, float strength,
                        float *luma);

#endif
