#include "decoder/idct.h"

#include <string.h>

#include "jpeg/transpose.h"

// Eight integers, one per column or row.
typedef int32_t integers __attribute__((vector_size(32)));

// Rounds after a division by 2 ** bits.
static inline integers descaled(integers x, int bits) { return (x + (1 << (bits - 1))) >> bits; }

// One dimension of libjpeg's "islow" transform (jidctint.c): after C. Loeffler, A. Ligtenberg and G. Moschytz, 1989, in
// integers of 13 bits behind the point.
enum { FRACTION_BITS = 13, FIRST_PASS_BITS = 2 };

static inline void inverse(integers x[8], int bits) {
    integers common = (x[2] + x[6]) * 4433, low = common - x[6] * 15137, high = common + x[2] * 6270;
    integers sum = (x[0] + x[4]) * (1 << FRACTION_BITS), difference = (x[0] - x[4]) * (1 << FRACTION_BITS);
    integers even[4] = {sum + high, difference + low, difference - low, sum - high};

    integers rotation = (x[7] + x[3] + x[5] + x[1]) * 9633;
    integers a = (x[7] + x[1]) * -7373, b = (x[5] + x[3]) * -20995;
    integers c = (x[7] + x[3]) * -16069 + rotation, d = (x[5] + x[1]) * -3196 + rotation;
    integers odd[4] = {
        x[1] * 12299 + a + d, x[3] * 25172 + b + c, x[5] * 16819 + b + d, x[7] * 2446 + a + c,
    };
    for (int i = 0; i < 4; i++) {
        x[i] = descaled(even[i] + odd[i], bits);
        x[7 - i] = descaled(even[i] - odd[i], bits);
    }
}

static inline void transpose(integers x[8]) {
    lanes same_bits[8];
    memcpy(same_bits, x, sizeof same_bits);
    jpeg_transpose(same_bits);
    memcpy(x, same_bits, sizeof same_bits);
}

static inline uint8_t sample_of(int level) {
    level += 128;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

void decoder_flat(int dc, uint8_t *samples, size_t stride, int side) {
    int level = (dc * (1 << FIRST_PASS_BITS) + 16) >> 5;
    for (int y = 0; y < side; y++) memset(samples + (size_t)y * stride, sample_of(level), (size_t)side);
}

void decoder_idct_8(const int32_t coefficients[64], uint8_t *samples, size_t stride) {
    integers x[8];
    memcpy(x, coefficients, sizeof x);
    inverse(x, FRACTION_BITS - FIRST_PASS_BITS);
    transpose(x);
    inverse(x, FRACTION_BITS + FIRST_PASS_BITS + 3);
    transpose(x);
    int32_t levels[64];
    uint8_t bytes[64];
    memcpy(levels, x, sizeof x);
    for (int i = 0; i < 64; i++) bytes[i] = sample_of(levels[i]);
    for (int y = 0; y < 8; y++) memcpy(samples + (size_t)y * stride, bytes + 8 * y, 8);
}

// One dimension, from eight coefficients to four values; the fifth is not used.
static inline void inverse_reduced(integers x[8], int bits) {
    integers sum = x[0] * (1 << (FRACTION_BITS + 1)), turned = x[2] * 15137 - x[6] * 6270;
    integers even[2] = {sum + turned, sum - turned};
    integers inner = x[1] * 8697 - x[3] * 17799 + x[5] * 11893 - x[7] * 1730;
    integers outer = x[1] * 20995 + x[3] * 7373 - x[5] * 4926 - x[7] * 4176;
    x[0] = descaled(even[0] + outer, bits + 1);
    x[3] = descaled(even[0] - outer, bits + 1);
    x[1] = descaled(even[1] + inner, bits + 1);
    x[2] = descaled(even[1] - inner, bits + 1);
}

void decoder_idct_4(const int32_t coefficients[64], uint8_t *samples, size_t stride) {
    integers x[8];
    memcpy(x, coefficients, sizeof x);
    inverse_reduced(x, FRACTION_BITS - FIRST_PASS_BITS);
    for (int i = 4; i < 8; i++) x[i] = (integers){0};
    transpose(x);
    inverse_reduced(x, FRACTION_BITS + FIRST_PASS_BITS + 3);
    for (int y = 0; y < 4; y++)
        for (int i = 0; i < 4; i++) samples[(size_t)y * stride + (size_t)i] = sample_of(x[i][y]);
}
