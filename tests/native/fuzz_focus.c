// Looks for faces and salient parts in random pictures of random sizes, and checks what must hold for every picture.
// tests/native/sanitized.py builds it with sanitizers.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faces/faces.h"
#include "saliency/saliency.h"

enum { LONGEST_SIDE = 200, KINDS_OF_PICTURES = 5 };

static uint64_t state;

// SplitMix64.
static uint32_t next_random(uint32_t below) {
    uint64_t bits = state += 0x9E3779B97F4A7C15;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB;
    return (uint32_t)((bits ^ bits >> 31) >> 32) % below;
}

// Noise, one colour, black and white stripes, a gradient, or few levels; each allocated exactly.
static uint8_t *draw(int width, int height) {
    size_t bytes = (size_t)width * (size_t)height * 3;
    uint8_t *pixels = malloc(bytes);
    if (!pixels) exit(2);
    uint32_t kind = next_random(KINDS_OF_PICTURES), level = next_random(256), step = 1 + next_random(40);
    for (size_t i = 0; i < bytes; i++) {
        uint32_t values[KINDS_OF_PICTURES] = {
            next_random(256), level, i / step % 2 * 255, (uint32_t)(i / step), next_random(2) * level,
        };
        pixels[i] = (uint8_t)values[kind];
    }
    return pixels;
}

static int faces_hold(const uint8_t *pixels, int width, int height, float threshold) {
    struct face *faces;
    size_t count;
    if (find_faces(pixels, width, height, threshold, &faces, &count)) exit(2);
    int fine = 1;
    for (size_t i = 0; i < count; i++) {
        const struct face *face = &faces[i];
        fine &= isfinite(face->left) && isfinite(face->bottom) && face->right >= face->left;
        fine &= face->score > threshold && face->score <= 1;
        fine &= i == 0 || face->score <= faces[i - 1].score;
    }
    free(faces);
    return fine;
}

static int saliency_holds(const uint8_t *pixels, int width, int height) {
    size_t count = (size_t)width * (size_t)height;
    uint8_t *first = malloc(count), *second = malloc(count);
    if (!first || !second || saliency(pixels, width, height, first) || saliency(pixels, width, height, second)) exit(2);
    int fine = memcmp(first, second, count) == 0;
    free(first);
    free(second);
    return fine;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    state = strtoull(arguments[1], NULL, 10);
    for (long round = strtol(arguments[2], NULL, 10); round > 0; round--) {
        int narrow = next_random(4) == 0;
        int width = 1 + (int)next_random(narrow ? 24 : LONGEST_SIDE), height = 1 + (int)next_random(LONGEST_SIDE);
        float threshold = (float)next_random(10) / 10;
        uint8_t *pixels = draw(width, height);
        if (!faces_hold(pixels, width, height, threshold) || !saliency_holds(pixels, width, height)) {
            printf("fault at %d x %d, %ld rounds before the end\n", width, height, round);
            return 1;
        }
        free(pixels);
    }
    return 0;
}
