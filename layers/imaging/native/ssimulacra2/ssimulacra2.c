#include "ssimulacra2/ssimulacra2.h"

#include <stddef.h>

#include "power.h"
#include "ssimulacra2/linear.h"
#include "ssimulacra2/scale.h"

enum { SMALLEST_SIDE = 8 }; // of a picture that is halved once more

static int count_scales(int width, int height) {
    int scales = 1;
    for (; scales < SCALES && width >= SMALLEST_SIDE && height >= SMALLEST_SIDE; scales++) {
        width = (width + 1) / 2;
        height = (height + 1) / 2;
    }
    return scales;
}

// Makes all scales; returns -1 if there is no memory, else 0.
static int make_scales(Scale scales[SCALES], int count, int width, int height) {
    int failed = 0;
    for (int index = 0; index < count; index++) {
        failed |= make_scale(&scales[index], index, count, width, height);
        if (index) scales[index - 1].half = &scales[index];
        width = (width + 1) / 2;
        height = (height + 1) / 2;
    }
    return failed;
}

static double score_of(double error) {
    error *= 0.9562382616834844;
    error = 2.326765642916932 * error - 0.020884521182843837 * error * error +
            6.248496625763138e-05 * error * error * error;
    return error > 0 ? 100 - 10 * power(error, 0.6276336467831387) : 100;
}

int ssimulacra2(const Rgb pictures[2], int width, int height, double *score) {
    float table[256];
    Scale scales[SCALES];
    int count = count_scales(width, height), failed = make_scales(scales, count, width, height);
    double error = 0;
    fill_linear_of_stored(table);
    for (int y = 0; y < height && !failed; y++) {
        for (int picture = 0; picture < 2; picture++) {
            const Rgb *rgb = &pictures[picture];
            size_t place = (size_t)y * (size_t)width * (size_t)rgb->bytes_each;
            linear_of_stored(rgb->pixels + place, rgb->bytes_each, table, next_row(&scales[0], picture), width);
        }
        add_row(&scales[0]);
    }
    for (int index = 0; index < count; index++) {
        error += error_of(&scales[index]);
        free_scale(&scales[index]);
    }
    *score = score_of(error);
    return failed;
}
