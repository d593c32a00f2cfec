// The interpolation of chroma and the conversion of colours of libjpeg-turbo.
#ifndef DECODER_ROWS_H
#define DECODER_ROWS_H

#include <stdint.h>

// Below this width, libjpeg-turbo does not interpolate the chroma of a picture.
enum { DECODER_INTERPOLATED_WIDTH = 5 };

// Makes a row of 2 * `width` samples from the row of halved chroma that covers it, and the other one that is near:
// jdsample.c, h2v2_fancy_upsample. `sums` has room for one more at each end.
void decoder_interpolate(const uint8_t *nearer, const uint8_t *farther, int width, int16_t *sums, uint8_t *row);

// The same for chroma of whole height: h2v1_fancy_upsample.
void decoder_interpolate_across(const uint8_t *chroma, int width, uint8_t *row);

// Converts to R, G, B and 255: jdcolor.c, ycc_rgb_convert.
void decoder_convert(const uint8_t *luma, const uint8_t *cb, const uint8_t *cr, int width, uint8_t *pixels);

#endif
