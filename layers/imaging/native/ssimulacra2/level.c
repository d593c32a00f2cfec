#include "ssimulacra2/level.h"

#include <stdlib.h>

#include "power.h"

void fill_linear_of_stored(float table[256]) {
    for (int stored = 0; stored < 256; stored++) {
        double value = stored / 255.0;
        table[stored] = (float)(value <= 0.04045 ? value / 12.92 : power((value + 0.055) / 1.055, 2.4));
    }
}

static float *place_in(const Level *level, int channel, int row) {
    return level->planes + ((size_t)channel * (size_t)level->height + (size_t)row) * (size_t)level->width;
}

Row read_again(const Level *level, int row, float *const buffer[3]) {
    if (!level->planes) return (Row){{buffer[0], buffer[1], buffer[2]}};
    return (Row){{place_in(level, 0, row), place_in(level, 1, row), place_in(level, 2, row)}};
}

Row read_row(const Level *level, int row, float *const buffer[3]) {
    if (!level->planes) {
        const uint8_t *restrict stored = level->stored + (size_t)row * (size_t)level->width * 3;
        const float *restrict table = level->linear_of_stored;
        float *restrict red = buffer[0], *restrict green = buffer[1], *restrict blue = buffer[2];
        for (int i = 0; i < level->width; i++) {
            red[i] = table[stored[3 * i]];
            green[i] = table[stored[3 * i + 1]];
            blue[i] = table[stored[3 * i + 2]];
        }
    }
    return read_again(level, row, buffer);
}

Level new_half(const Level *level) {
    Level half = {.width = (level->width + 1) / 2, .height = (level->height + 1) / 2};
    half.planes = malloc((size_t)half.width * (size_t)half.height * 3 * sizeof(float));
    return half;
}

void halve(const Level *half, int row, Row upper, Row lower, int width) {
    for (int channel = 0; channel < 3; channel++) {
        const float *restrict above = upper.channels[channel], *restrict below = lower.channels[channel];
        float *restrict mean = place_in(half, channel, row);
        for (int i = 0; i < width / 2; i++)
            mean[i] = 0.25f * (above[2 * i] + above[2 * i + 1] + below[2 * i] + below[2 * i + 1]);
        if (width % 2) mean[width / 2] = 0.5f * (above[width - 1] + below[width - 1]);
    }
}
