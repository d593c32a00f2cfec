#include "ringing.h"

#include <stdbool.h>

#include "dct.h"
#include "numbers.h"

static const float WHITE = 126.4f, BLACK = -127.4f, MOST = 250;

static bool has_clipped(const float *samples, size_t stride) {
    int clipped = 0;
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            float sample = samples[(size_t)y * stride + (size_t)x];
            clipped |= (sample > WHITE) | (sample < BLACK);
        }
    return clipped;
}

void jpeg_allow_overshoot(const float *samples, size_t stride, const struct component *component,
                          float coefficients[64]) {
    if (!has_clipped(samples, stride)) return;
    float quantised[64], decoded[64];
    for (int k = 0; k < 64; k++) {
        float step = component->steps[k];
        quantised[JPEG_ZIGZAG[k]] = step * jpeg_round(coefficients[JPEG_ZIGZAG[k]] / step);
    }
    jpeg_idct(quantised, decoded);
    for (int i = 0; i < 64; i++) {
        float sample = samples[(size_t)(i >> 3) * stride + (size_t)(i & 7)];
        float over = decoded[i] > MOST ? MOST : decoded[i], under = decoded[i] < -MOST ? -MOST : decoded[i];
        if (sample > WHITE && over > sample) sample = over;
        if (sample < BLACK && under < sample) sample = under;
        decoded[i] = sample;
    }
    jpeg_fdct(decoded, 8, coefficients);
}
