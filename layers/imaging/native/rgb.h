// Reads pixels of RGB that have three bytes, or four of which the last is not used.
#ifndef DARKROOM_RGB_H
#define DARKROOM_RGB_H

#include <stdint.h>
#include <string.h>

typedef struct {
    int red, green, blue;
} Colour;

// With a constant `bytes_each`, a loop of these calls becomes one of vectors.
static inline Colour colour_at(const uint8_t *pixels, int bytes_each, int x) {
    if (bytes_each == 3) return (Colour){pixels[3 * x], pixels[3 * x + 1], pixels[3 * x + 2]};
    uint32_t pixel; // little-endian, as both processors are
    memcpy(&pixel, pixels + 4 * (size_t)x, sizeof pixel);
    return (Colour){pixel & 255, pixel >> 8 & 255, pixel >> 16 & 255};
}

#endif
