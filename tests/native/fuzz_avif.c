// Makes planes of random pictures of random sizes for a number of rounds, and checks what must hold for every result.
// tests/native/sanitized.py builds it with sanitizers.

#include <stdio.h>
#include <stdlib.h>

#include "avif/planes.h"
#include "subsampling/shown.h"
#include "subsampling/steps.h"

#include "random.h"

enum { LONGEST_SIDE = 200 };

static uint8_t *allocate(size_t bytes) {
    uint8_t *pixels = malloc(bytes);
    if (!pixels) exit(2);
    return pixels;
}

// Grey stays grey as it is shown, so that no step of colour is lost; of noise, at most every sample of both colours is.
static int is_shown(const struct jpeg_picture *picture, int noisy, uint8_t level) {
    size_t count = (size_t)picture->width * picture->height;
    uint8_t *shown = allocate(4 * count), expected[] = {level, 128, 128, 255};
    if (!shown_subsampled(picture, shown)) exit(2);
    int steps = colour_steps(shown, picture->width, picture->height, 1 + (int)below(255)), fine = steps >= 0;
    for (size_t i = 0; i < 4 * count; i++) fine &= noisy || shown[i] == expected[i % 4];
    free(shown);
    return fine && (size_t)steps <= (noisy ? 2 * count : 0);
}

// Noise or one grey: grey keeps its luma, and has no colour.
static int holds(struct jpeg_picture *picture, bool subsampled) {
    picture->stride = (size_t)picture->width * picture->channels;
    size_t bytes = picture->stride * picture->height, pixels_count = (size_t)picture->width * picture->height;
    size_t planes_bytes = avif_planes_bytes(picture->width, picture->height, subsampled);
    uint8_t *pixels = allocate(bytes), *planes = allocate(planes_bytes), level = (uint8_t)below(256);
    int noisy = (int)below(2), fine = 1;
    for (size_t i = 0; i < bytes; i++) pixels[i] = noisy ? (uint8_t)below(256) : level;
    picture->pixels = pixels;
    if (!avif_planes(picture, subsampled, planes)) exit(2);
    for (size_t i = 0; i < planes_bytes; i++) fine &= noisy || planes[i] == (i < pixels_count ? level : 128);
    fine &= is_shown(picture, noisy, level);
    free(pixels);
    free(planes);
    return fine;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    state = strtoull(arguments[1], NULL, 10);
    for (long round = strtol(arguments[2], NULL, 10); round > 0; round--) {
        int sides[2];
        for (int i = 0; i < 2; i++) sides[i] = 1 + (int)below(below(4) ? LONGEST_SIDE : 4);
        struct jpeg_picture picture = {.width = sides[0], .height = sides[1], .channels = 3 + (int)below(2)};
        if (!holds(&picture, below(2))) {
            printf("fault at %d x %d, %ld rounds before the end\n", sides[0], sides[1], round);
            return 1;
        }
    }
    return 0;
}
