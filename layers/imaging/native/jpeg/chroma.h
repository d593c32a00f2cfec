// Chroma planes: downsampled against the decoder's upsampling, and upsampled as decoders do.
#ifndef JPEG_CHROMA_H
#define JPEG_CHROMA_H

#include <stdbool.h>
#include <stdint.h>

#include "jpeg.h"

enum { JPEG_CHROMA_SCALE = 64 }; // fixed point of a plane's samples

// The samples of Cb or Cr around 0, in 1 / JPEG_CHROMA_SCALE.
struct plane {
    int width, height;
    int16_t *samples;
};

// Fills both planes from the picture; their sizes are set. With 4:2:0, each is the average of 2 x 2 samples,
// sharpened by `sharpness`: 1 inverts most of the smoothing of decoders that interpolate, 0 suits those that
// repeat samples. False if memory is short.
bool jpeg_chroma_planes(const struct jpeg_picture *picture, float sharpness, struct plane planes[2]);

// Upsamples one row of a 4:2:0 plane of decoded samples (0 to 255, around 128) to `width` samples around 0.
// `repeated` is the weight of decoders that repeat samples; the others interpolate (libjpeg's triangle filter).
// `buffer` has room for half a row and two samples.
void jpeg_upsampled_row(const uint8_t *decoded, int columns, int rows, int y, int width, float repeated,
                        float *buffer, float *row);

#endif
