// What decoders show of 4:2:0.
#ifndef DARKROOM_SUBSAMPLING_SHOWN_H
#define DARKROOM_SUBSAMPLING_SHOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "jpeg/jpeg.h"

// Writes Y, Cb, Cr and 255 of a picture of 3 or 4 channels, from its planes with 4:2:0 and chroma doubled linearly.
// False if memory is short.
bool shown_subsampled(const struct jpeg_picture *picture, uint8_t *pixels);

#endif
