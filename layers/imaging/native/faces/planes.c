#include "planes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, BLOCK = 2 * LANES, OUTPUTS = 4 };

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));

struct planes new_planes(int channels, int width, int height) {
    struct planes planes = {channels, width, height, .stride = ((size_t)width * (size_t)height + BLOCK - 1) / BLOCK * BLOCK};
    planes.values = calloc(planes.stride * (size_t)channels, sizeof(float));
    return planes;
}

// Rounds once: the processors of both architectures have this instruction.
static inline Lanes multiply_add(float a, Lanes b, Lanes c) {
#if __has_builtin(__builtin_elementwise_fma)
    return __builtin_elementwise_fma((Lanes){} + a, b, c);
#else
    for (int i = 0; i < LANES; i++) c[i] = fmaf(a, b[i], c[i]);
    return c;
#endif
}

static inline Lanes loaded(const float *from) {
    Lanes lanes;
    memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

// One block of up to four outputs of the 1 x 1 convolution; `weights` has a row of all inputs per output.
static inline void mix_block(struct planes input, float *output, size_t stride, int outputs, const float *weights,
                             const float *offsets) {
    Lanes sums[OUTPUTS][2];
    for (int o = 0; o < outputs; o++) sums[o][0] = sums[o][1] = (Lanes){} + offsets[o];
    const float *values = input.values;
    for (int i = 0; i < input.channels; i++, values += input.stride) {
        Lanes first = loaded(values), second = loaded(values + LANES);
        for (int o = 0; o < outputs; o++) {
            float weight = weights[o * input.channels + i];
            sums[o][0] = multiply_add(weight, first, sums[o][0]);
            sums[o][1] = multiply_add(weight, second, sums[o][1]);
        }
    }
    for (int o = 0; o < outputs; o++) memcpy(output + (size_t)o * stride, sums[o], sizeof sums[o]);
}

static void mix_channels(struct planes input, struct planes output, const float *weights, const float *offsets) {
    for (size_t place = 0; place < output.stride; place += BLOCK) {
        struct planes block = input;
        block.values += place;
        int o = 0;
        float *values = output.values + place;
        // With a constant number of outputs, the sums stay in registers.
        for (; o + OUTPUTS <= output.channels; o += OUTPUTS)
            mix_block(block, values + (size_t)o * output.stride, output.stride, OUTPUTS,
                      weights + o * input.channels, offsets + o);
        for (; o < output.channels; o++)
            mix_block(block, values + (size_t)o * output.stride, output.stride, 1, weights + o * input.channels,
                      offsets + o);
    }
}

// Copies a plane into one with a border of zeros, one value wide.
static void copy_with_border(const float *plane, int width, int height, float *bordered) {
    memset(bordered, 0, sizeof(float) * (size_t)(width + 2));
    for (int y = 0; y < height; y++) {
        float *row = bordered + (size_t)(y + 1) * (size_t)(width + 2);
        row[0] = row[width + 1] = 0;
        memcpy(row + 1, plane + (size_t)y * (size_t)width, sizeof(float) * (size_t)width);
    }
    memset(bordered + (size_t)(height + 1) * (size_t)(width + 2), 0, sizeof(float) * (size_t)(width + 2));
}

// The 3 x 3 convolution of one row; `above` is the row above it in the plane with a border.
static void filter_row(const float *restrict above, int width, const float *restrict weights, float offset,
                       float floor, float *restrict output) {
    const float *restrict middle = above + width + 2, *restrict below = middle + width + 2;
    for (int x = 0; x < width; x++) {
        float sum = offset;
        for (int k = 0; k < 3; k++) sum = fmaf(weights[k], above[x + k], sum);
        for (int k = 0; k < 3; k++) sum = fmaf(weights[3 + k], middle[x + k], sum);
        for (int k = 0; k < 3; k++) sum = fmaf(weights[6 + k], below[x + k], sum);
        output[x] = sum > floor ? sum : floor;
    }
}

static void filter_planes(struct planes planes, int rectified, const float *weights, const float *offsets,
                          float *bordered) {
    for (int c = 0; c < planes.channels; c++) {
        float *plane = planes.values + (size_t)c * planes.stride;
        copy_with_border(plane, planes.width, planes.height, bordered);
        for (int y = 0; y < planes.height; y++)
            filter_row(bordered + (size_t)y * (size_t)(planes.width + 2), planes.width, weights + 9 * c, offsets[c],
                       rectified ? 0 : -INFINITY, plane + (size_t)y * (size_t)planes.width);
    }
}

struct planes convolved(struct planes input, int outputs, int rectified, int kept, const float **weights) {
    const float *mixing = *weights, *mixing_offsets = mixing + outputs * input.channels;
    const float *filters = mixing_offsets + outputs, *offsets = filters + 9 * outputs;
    *weights = offsets + outputs;
    struct planes output = new_planes(outputs, input.width, input.height);
    float *bordered = malloc(sizeof(float) * (size_t)(input.width + 2) * (size_t)(input.height + 2));
    if (input.values && output.values && bordered) {
        mix_channels(input, output, mixing, mixing_offsets);
        filter_planes(output, rectified, filters, offsets, bordered);
    } else {
        free(output.values);
        output.values = NULL;
    }
    free(bordered);
    if (!kept) free(input.values);
    return output;
}

static float larger(float a, float b) {
    return a > b ? a : b;
}

struct planes halved(struct planes input) {
    struct planes output = new_planes(input.channels, input.width / 2, input.height / 2);
    if (!input.values || !output.values) {
        free(output.values);
        output.values = NULL;
        return output;
    }
    for (int c = 0; c < output.channels; c++)
        for (int y = 0; y < output.height; y++) {
            const float *upper = input.values + (size_t)c * input.stride + (size_t)(2 * y) * (size_t)input.width;
            const float *lower = upper + input.width;
            float *row = output.values + (size_t)c * output.stride + (size_t)y * (size_t)output.width;
            for (int x = 0; x < output.width; x++)
                row[x] = larger(larger(upper[2 * x], upper[2 * x + 1]), larger(lower[2 * x], lower[2 * x + 1]));
        }
    return output;
}

void add_doubled(struct planes large, struct planes small) {
    if (!large.values || !small.values) return;
    for (int c = 0; c < large.channels; c++)
        for (int y = 0; y < large.height; y++) {
            float *row = large.values + (size_t)c * large.stride + (size_t)y * (size_t)large.width;
            const float *from = small.values + (size_t)c * small.stride + (size_t)(y / 2) * (size_t)small.width;
            for (int x = 0; x < large.width; x++) row[x] += from[x / 2];
        }
}
