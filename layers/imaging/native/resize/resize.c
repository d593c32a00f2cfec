#include "resize/resize.h"

#include <stdlib.h>
#include <string.h>

#include "resize/lanczos.h"

typedef float Lanes __attribute__((vector_size(4 * sizeof(float))));

enum { PIECE = 32 }; // values whose sums fit into registers

// Adds `count` rows of `values` bytes, times the weights.
static void add_rows(const uint8_t *first, int count, const float *weights, size_t values, float *restrict row) {
    size_t start = 0;
    for (; start + PIECE <= values; start += PIECE) {
        float sums[PIECE] = {0};
        for (int i = 0; i < count; i++) {
            const uint8_t *from = first + (size_t)i * values + start;
            for (int j = 0; j < PIECE; j++) sums[j] += weights[i] * (float)from[j];
        }
        memcpy(row + start, sums, sizeof sums);
    }
    for (; start < values; start++) {
        float sum = 0;
        for (int i = 0; i < count; i++) sum += weights[i] * (float)first[(size_t)i * values + start];
        row[start] = sum;
    }
}

static uint8_t rounded(float value) {
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5f);
}

// Adds the pixels of a row, times the weights; each pixel is read as four channels.
static void add_columns(const float *row, const Weights *across, int channels, uint8_t *resized, int width) {
    for (int x = 0; x < width; x++) {
        const float *weights = across->weights + (size_t)x * (size_t)across->count;
        const float *from = row + (size_t)across->first[x] * (size_t)channels;
        Lanes even = {0}, odd = {0}, pixel; // two sums take half the time of one
        int i = 0;
        for (; i + 1 < across->count; i += 2, from += 2 * channels) {
            memcpy(&pixel, from, sizeof pixel);
            even += weights[i] * pixel;
            memcpy(&pixel, from + channels, sizeof pixel);
            odd += weights[i + 1] * pixel;
        }
        if (i < across->count) {
            memcpy(&pixel, from, sizeof pixel);
            even += weights[i] * pixel;
        }
        Lanes sum = even + odd;
        for (int channel = 0; channel < channels; channel++) *resized++ = rounded(sum[channel]);
    }
}

int resize(const Picture *picture, const Box *box, uint8_t *resized, int width, int height) {
    Weights across = {0}, down = {0};
    size_t values = (size_t)picture->width * (size_t)picture->channels;
    float *row = calloc(values + MAX_CHANNELS, sizeof(float)); // the last pixel is read as four channels, too
    int failed = !row || make_weights(&across, picture->width, width, box->left, box->right) ||
                 make_weights(&down, picture->height, height, box->top, box->bottom);
    for (int y = 0; y < height && !failed; y++) {
        const uint8_t *first = picture->pixels + (size_t)down.first[y] * values;
        add_rows(first, down.count, down.weights + (size_t)y * (size_t)down.count, values, row);
        add_columns(row, &across, picture->channels, resized, width);
        resized += (size_t)width * (size_t)picture->channels;
    }
    free_weights(&across);
    free_weights(&down);
    free(row);
    return failed ? -1 : 0;
}
