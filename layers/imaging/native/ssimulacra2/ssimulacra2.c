#include "ssimulacra2/ssimulacra2.h"

#include <stdlib.h>

#include "power.h"
#include "ssimulacra2/compare.h"
#include "ssimulacra2/weights.h"

enum { SMALLEST_SIDE = 8 }; // of a picture that is halved once more

static int count_scales(int width, int height) {
    int scales = 1;
    for (; scales < SCALES && width >= SMALLEST_SIDE && height >= SMALLEST_SIDE; scales++) {
        width = (width + 1) / 2;
        height = (height + 1) / 2;
    }
    return scales;
}

static double score_of(double error) {
    error *= 0.9562382616834844;
    error = 2.326765642916932 * error - 0.020884521182843837 * error * error +
            6.248496625763138e-05 * error * error * error;
    return error > 0 ? 100 - 10 * power(error, 0.6276336467831387) : 100;
}

// Makes room for the halves; returns -1 if there is no memory.
static int add_halves(Pictures *pictures) {
    for (int picture = 0; picture < 2; picture++) pictures->halves[picture] = new_half(&pictures->levels[picture]);
    return pictures->halves[0].planes && pictures->halves[1].planes ? 0 : -1;
}

// Replaces the pictures by their halves.
static void halve_pictures(Pictures *pictures) {
    for (int picture = 0; picture < 2; picture++) {
        free(pictures->levels[picture].planes);
        pictures->levels[picture] = pictures->halves[picture];
        pictures->halves[picture] = (Level){0};
    }
}

int ssimulacra2(const uint8_t *first, const uint8_t *second, int width, int height, double *score) {
    float table[256];
    fill_linear_of_stored(table);
    Pictures pictures = {.levels = {
        {.width = width, .height = height, .stored = first, .linear_of_stored = table},
        {.width = width, .height = height, .stored = second, .linear_of_stored = table},
    }};
    int scales = count_scales(width, height), failed = 0;
    double error = 0;
    for (int scale = 0; scale < scales && !failed; scale++) {
        if (scale < scales - 1) failed = add_halves(&pictures);
        if (!failed) failed = compare(&pictures, scale, scales, &error);
        halve_pictures(&pictures);
    }
    halve_pictures(&pictures);
    *score = score_of(error);
    return failed;
}
