#include "faults.h"
#include "picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jpeg/dct.h"

// F.1.2.1 and F.1.2.2: the largest categories of coefficients of 8-bit samples.
enum { MAX_DC_BITS = 11, MAX_AC_BITS = 10, ZERO_RUN = 0xF0 };

// The transform is orthonormal: the coefficients of a block have the norm of its 64 samples, at most 128 each. Encoders
// that ring less at white edges let samples exceed that by up to 31 (MozJPEG), but not a block's mean. Two levels more,
// for pictures that were edited without being decoded.
enum { LARGEST_DC = 8 * (128 + 2), LARGEST_NORM = 8 * (128 + 31 + 2) };

fault take_difference(struct scan *scan, struct component *component) {
    struct bit_reader *reader = &scan->reader;
    if (reader->count < 32) hold(reader);
    int bits = take_symbol(reader, component->dc);
    if (bits == NO_SYMBOL) return NO_CODE;
    if (bits > MAX_DC_BITS) return TOO_LARGE;
    if (bits) component->prediction += take_value(reader, bits);
    if (is_short(reader)) return MISSING;
    // Rounded by up to one step, and in a progressive picture without its lowest bits. The limit also keeps the
    // prediction from overflowing, so it applies to steps of 0 too.
    int64_t unit = (int64_t)1 << scan->low_bit, step = component->steps[0] ? component->steps[0] : 1;
    return (llabs(component->prediction * unit) - unit) * step > LARGEST_DC ? TOO_LARGE : NULL;
}

// The norms of a block's coefficients and of their steps.
struct norms {
    int64_t energy;    // of the coefficients, squared
    uint64_t nonzero;  // AC coefficients, by their place
    int minus_ones;
};

// Takes the AC coefficients of a block, and sets those that are not zero.
static inline fault take_ac(struct bit_reader *reader, const struct huffman_table *table, const uint16_t *steps,
                             int32_t coefficients[BLOCK], struct norms *norms) {
    for (int k = 1; k < BLOCK; k++) {
        if (reader->count < 32) hold(reader);
        int symbol = take_symbol(reader, table), bits = symbol & 15;
        if (symbol == NO_SYMBOL) return NO_CODE;
        k += symbol >> 4;
        if (!bits) {
            if (symbol != ZERO_RUN) return NULL; // the end of the block
            continue;
        }
        if (k >= BLOCK) return OUTSIDE_BLOCK;
        if (bits > MAX_AC_BITS) return TOO_LARGE;
        int value = take_value(reader, bits);
        int64_t level = (int64_t)value * steps[k];
        norms->energy += level * level;
        norms->nonzero |= 1ull << k;
        coefficients[JPEG_ZIGZAG[k]] = (int32_t)level;
        norms->minus_ones += value == -1;
        if (is_short(reader)) return MISSING;
    }
    return NULL;
}

// True if no samples have such coefficients: each is rounded by up to half a step.
static bool is_too_large(const struct norms *norms, const uint16_t *steps) {
    if (norms->energy <= (int64_t)LARGEST_NORM * LARGEST_NORM) return false;
    double rounding = (double)steps[0] * steps[0];
    for (int k = 1; k < BLOCK; k++)
        if (norms->nonzero >> k & 1) rounding += (double)steps[k] * steps[k];
    return sqrt((double)norms->energy) > LARGEST_NORM + sqrt(rounding);
}

fault sequential_block(struct scan *scan, struct component *component, size_t block) {
    struct drawing *drawing = scan->picture->drawing;
    int32_t coefficients[BLOCK];
    if (drawing) memset(coefficients, 0, sizeof coefficients);
    fault found = take_difference(scan, component);
    if (found) return found;
    struct bit_reader reader = scan->reader; // a copy stays in registers
    int64_t dc = (int64_t)component->prediction * component->steps[0];
    struct norms norms = {.energy = dc * dc};
    found = take_ac(&reader, component->ac, component->steps, coefficients, &norms);
    scan->reader = reader;
    if (found) return found;
    if (is_short(&reader)) return MISSING;
    // Zero bytes often mean 63 coefficients of -1, to which no samples can be transformed.
    if (norms.minus_ones == BLOCK - 1) return ZEROS;
    if (is_too_large(&norms, component->steps)) return TOO_LARGE;
    if (!drawing) return NULL;
    uint32_t wide = (uint32_t)component->padded_wide, number = (uint32_t)block;
    coefficients[0] = (int32_t)dc;
    draw_block(drawing, (int)(component - scan->picture->component), (int)(number / wide), (int)(number % wide),
               coefficients, !norms.nonzero);
    return NULL;
}
