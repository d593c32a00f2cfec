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
        int narrow = below(4) == 0;
        int width = 1 + (int)below(narrow ? 24 : LONGEST_SIDE), height = 1 + (int)below(LONGEST_SIDE);
        if (!holds(width, height)) {
            printf("fault at %d x %d, %ld rounds before the end\n", width, height, round);
            return 1;
        }
    }
    return 0;
}
