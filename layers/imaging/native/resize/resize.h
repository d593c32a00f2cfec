// Resizes pictures of 8 bits with a Lanczos filter of three lobes, as Pillow does, but without rounding in between.
#ifndef RESIZE_RESIZE_H
#define RESIZE_RESIZE_H

#include <stdint.h>

enum { MAX_CHANNELS = 4 };

typedef struct {
    const uint8_t *pixels; // rows without padding
    int width, height, channels;
} Picture;

typedef struct {
    double left, top, right, bottom;
} Box;

// Writes width x height pixels of the box. Returns -1 if there is no memory, else 0.
int resize(const Picture *picture, const Box *box, uint8_t *resized, int width, int height);

#endif
