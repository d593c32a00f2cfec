// Compares random pictures of random sizes for a number of rounds, and checks what must hold for every score.
// tests/native/sanitized.py builds it with sanitizers.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ssimulacra2/ssimulacra2.h"

enum { LONGEST_SIDE = 300, KINDS_OF_PICTURES = 5 };

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

static double score_of(const uint8_t *first, const uint8_t *second, int width, int height) {
    double score;
    if (ssimulacra2(first, second, width, height, &score)) exit(2);
    return score;
}

static int holds(int width, int height) {
    uint8_t *first = draw(width, height), *second = draw(width, height);
    double score = score_of(first, second, width, height);
    int fine = isfinite(score) && score <= 100;
    fine &= score == score_of(first, second, width, height);
    fine &= score_of(first, first, width, height) > 99.9;
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
        if (!holds(width, height)) {
            printf("fault at %d x %d, %ld rounds before the end\n", width, height, round);
            return 1;
        }
    }
    return 0;
}
