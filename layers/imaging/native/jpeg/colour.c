#include "colour.h"

void jpeg_luma_row(const uint8_t *pixels, int channels, int width, float *luma) {
    if (channels == 1) {
        for (int x = 0; x < width; x++) luma[x] = (float)pixels[x] - 128;
        return;
    }
    for (int x = 0; x < width; x++) {
        float red = pixels[3 * x], green = pixels[3 * x + 1], blue = pixels[3 * x + 2];
        luma[x] = 0.299f * red + 0.587f * green + 0.114f * blue - 128;
    }
}

void jpeg_chroma_row(const uint8_t *pixels, int width, float *cb, float *cr) {
    for (int x = 0; x < width; x++) {
        float red = pixels[3 * x], green = pixels[3 * x + 1], blue = pixels[3 * x + 2];
        cb[x] = -0.168735892f * red - 0.331264108f * green + 0.5f * blue;
        cr[x] = 0.5f * red - 0.418687589f * green - 0.081312411f * blue;
    }
}
