// Compares random pictures of random sizes for a number of rounds, and checks what must hold for every score.
// tests/native/sanitized.py builds it with sanitizers.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ssimulacra2/ssimulacra2.h"

#include "random.h"

enum { LONGEST_SIDE = 300 };

static double score_of(const uint8_t *first, const uint8_t *second, int width, int height) {
    Rgb pictures[2] = {{first, 3}, {second, 3}};
    double score;
    if (ssimulacra2(pictures, width, height, &score)) exit(2);
    return score;
}

// The same with four bytes a pixel.
static double score_of_four(const uint8_t *first, const uint8_t *second, int width, int height) {
    size_t count = (size_t)width * (size_t)height;
    uint8_t *four = malloc(4 * count);
    if (!four) exit(2);
    for (size_t i = 0; i < 4 * count; i++) four[i] = i % 4 < 3 ? second[i / 4 * 3 + i % 4] : (uint8_t)below(256);
    Rgb pictures[2] = {{first, 3}, {four, 4}};
    double score;
    if (ssimulacra2(pictures, width, height, &score)) exit(2);
    free(four);
    return score;
}

static int holds(int width, int height) {
    uint8_t *first = draw(width, height), *second = draw(width, height);
    double score = score_of(first, second, width, height);
    int fine = isfinite(score) && score <= 100;
    fine &= score == score_of(first, second, width, height);
    fine &= score == score_of_four(first, second, width, height);
    fine &= score_of(first, first, width, height) > 99.9;
    free(first);
    free(second);
    return fine;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    state = strtoull(arguments[1], NULL, 10);
    for (long round = strtol(arguments[2], NULL, 10); round > 0; round--) {
        int narrow = below(4) == 0;
        int width = 1 + (int)below(narrow ? 24 : LONGEST_SIDE), height = 1 + (int)below(LONGEST_SIDE);
        if (!holds(width, height)) {
            printf("fault at %d x %d, %ld rounds before the end\n", width, height, round);
            return 1;
        }
    }
    return 0;
}
