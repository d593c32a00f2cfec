#include "ssimulacra2/linear.h"

#include "power.h"

void fill_linear_of_stored(float table[256]) {
    for (int stored = 0; stored < 256; stored++) {
        double value = stored / 255.0;
        table[stored] = (float)(value <= 0.04045 ? value / 12.92 : power((value + 0.055) / 1.055, 2.4));
    }
}

void linear_of_stored(const uint8_t *stored, int bytes_each, const float table[256], float *const linear[3], int width) {
    float *restrict red = linear[0], *restrict green = linear[1], *restrict blue = linear[2];
#pragma clang loop unroll_count(4)
    for (int i = 0; i < width; i++, stored += bytes_each) {
        red[i] = table[stored[0]];
        green[i] = table[stored[1]];
        blue[i] = table[stored[2]];
    }
}

void halve(float *const upper[3], float *const lower[3], float *const half[3], int width) {
    for (int channel = 0; channel < 3; channel++) {
        const float *above = upper[channel], *below = lower[channel];
        float *restrict mean = half[channel];
        for (int i = 0; i < width / 2; i++)
            mean[i] = 0.25f * (above[2 * i] + above[2 * i + 1] + below[2 * i] + below[2 * i + 1]);
        if (width % 2) mean[width / 2] = 0.5f * (above[width - 1] + below[width - 1]);
    }
}
