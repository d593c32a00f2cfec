// Resizes random pictures of random sizes for a number of rounds, and checks what must hold for every result.
// tests/native/sanitized.py builds it with sanitizers.

#include <stdio.h>
#include <stdlib.h>

#include "resize/resize.h"

enum { LONGEST_SIDE = 200 };

static uint64_t state;

// SplitMix64.
static uint32_t next_random(uint32_t below) {
    uint64_t bits = state += 0x9E3779B97F4A7C15;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB;
    return (uint32_t)((bits ^ bits >> 31) >> 32) % below;
}

static uint8_t *allocate(size_t bytes) {
    uint8_t *pixels = malloc(bytes);
    if (!pixels) exit(2);
    return pixels;
}

// Noise or one colour: one colour stays the same.
static int holds(Picture *picture, int width, int height) {
    size_t bytes = (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels;
    size_t resized_bytes = (size_t)width * (size_t)height * (size_t)picture->channels;
    uint8_t *pixels = allocate(bytes), *resized = allocate(resized_bytes), level = (uint8_t)next_random(256);
    int noisy = (int)next_random(2);
    for (size_t i = 0; i < bytes; i++) pixels[i] = noisy ? (uint8_t)next_random(256) : level;
    picture->pixels = pixels;
    double left = next_random(1000) / 1001.0 * picture->width, top = next_random(1000) / 1001.0 * picture->height;
    double across = (1 + next_random(1000)) / 1000.0, down = (1 + next_random(1000)) / 1000.0;
    Box box = {left, top, left + across * (picture->width - left), top + down * (picture->height - top)};
    if (resize(picture, &box, resized, width, height)) exit(2);
    int fine = 1;
    for (size_t i = 0; i < resized_bytes; i++) fine &= noisy || resized[i] == level;
    free(pixels);
    free(resized);
    return fine;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    state = strtoull(arguments[1], NULL, 10);
    for (long round = strtol(arguments[2], NULL, 10); round > 0; round--) {
        int sides[4];
        for (int i = 0; i < 4; i++) sides[i] = 1 + (int)next_random(next_random(4) ? LONGEST_SIDE : 4);
        Picture picture = {.width = sides[0], .height = sides[1], .channels = 1 + (int)next_random(MAX_CHANNELS)};
        if (!holds(&picture, sides[2], sides[3])) {
            printf("fault at %d x %d, %ld rounds before the end\n", sides[0], sides[1], round);
            return 1;
        }
    }
    return 0;
}
