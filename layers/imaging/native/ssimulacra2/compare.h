// The errors between two pictures at one scale.
#ifndef DARKROOM_SSIMULACRA2_COMPARE_H
#define DARKROOM_SSIMULACRA2_COMPARE_H

#include "ssimulacra2/level.h"

// Both pictures at one scale, of the same size, and their halves, filled on the way; no planes: there is no next
// scale.
typedef struct {
    Level levels[2], halves[2];
} Pictures;

// Adds the weighted sum of the terms of a scale to the error. Returns -1 if there is no memory, else 0.
int compare(const Pictures *pictures, int scale, int scales, double *error);

#endif
