#include "light.h"

#include <stdbool.h>

#include "rgb.h"

// Light as SSIMULACRA2 weighs red, green and blue: the mean of its first two opsin rows.
static const float RED = 0.265f, GREEN = 0.657f, BLUE = 0.078f;

// A cubic close to sRGB's transfer function, and its derivative.
static inline float linear(float v) { return v * (v * (v * 0.305306011f + 0.682171111f) + 0.012522878f); }
static inline float slope(float v) { return v * (v * (3 * 0.305306011f) + 2 * 0.682171111f) + 0.012522878f; }

static inline float limited(float v, float least, float most) {
    v = v < least ? least : v;
    return v > most ? most : v;
}

enum { MOST = 24 }; // levels: beyond, one step of Newton's method is not to be trusted

// White and black stay: a correction would be clipped by the decoder.
static const float WHITE = 126.4f, BLACK = -127.4f;

static inline __attribute__((always_inline)) void correct(const uint8_t *pixels, int channels, int width, const float *restrict cb,
                           const float *restrict cr, float strength, float *restrict luma) {
    const float unit = 1 / 255.0f;
    for (int x = 0; x < width; x++) {
        Colour colour = colour_at(pixels, channels, x);
        float wanted = RED * linear((float)colour.red * unit) + GREEN * linear((float)colour.green * unit) +
                       BLUE * linear((float)colour.blue * unit);
        float y = luma[x] + 128;
        float red = limited((y + 1.402f * cr[x]) * unit, 0, 1);
        float green = limited((y - 0.344136286f * cb[x] - 0.714136286f * cr[x]) * unit, 0, 1);
        float blue = limited((y + 1.772f * cb[x]) * unit, 0, 1);
        float light = RED * linear(red) + GREEN * linear(green) + BLUE * linear(blue);
        float growth = RED * slope(red) + GREEN * slope(green) + BLUE * slope(blue);
        float change = limited(255 * strength * (wanted - light) / (growth + 1e-3f), -MOST, MOST);
        // Without branches, so that the loop becomes one of vectors.
        bool is_clipped = ((luma[x] >= WHITE) & (change > 0)) | ((luma[x] <= BLACK) & (change < 0));
        luma[x] += is_clipped ? 0 : change;
    }
}

void jpeg_correct_light(const uint8_t *pixels, int channels, int width, const float *cb, const float *cr,
                        float strength, float *luma) {
    if (channels == 3)
        correct(pixels, 3, width, cb, cr, strength, luma); // constants make loops of vectors
    else
        correct(pixels, 4, width, cb, cr, strength, luma);
}
