#include "avif/planes.h"

#include <stdlib.h>

#include "jpeg/chroma.h"
#include "jpeg/colour.h"
#include "jpeg/light.h"

// The shares of both corrections. Between 0.25 and 0.75, SHARPNESS changes the bytes at equal score by less than 0.3%.
static const float SHARPNESS = 0.5f, LIGHT = 1;
// The weight of decoders that repeat chroma: every browser interpolates it.
static const float REPEATED = 0;

static int halved(int side) { return side / 2 + side % 2; }

size_t avif_planes_bytes(int width, int height, bool subsampled) {
    size_t pixels = (size_t)width * height;
    return pixels + 2 * (subsampled ? (size_t)halved(width) * halved(height) : pixels);
}

static inline uint8_t byte_of(float sample) {
    float level = sample + 128.5f;
    level = level < 0 ? 0 : level;
    return (uint8_t)(int)(level > 255 ? 255 : level);
}

static void store(const float *row, int width, uint8_t *bytes) {
    for (int x = 0; x < width; x++) bytes[x] = byte_of(row[x]);
}

static void full_planes(const struct jpeg_picture *picture, uint8_t *planes, float *rows) {
    int width = picture->width;
    size_t pixels = (size_t)width * picture->height;
    for (int y = 0; y < picture->height; y++) {
        const uint8_t *source = picture->pixels + (size_t)y * picture->stride;
        jpeg_luma_row(source, picture->channels, width, rows);
        jpeg_chroma_row(source, picture->channels, width, rows + width, rows + 2 * (size_t)width);
        for (int i = 0; i < 3; i++) store(rows + i * (size_t)width, width, planes + i * pixels + (size_t)y * width);
    }
}

static bool subsampled_chroma(const struct jpeg_picture *picture, uint8_t *chroma[2]) {
    int width = halved(picture->width), height = halved(picture->height);
    size_t samples = (size_t)width * height;
    int16_t *both = malloc(2 * samples * sizeof *both);
    if (!both) return false;
    struct plane planes[2] = {{width, height, both}, {width, height, both + samples}};
    bool done = jpeg_chroma_planes(picture, SHARPNESS, planes);
    for (int i = 0; done && i < 2; i++)
        for (size_t at = 0; at < samples; at++)
            chroma[i][at] = byte_of(planes[i].samples[at] * (1.0f / JPEG_CHROMA_SCALE));
    free(both);
    return done;
}

static void corrected_luma(const struct jpeg_picture *picture, uint8_t *const chroma[2], uint8_t *luma, float *rows) {
    int width = picture->width, columns = halved(width), lines = halved(picture->height);
    float *cb = rows + width, *cr = cb + width, *buffer = cr + width;
    for (int y = 0; y < picture->height; y++) {
        const uint8_t *source = picture->pixels + (size_t)y * picture->stride;
        jpeg_luma_row(source, picture->channels, width, rows);
        jpeg_upsampled_row(chroma[0], columns, lines, y, width, REPEATED, buffer, cb);
        jpeg_upsampled_row(chroma[1], columns, lines, y, width, REPEATED, buffer, cr);
        jpeg_correct_light(source, picture->channels, width, cb, cr, LIGHT, rows);
        store(rows, width, luma + (size_t)y * width);
    }
}

bool avif_planes(const struct jpeg_picture *picture, bool subsampled, uint8_t *planes) {
    size_t width = (size_t)picture->width, pixels = width * picture->height;
    // A row each of Y, Cb and Cr, and room to upsample them.
    float *rows = malloc((4 * width + 3) * sizeof *rows);
    bool done = rows;
    if (done && subsampled) {
        uint8_t *chroma[2] = {planes + pixels, planes + pixels + (size_t)halved(picture->width) * halved(picture->height)};
        done = subsampled_chroma(picture, chroma);
        if (done) corrected_luma(picture, chroma, planes, rows);
    } else if (done) {
        full_planes(picture, planes, rows);
    }
    free(rows);
    return done;
}
