#include "colour.h"

#include "rgb.h"

static inline void luma_row(const uint8_t *pixels, int channels, int width, float *restrict luma) {
    for (int x = 0; x < width; x++) {
        Colour colour = colour_at(pixels, channels, x);
        float red = (float)colour.red, green = (float)colour.green, blue = (float)colour.blue;
        luma[x] = 0.299f * red + 0.587f * green + 0.114f * blue - 128;
    }
}

void jpeg_luma_row(const uint8_t *pixels, int channels, int width, float *luma) {
    if (channels == 1)
        for (int x = 0; x < width; x++) luma[x] = (float)pixels[x] - 128;
    else if (channels == 3)
        luma_row(pixels, 3, width, luma); // constants make loops of vectors
    else
        luma_row(pixels, 4, width, luma);
}

static inline void chroma_row(const uint8_t *pixels, int channels, int width, float *restrict cb, float *restrict cr) {
    for (int x = 0; x < width; x++) {
        Colour colour = colour_at(pixels, channels, x);
        float red = (float)colour.red, green = (float)colour.green, blue = (float)colour.blue;
        cb[x] = -0.168735892f * red - 0.331264108f * green + 0.5f * blue;
        cr[x] = 0.5f * red - 0.418687589f * green - 0.081312411f * blue;
    }
}

void jpeg_chroma_row(const uint8_t *pixels, int channels, int width, float *cb, float *cr) {
    if (channels == 3)
        chroma_row(pixels, 3, width, cb, cr);
    else
        chroma_row(pixels, 4, width, cb, cr);
}
