#include "faces/faces.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planes.h"
#include "power.h"
#include "weights.h"

enum { SCALES = 3, COARSEST = 32, FIRST_CHANNELS = 16 };
#define MAX_OVERLAP 0.3f // of two faces, as a share of their union
static const double E = 2.718281828459045;

// What the network says of each place at one scale: two confidences and a box.
struct head {
    struct planes class, box, object;
    int step; // pixels from one place to the next
};

// Writes the columns of a row of one colour, with a border of zeros, apart: the even ones, then the odd ones.
static void split_row(const uint8_t *pixels, int width, int y, int height, int colour, int columns, float *even,
                      float *odd) {
    memset(even, 0, sizeof(float) * (size_t)(columns + 1));
    memset(odd, 0, sizeof(float) * (size_t)columns);
    if (y < 0 || y >= height) return;
    const uint8_t *row = pixels + (size_t)y * (size_t)width * 3 + colour;
    for (int x = 0; x < width; x++) {
        if (x % 2) even[(x + 1) / 2] = row[3 * x];
        else odd[x / 2] = row[3 * x];
    }
}

static void add_taps(const float *restrict even, const float *restrict odd, int columns, const float *restrict weights,
                     float *restrict sums) {
    for (int x = 0; x < columns; x++)
        sums[x] = fmaf(weights[2], even[x + 1], fmaf(weights[1], odd[x], fmaf(weights[0], even[x], sums[x])));
}

// The first convolution, 3 x 3 at every second pixel, of the picture in blue, green, red with zeros around it.
static void convolve_picture(const uint8_t *pixels, int width, int height, struct planes output, const float *weights,
                             const float *offsets, float *row) {
    float *even = row, *odd = row + output.width + 1;
    for (int c = 0; c < output.channels; c++)
        for (size_t i = 0; i < output.stride; i++) output.values[(size_t)c * output.stride + i] = offsets[c];
    for (int y = 0; y < output.height; y++)
        for (int tap = 0; tap < 9; tap++) {
            int colour = tap / 3, line = tap % 3;
            split_row(pixels, width, 2 * y + line - 1, height, 2 - colour, output.width, even, odd);
            for (int c = 0; c < output.channels; c++)
                add_taps(even, odd, output.width, weights + c * 27 + colour * 9 + line * 3,
                         output.values + (size_t)c * output.stride + (size_t)y * (size_t)output.width);
        }
    for (size_t i = 0; i < output.stride * (size_t)output.channels; i++)
        if (output.values[i] < 0) output.values[i] = 0;
}

static struct planes first_features(const uint8_t *pixels, int width, int height, const float **weights) {
    int padded_width = (width + COARSEST - 1) / COARSEST * COARSEST;
    int padded_height = (height + COARSEST - 1) / COARSEST * COARSEST;
    struct planes output = new_planes(FIRST_CHANNELS, padded_width / 2, padded_height / 2);
    float *row = malloc(sizeof(float) * (size_t)(padded_width + 1));
    if (output.values && row)
        convolve_picture(pixels, width, height, output, *weights, *weights + FIRST_CHANNELS * 27, row);
    *weights += FIRST_CHANNELS * 28;
    if (!row) {
        free(output.values);
        output.values = NULL;
    }
    free(row);
    return output;
}

static struct planes halved_and_freed(struct planes input) {
    struct planes output = halved(input);
    free(input.values);
    return output;
}

// The network up to its heads: features at an eighth, a sixteenth and a thirty-second of the width.
static void extract_features(const uint8_t *pixels, int width, int height, const float **weights,
                             struct planes features[SCALES]) {
    struct planes planes = first_features(pixels, width, height, weights);
    planes = halved_and_freed(convolved(planes, 16, 1, 0, weights));
    planes = convolved(convolved(planes, 16, 1, 0, weights), 32, 1, 0, weights);
    planes = halved_and_freed(convolved(convolved(planes, 32, 1, 0, weights), 64, 1, 0, weights));
    for (int scale = 0; scale < SCALES; scale++) {
        struct planes input = scale ? halved(features[scale - 1]) : planes;
        features[scale] = convolved(convolved(input, 64, 1, 0, weights), 64, 1, 0, weights);
    }
    for (int scale = SCALES - 1; scale >= 0; scale--) {
        if (scale < SCALES - 1) add_doubled(features[scale], features[scale + 1]);
        features[scale] = convolved(features[scale], 64, 1, 0, weights);
    }
}

static float between_0_and_1(float logit) {
    double bounded = logit < -80 ? -80 : logit > 80 ? 80 : logit;
    return (float)(1 / (1 + power(E, -bounded)));
}

static float side(float logarithm, int step) {
    double bounded = logarithm < -20 ? -20 : logarithm > 20 ? 20 : logarithm;
    return (float)(power(E, bounded) * step);
}

// Appends the faces of one scale; returns the new number of faces.
static size_t read_head(const struct head *head, float threshold, struct face *faces, size_t count) {
    for (int y = 0; y < head->class.height; y++)
        for (int x = 0; x < head->class.width; x++) {
            size_t place = (size_t)y * (size_t)head->class.width + (size_t)x;
            float score = sqrtf(between_0_and_1(head->class.values[place]) *
                                between_0_and_1(head->object.values[place]));
            if (!(score > threshold)) continue;
            const float *box = head->box.values + place;
            size_t stride = head->box.stride;
            float middle = ((float)x + box[0]) * (float)head->step, centre = ((float)y + box[stride]) * (float)head->step;
            float width = side(box[2 * stride], head->step), height = side(box[3 * stride], head->step);
            faces[count++] = (struct face){middle - width / 2, centre - height / 2, middle + width / 2,
                                           centre + height / 2, score};
        }
    return count;
}

static float overlap(float begin, float end, float other_begin, float other_end) {
    float length = (end < other_end ? end : other_end) - (begin > other_begin ? begin : other_begin);
    return length > 0 ? length : 0;
}

static float area(const struct face *face) {
    return (face->right - face->left) * (face->bottom - face->top);
}

static int repeats(const struct face *face, const struct face *better) {
    float common = overlap(face->left, face->right, better->left, better->right) *
                   overlap(face->top, face->bottom, better->top, better->bottom);
    return common > MAX_OVERLAP * (area(face) + area(better) - common);
}

static int by_score(const void *first, const void *second) {
    const struct face *a = first, *b = second;
    if (a->score != b->score) return a->score < b->score ? 1 : -1;
    if (a->left != b->left) return a->left < b->left ? -1 : 1;
    return a->top < b->top ? -1 : a->top > b->top;
}

// Keeps the best of the faces that overlap; returns their number.
static size_t without_repetitions(struct face *faces, size_t count) {
    qsort(faces, count, sizeof *faces, by_score);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t better = 0;
        while (better < kept && !repeats(&faces[i], &faces[better])) better++;
        if (better == kept) faces[kept++] = faces[i];
    }
    return kept;
}

static int read_heads(const struct head heads[SCALES], float threshold, struct face **found, size_t *count) {
    size_t places = 0;
    for (int scale = 0; scale < SCALES; scale++) {
        if (!heads[scale].class.values || !heads[scale].box.values || !heads[scale].object.values) return -1;
        places += (size_t)heads[scale].class.width * (size_t)heads[scale].class.height;
    }
    struct face *faces = malloc(sizeof *faces * places);
    if (!faces) return -1;
    size_t number = 0;
    for (int scale = 0; scale < SCALES; scale++) number = read_head(&heads[scale], threshold, faces, number);
    *count = without_repetitions(faces, number);
    *found = faces;
    return 0;
}

int find_faces(const uint8_t *pixels, int width, int height, float threshold, struct face **found, size_t *count) {
    const float *weights = YUNET;
    struct planes features[SCALES];
    struct head heads[SCALES];
    extract_features(pixels, width, height, &weights, features);
    for (int scale = 0; scale < SCALES; scale++) {
        heads[scale].step = 8 << scale;
        heads[scale].class = convolved(features[scale], 1, 0, 1, &weights);
        heads[scale].box = convolved(features[scale], 4, 0, 1, &weights);
        heads[scale].object = convolved(features[scale], 1, 0, 0, &weights);
    }
    int failed = read_heads(heads, threshold, found, count);
    for (int scale = 0; scale < SCALES; scale++) {
        free(heads[scale].class.values);
        free(heads[scale].box.values);
        free(heads[scale].object.values);
    }
    return failed;
}
