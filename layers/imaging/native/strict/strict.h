// A strict check of a JPEG's entropy-coded data: every block is decoded, none is drawn. ITU-T T.81, annexes B, F and G.
//
// libjpeg, which browsers use, fills missing blocks and skips surplus bytes; so it can't tell a damaged picture from a
// sound one. This check accepts what it shows whole, also where that breaks the standard: a missing end marker, a few
// surplus fill bytes, any bits after the last block, restart markers behind it.
#ifndef DARKROOM_STRICT_H
#define DARKROOM_STRICT_H

#include <stddef.h>
#include <stdint.h>

// NULL if no data is missing or left over; else a constant sentence on the first fault. Checks Huffman-coded JPEGs of
// 8 bits: baseline, extended and progressive. Takes up to 10 bytes for each 64 samples of a progressive picture.
const char *jpeg_fault(const uint8_t *bytes, size_t size);

// The same, and draws the pixels that libjpeg-turbo draws: R, G, B and 255, or grey, of the width and height times
// `eighths` / 8, rounded up; 8 or 4. JPEG_UNSUPPORTED for pictures that are not sequential, or not grey, 4:4:4, 4:2:2 or
// 4:2:0 in one scan, or have another size; then pixels may be drawn in part, as after a fault.
const char *jpeg_draw(const uint8_t *bytes, size_t size, int eighths, uint8_t *pixels, size_t size_bytes);

extern const char JPEG_FAULT_NO_MEMORY[], JPEG_UNSUPPORTED[];

#endif
