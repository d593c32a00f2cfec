// Conversion from RGB, 3 or 4 bytes a pixel, to the YCbCr of JFIF (ITU-T T.871), with samples around 0.
#ifndef JPEG_COLOUR_H
#define JPEG_COLOUR_H

#include <stdint.h>

void jpeg_luma_row(const uint8_t *pixels, int channels, int width, float *luma);
void jpeg_chroma_row(const uint8_t *pixels, int channels, int width, float *cb, float *cr);

#endif
