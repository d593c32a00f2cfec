// Feature maps: one plane of floats per channel. A plane begins at a multiple of 16 floats; what follows its last
// row is padding, of any value.
#ifndef DARKROOM_FACES_PLANES_H
#define DARKROOM_FACES_PLANES_H

#include <stddef.h>

struct planes {
    int channels, width, height;
    size_t stride; // floats from one plane to the next
    float *values;
};

// The values are NULL if there is no memory. Free them with free().
struct planes new_planes(int channels, int width, int height);

// A convolution of 1 x 1 over all channels, then one of 3 x 3 in each channel, with zeros around the picture, then
// ReLU if `rectified`. `*weights` advances over: outputs x inputs weights and outputs offsets of the first;
// outputs x 9 weights and outputs offsets of the second. Frees the input unless `kept`. The values of the result are
// NULL if there is no memory, or if those of the input are.
struct planes convolved(struct planes input, int outputs, int rectified, int kept, const float **weights);

// The maximum of each 2 x 2 values; width and height are even. The input stays.
struct planes halved(struct planes input);

// Adds each value of `small` to 2 x 2 values of `large`.
void add_doubled(struct planes large, struct planes small);

#endif
