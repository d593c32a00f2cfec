// Y, Cb and Cr of an AVIF in full range (ITU-T T.871).
#ifndef AVIF_PLANES_H
#define AVIF_PLANES_H

#include <stdbool.h>
#include <stdint.h>

#include "jpeg/jpeg.h"

// The bytes of the planes, one after the other and without padding.
size_t avif_planes_bytes(int width, int height, bool subsampled);

// Fills the planes from a picture of 3 or 4 channels. With 4:2:0, chroma is sharpened against the interpolation of
// decoders, and luma is corrected for chroma as they will show it. False if memory is short.
bool avif_planes(const struct jpeg_picture *picture, bool subsampled, uint8_t *planes);

#endif
