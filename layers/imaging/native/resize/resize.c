#include "resize/resize.h"

#include <stdlib.h>
#include <string.h>

#include "resize/lanczos.h"

typedef float Lanes __attribute__((vector_size(4 * sizeof(float))));

typedef float Pair __attribute__((vector_size(8 * sizeof(float))));

enum { PIECE = 64 }; // values whose sums fit into registers

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

// Adds the pixels of a row, times the weights; each pixel is read as four channels. `sums` has room for four more.
static void add_columns(const float *row, const Weights *across, int channels, float *sums, int width) {
    for (int x = 0; x < width; x++, sums += channels) {
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
        memcpy(sums, &sum, sizeof sum);
    }
}

// Puts the pixels of four channels of two rows side by side.
static void pair(const float *first, const float *second, int width, float *restrict pairs) {
    for (size_t x = 0; x < (size_t)width; x++) {
        memcpy(pairs + 8 * x, first + 4 * x, 4 * sizeof(float));
        memcpy(pairs + 8 * x + 4, second + 4 * x, 4 * sizeof(float));
    }
}

// The same as add_columns for two rows of four channels at once, in two thirds of the time.
static void add_columns_of_pairs(const float *pairs, const Weights *across, float *first, float *second, int width) {
    for (size_t x = 0; x < (size_t)width; x++) {
        const float *weights = across->weights + x * (size_t)across->count;
        const float *from = pairs + (size_t)across->first[x] * 8;
        Pair even = {0}, odd = {0}, pixels;
        int i = 0;
        for (; i + 1 < across->count; i += 2, from += 16) {
            memcpy(&pixels, from, sizeof pixels);
            even += weights[i] * pixels;
            memcpy(&pixels, from + 8, sizeof pixels);
            odd += weights[i + 1] * pixels;
        }
        if (i < across->count) {
            memcpy(&pixels, from, sizeof pixels);
            even += weights[i] * pixels;
        }
        Pair sum = even + odd;
        memcpy(first + 4 * x, &sum, 4 * sizeof(float));
        memcpy(second + 4 * x, (float *)&sum + 4, 4 * sizeof(float));
    }
}

static void round_row(const float *restrict sums, size_t values, uint8_t *restrict resized) {
    for (size_t i = 0; i < values; i++) {
        float value = sums[i] < 0 ? 0 : sums[i];
        value = value > 255 ? 255 : value;
        resized[i] = (uint8_t)(int)(value + 0.5f);
    }
}

int resize(const Picture *picture, const Box *box, uint8_t *resized, int width, int height) {
    Weights across = {0}, down = {0};
    size_t values = (size_t)picture->width * (size_t)picture->channels + MAX_CHANNELS; // each pixel is read as four
    size_t new_values = (size_t)width * (size_t)picture->channels + MAX_CHANNELS;
    float *memory = calloc(4 * values + 2 * new_values, sizeof(float));
    int failed = !memory || make_weights(&across, picture->width, width, box->left, box->right) ||
                 make_weights(&down, picture->height, height, box->top, box->bottom);
    float *rows[2] = {memory, memory + values}, *pairs = memory + 2 * values;
    float *sums[2] = {memory + 4 * values, memory + 4 * values + new_values};
    for (int y = 0; y < height && !failed; y += 2) {
        int count = y + 1 < height ? 2 : 1;
        for (int i = 0; i < count; i++) {
            const uint8_t *first = picture->pixels + (size_t)down.first[y + i] * (values - MAX_CHANNELS);
            add_rows(first, down.count, down.weights + (size_t)(y + i) * (size_t)down.count, values - MAX_CHANNELS, rows[i]);
        }
        if (picture->channels == 4) {
            pair(rows[0], rows[1], picture->width, pairs);
            add_columns_of_pairs(pairs, &across, sums[0], sums[1], width);
        } else {
            for (int i = 0; i < count; i++) add_columns(rows[i], &across, picture->channels, sums[i], width);
        }
        for (int i = 0; i < count; i++, resized += new_values - MAX_CHANNELS)
            round_row(sums[i], new_values - MAX_CHANNELS, resized);
    }
    free_weights(&across);
    free_weights(&down);
    free(memory);
    return failed ? -1 : 0;
}
