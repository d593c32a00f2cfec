// Finds faces with the network YuNet: https://doi.org/10.1007/s11633-023-1423-y
#ifndef DARKROOM_FACES_H
#define DARKROOM_FACES_H

#include <stddef.h>
#include <stdint.h>

enum { FACES_MAX_SIDE = 1024 };

// In pixels of the picture; parts of it may be outside. The score is above the threshold and at most 1.
struct face {
    float left, top, right, bottom, score;
};

// Finds the faces in a picture of width x height x 3 bytes of sRGB, both sides at most FACES_MAX_SIDE; the best first,
// and none that overlaps a better one by more than 0.3 of their union. The same on every processor.
// Returns 0, or -1 if there is no memory. The caller frees `*found`.
int find_faces(const uint8_t *pixels, int width, int height, float threshold, struct face **found, size_t *count);

#endif
