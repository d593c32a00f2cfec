// Entropy coding of a frame's scans (T.81, annexes F and G).
#ifndef JPEG_SCANS_H
#define JPEG_SCANS_H

#include "bits.h"
#include "component.h"

// One scan per component for DC, then the AC of each component in one or two bands, whichever is smaller.
void jpeg_put_progressive(struct file *file, const struct component *components, int count);

// One interleaved scan; Cb and Cr share their tables.
void jpeg_put_baseline(struct file *file, const struct component *components, int count);

#endif
