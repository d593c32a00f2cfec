#include "resize/lanczos.h"

#include <math.h>
#include <stdlib.h>

static const double PI = 3.141592653589793;
static const int LOBES = 3;

// sin(pi x), within 1e-9: libraries' sines differ between processors.
static double sine_of_pi(double x) {
    x -= 2 * floor(x / 2 + 0.5); // from -1 to 1
    if (x > 0.5) x = 1 - x;
    if (x < -0.5) x = -1 - x;
    double angle = PI * x, square = angle * angle, term = angle, sum = angle;
    for (int i = 2; i < 14; i += 2) {
        term *= -square / (i * (i + 1));
        sum += term;
    }
    return sum;
}

static double lanczos(double x) {
    if (x == 0) return 1;
    if (fabs(x) >= LOBES) return 0;
    return LOBES * sine_of_pi(x) * sine_of_pi(x / LOBES) / (PI * PI * x * x);
}

// Fills in the weights of one value around `centre`, so that their sum is 1.
static void fill(const Weights *weights, int index, int length, double centre, double scale) {
    float *values = weights->weights + (size_t)index * (size_t)weights->count;
    int first = (int)fmax(0, floor(centre - LOBES * scale + 0.5));
    if (first > length - weights->count) first = length - weights->count;
    float sum = 0;
    for (int i = 0; i < weights->count; i++) sum += values[i] = (float)lanczos((first + i + 0.5 - centre) / scale);
    for (int i = 0; i < weights->count; i++) values[i] /= sum;
    weights->first[index] = first;
}

int make_weights(Weights *weights, int length, int size, double begin, double end) {
    double step = (end - begin) / size, scale = fmax(1, step);
    double count = ceil(2 * LOBES * scale) + 1;
    weights->count = count < length ? (int)count : length;
    weights->first = calloc((size_t)size, sizeof(int));
    weights->weights = calloc((size_t)size * (size_t)weights->count, sizeof(float));
    if (!weights->first || !weights->weights) return -1;
    for (int i = 0; i < size; i++) fill(weights, i, length, begin + (i + 0.5) * step, scale);
    return 0;
}

void free_weights(Weights *weights) {
    free(weights->first);
    free(weights->weights);
}
