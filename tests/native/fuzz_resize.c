// Resizes random pictures of random sizes for a number of rounds, and checks what must hold for every result.
// tests/native/sanitized.py builds it with sanitizers.

#include <stdio.h>
#include <stdlib.h>

#include "resize/resize.h"

#include "random.h"

enum { LONGEST_SIDE = 200 };

static uint8_t *allocate(size_t bytes) {
    uint8_t *pixels = malloc(bytes);
    if (!pixels) exit(2);
    return pixels;
}

// Noise or one colour: one colour stays the same.
static int holds(Picture *picture, int width, int height) {
    size_t bytes = (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels;
    size_t resized_bytes = (size_t)width * (size_t)height * (size_t)picture->channels;
    uint8_t *pixels = allocate(bytes), *resized = allocate(resized_bytes), level = (uint8_t)below(256);
    int noisy = (int)below(2);
    for (size_t i = 0; i < bytes; i++) pixels[i] = noisy ? (uint8_t)below(256) : level;
    picture->pixels = pixels;
    double left = below(1000) / 1001.0 * picture->width, top = below(1000) / 1001.0 * picture->height;
    double across = (1 + below(1000)) / 1000.0, down = (1 + below(1000)) / 1000.0;
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
        for (int i = 0; i < 4; i++) sides[i] = 1 + (int)below(below(4) ? LONGEST_SIDE : 4);
        Picture picture = {.width = sides[0], .height = sides[1], .channels = 1 + (int)below(MAX_CHANNELS)};
        if (!holds(&picture, sides[2], sides[3])) {
            printf("fault at %d x %d, %ld rounds before the end\n", sides[0], sides[1], round);
            return 1;
        }
    }
    return 0;
}
