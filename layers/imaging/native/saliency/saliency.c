#include "saliency/saliency.h"

#include <math.h>
#include <stdlib.h>

#include "power.h"

enum { CHANNELS = 3, SIDES = 4 };
static const double E = 2.718281828459045;
static const double CENTRE_DEVIATION = 0.3; // photographers place subjects near the centre; fitted in bench/crop.py

// Lightness, blue and red difference (ITU-R BT.601, full range), one plane each, from 0 to 255.
static void separate(const uint8_t *pixels, int count, float *planes) {
    for (int i = 0; i < count; i++) {
        float red = pixels[3 * i], green = pixels[3 * i + 1], blue = pixels[3 * i + 2];
        float light = 0.299f * red + 0.587f * green + 0.114f * blue;
        planes[i] = light;
        planes[count + i] = 128 + 0.564f * (blue - light);
        planes[2 * count + i] = 128 + 0.713f * (red - light);
    }
}

// The best path found so far from the border to each pixel: its distance, and the highest and lowest value on it.
struct paths {
    float *distance, *high, *low;
};

static inline void extend(struct paths paths, const float *plane, int to, int from) {
    float value = plane[to];
    float high = paths.high[from] > value ? paths.high[from] : value;
    float low = paths.low[from] < value ? paths.low[from] : value;
    if (high - low < paths.distance[to]) {
        paths.distance[to] = high - low;
        paths.high[to] = high;
        paths.low[to] = low;
    }
}

static void scan_forward(struct paths paths, const float *plane, int width, int height) {
    for (int y = 1; y < height - 1; y++)
        for (int x = 1; x < width - 1; x++) {
            extend(paths, plane, y * width + x, y * width + x - 1);
            extend(paths, plane, y * width + x, (y - 1) * width + x);
        }
}

static void scan_backward(struct paths paths, const float *plane, int width, int height) {
    for (int y = height - 2; y > 0; y--)
        for (int x = width - 2; x > 0; x--) {
            extend(paths, plane, y * width + x, y * width + x + 1);
            extend(paths, plane, y * width + x, (y + 1) * width + x);
        }
}

static void add_barrier_distance(const float *plane, int width, int height, struct paths paths, float *sum) {
    int count = width * height;
    for (int i = 0; i < count; i++) {
        int x = i % width, y = i / width;
        int at_border = x == 0 || y == 0 || x == width - 1 || y == height - 1;
        paths.distance[i] = at_border ? 0 : INFINITY;
        paths.high[i] = paths.low[i] = plane[i];
    }
    scan_forward(paths, plane, width, height);
    scan_backward(paths, plane, width, height);
    scan_forward(paths, plane, width, height);
    for (int i = 0; i < count; i++) sum[i] += paths.distance[i];
}

// The colours of one strip along a side: their mean, and the inverse of their covariance.
struct strip {
    double mean[CHANNELS], inverse[CHANNELS][CHANNELS];
};

static int in_strip(int x, int y, int width, int height, int side) {
    int shorter = width < height ? width : height, depth = shorter / 10 > 1 ? shorter / 10 : 1;
    int distances[SIDES] = {x, y, width - 1 - x, height - 1 - y};
    return distances[side] < depth;
}

static void invert(double matrix[CHANNELS][CHANNELS], double inverse[CHANNELS][CHANNELS]) {
    double determinant = 0;
    for (int row = 0; row < CHANNELS; row++)
        for (int column = 0; column < CHANNELS; column++) {
            int r1 = (row + 1) % 3, r2 = (row + 2) % 3, c1 = (column + 1) % 3, c2 = (column + 2) % 3;
            inverse[column][row] = matrix[r1][c1] * matrix[r2][c2] - matrix[r1][c2] * matrix[r2][c1];
        }
    for (int column = 0; column < CHANNELS; column++) determinant += matrix[0][column] * inverse[column][0];
    for (int row = 0; row < CHANNELS; row++)
        for (int column = 0; column < CHANNELS; column++) inverse[row][column] /= determinant;
}

static struct strip describe(const float *planes, int width, int height, int side) {
    struct strip strip = {0};
    double moments[CHANNELS][CHANNELS] = {0}, number = 0;
    int count = width * height;
    for (int i = 0; i < count; i++) {
        if (!in_strip(i % width, i / width, width, height, side)) continue;
        number++;
        for (int c = 0; c < CHANNELS; c++) {
            strip.mean[c] += planes[c * count + i];
            for (int d = 0; d < CHANNELS; d++) moments[c][d] += (double)planes[c * count + i] * planes[d * count + i];
        }
    }
    for (int c = 0; c < CHANNELS; c++) strip.mean[c] /= number;
    for (int c = 0; c < CHANNELS; c++)
        for (int d = 0; d < CHANNELS; d++)
            moments[c][d] = moments[c][d] / number - strip.mean[c] * strip.mean[d] + (c == d ? 25 : 0); // never singular
    invert(moments, strip.inverse);
    return strip;
}

// The Mahalanobis distance of a pixel's colour from those of a strip.
static float distance_from(const struct strip *strip, const float *planes, int count, int i) {
    double sum = 0, difference[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) difference[c] = planes[c * count + i] - strip->mean[c];
    for (int c = 0; c < CHANNELS; c++)
        for (int d = 0; d < CHANNELS; d++) sum += difference[c] * strip->inverse[c][d] * difference[d];
    return (float)sqrt(sum > 0 ? sum : 0);
}

// How far each colour is from those of the sides, without the side that it is farthest from: a subject may touch one.
static void measure_contrast(const float *planes, int width, int height, float *contrast) {
    int count = width * height;
    struct strip strips[SIDES];
    for (int side = 0; side < SIDES; side++) strips[side] = describe(planes, width, height, side);
    for (int i = 0; i < count; i++) {
        float sum = 0, farthest = 0;
        for (int side = 0; side < SIDES; side++) {
            float distance = distance_from(&strips[side], planes, count, i);
            sum += distance;
            if (distance > farthest) farthest = distance;
        }
        contrast[i] = sum - farthest;
    }
}

static float maximum(const float *values, int count) {
    float largest = 0;
    for (int i = 0; i < count; i++)
        if (values[i] > largest) largest = values[i];
    return largest > 0 ? largest : 1;
}

// Weights along one side: a normal distribution around its middle.
static void weigh_centre(float *weights, int length) {
    for (int i = 0; i < length; i++) {
        double distance = ((i + 0.5) / length - 0.5) / CENTRE_DEVIATION;
        weights[i] = (float)power(E, -distance * distance / 2);
    }
}

int saliency(const uint8_t *pixels, int width, int height, uint8_t *levels) {
    int count = width * height;
    float *memory = calloc((size_t)count * (CHANNELS + 5), sizeof *memory);
    if (!memory) return -1;
    float *planes = memory, *barrier = planes + (size_t)count * CHANNELS, *contrast = barrier + count;
    struct paths paths = {contrast + count, contrast + (size_t)count * 2, contrast + (size_t)count * 3};
    separate(pixels, count, planes);
    for (int c = 0; c < CHANNELS; c++) add_barrier_distance(planes + (size_t)c * count, width, height, paths, barrier);
    measure_contrast(planes, width, height, contrast);
    float highest = maximum(barrier, count), farthest = maximum(contrast, count);
    float *across = paths.distance, *down = paths.high;
    weigh_centre(across, width);
    weigh_centre(down, height);
    for (int i = 0; i < count; i++) {
        float sum = (barrier[i] / highest + contrast[i] / farthest) / 2;
        levels[i] = (uint8_t)(255 * sum * sum * across[i % width] * down[i / width]);
    }
    free(memory);
    return 0;
}
