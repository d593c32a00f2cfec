#include "chroma.h"

#include <stdlib.h>

#include "colour.h"

static int16_t fixed(float sample) {
    float scaled = sample * JPEG_CHROMA_SCALE;
    return (int16_t)(int)(scaled + (scaled < 0 ? -0.5f : 0.5f));
}

static void store_row(const float *row, int width, int16_t *samples) {
    for (int x = 0; x < width; x++) samples[x] = fixed(row[x]);
}

// Averages 2 x 2 samples of the rows `top` and `bottom`.
static void average(const float *top, const float *bottom, int width, int16_t *samples) {
    for (int x = 0; x < width / 2; x++)
        samples[x] = fixed(0.25f * (top[2 * x] + top[2 * x + 1] + (bottom[2 * x] + bottom[2 * x + 1])));
    if (width & 1) samples[width / 2] = fixed(0.5f * (top[width - 1] + bottom[width - 1]));
}

// One row after interpolation and averaging: the filter 1 6 1 / 8 in both directions. `sums` has room for
// width + 2.
static void blur_row(const int16_t *above, const int16_t *row, const int16_t *below, int width, int *sums,
                     int16_t *blurred) {
    for (int x = 0; x < width; x++) sums[x + 1] = above[x] + 6 * row[x] + below[x];
    sums[0] = sums[1];
    sums[width + 1] = sums[width];
    for (int x = 0; x < width; x++)
        blurred[x] = (int16_t)((sums[x] + 6 * sums[x + 1] + sums[x + 2] + 32) >> 6);
}

static const int16_t *row_of(const struct plane *plane, const int16_t *samples, int y) {
    int inside = y < 0 ? 0 : y >= plane->height ? plane->height - 1 : y;
    return samples + (size_t)inside * plane->width;
}

// Replaces d by d + sharpness * (2 (d - Ad) - (Ad - AAd)): two steps towards the plane whose interpolation,
// averaged again, is d. A is the blur of a decoder's interpolation.
static bool sharpen(struct plane *plane, float sharpness) {
    int width = plane->width;
    int16_t *blurred = malloc((size_t)width * plane->height * sizeof *blurred);
    int16_t *twice = malloc((size_t)width * sizeof *twice);
    int *sums = malloc((size_t)(width + 2) * sizeof *sums);
    bool allocated = blurred && twice && sums;
    for (int y = 0; allocated && y < plane->height; y++)
        blur_row(row_of(plane, plane->samples, y - 1), row_of(plane, plane->samples, y),
                 row_of(plane, plane->samples, y + 1), width, sums, blurred + (size_t)y * width);
    for (int y = 0; allocated && y < plane->height; y++) {
        const int16_t *once = row_of(plane, blurred, y);
        int16_t *sample = plane->samples + (size_t)y * width;
        blur_row(row_of(plane, blurred, y - 1), once, row_of(plane, blurred, y + 1), width, sums, twice);
        for (int x = 0; x < width; x++) {
            float missing = (float)(2 * sample[x] - 3 * once[x] + twice[x]);
            float sharp = (float)sample[x] + sharpness * missing;
            const float most = 127 * JPEG_CHROMA_SCALE, least = -128 * JPEG_CHROMA_SCALE;
            sharp = sharp > most ? most : sharp < least ? least : sharp;
            sample[x] = (int16_t)(int)(sharp + (sharp < 0 ? -0.5f : 0.5f));
        }
    }
    free(blurred);
    free(twice);
    free(sums);
    return allocated;
}

static bool subsample(const struct jpeg_picture *picture, struct plane planes[2], float *rows) {
    int width = picture->width;
    float *top[2] = {rows, rows + width}, *bottom[2] = {rows + 2 * (size_t)width, rows + 3 * (size_t)width};
    for (int y = 0; y < planes[0].height; y++) {
        const uint8_t *pixels = picture->pixels + 2 * (size_t)y * picture->stride;
        bool paired = 2 * y + 1 < picture->height;
        jpeg_chroma_row(pixels, picture->channels, width, top[0], top[1]);
        if (paired) jpeg_chroma_row(pixels + picture->stride, picture->channels, width, bottom[0], bottom[1]);
        for (int c = 0; c < 2; c++)
            average(top[c], paired ? bottom[c] : top[c], width, planes[c].samples + (size_t)y * planes[c].width);
    }
    return true;
}

bool jpeg_chroma_planes(const struct jpeg_picture *picture, float sharpness, struct plane planes[2]) {
    bool subsampled = planes[0].width < picture->width || planes[0].height < picture->height;
    float *rows = malloc(4 * (size_t)picture->width * sizeof *rows);
    if (!rows) return false;
    if (subsampled) {
        subsample(picture, planes, rows);
    } else {
        for (int y = 0; y < picture->height; y++) {
            jpeg_chroma_row(picture->pixels + (size_t)y * picture->stride, picture->channels, picture->width, rows,
                            rows + picture->width);
            for (int c = 0; c < 2; c++)
                store_row(rows + (size_t)c * picture->width, picture->width,
                          planes[c].samples + (size_t)y * picture->width);
        }
    }
    free(rows);
    return !subsampled || (sharpen(&planes[0], sharpness) && sharpen(&planes[1], sharpness));
}

void jpeg_upsampled_row(const uint8_t *decoded, int columns, int rows, int y, int width, float repeated,
                        float *buffer, float *row) {
    int near = y >> 1, far = y & 1 ? near + 1 : near - 1;
    far = far < 0 ? 0 : far >= rows ? rows - 1 : far;
    const uint8_t *nearer = decoded + (size_t)near * columns, *farther = decoded + (size_t)far * columns;
    float *sums = buffer + 1;
    for (int x = 0; x < columns; x++) sums[x] = 0.75f * nearer[x] + 0.25f * farther[x] - 128;
    sums[-1] = sums[0];
    sums[columns] = sums[columns - 1];
    float interpolated = 1 - repeated;
    for (int x = 0; x < width / 2; x++) {
        float own = repeated * ((float)nearer[x] - 128);
        row[2 * x] = own + interpolated * (0.75f * sums[x] + 0.25f * sums[x - 1]);
        row[2 * x + 1] = own + interpolated * (0.75f * sums[x] + 0.25f * sums[x + 1]);
    }
    if (width & 1) {
        int x = columns - 1;
        row[width - 1] = repeated * ((float)nearer[x] - 128) + interpolated * (0.75f * sums[x] + 0.25f * sums[x - 1]);
    }
}
