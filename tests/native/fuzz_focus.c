// Looks for faces and salient parts in random pictures of random sizes, and checks what must hold for every picture.
// tests/native/sanitized.py builds it with sanitizers.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faces/faces.h"
#include "saliency/saliency.h"

#include "random.h"

enum { LONGEST_SIDE = 200 };

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
        int narrow = below(4) == 0;
        int width = 1 + (int)below(narrow ? 24 : LONGEST_SIDE), height = 1 + (int)below(LONGEST_SIDE);
        float threshold = (float)below(10) / 10;
        uint8_t *pixels = draw(width, height);
        if (!faces_hold(pixels, width, height, threshold) || !saliency_holds(pixels, width, height)) {
            printf("fault at %d x %d, %ld rounds before the end\n", width, height, round);
            return 1;
        }
        free(pixels);
    }
    return 0;
}
