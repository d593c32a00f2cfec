#include "faults.h"
#include "picture.h"

#include <math.h>
#include <stdlib.h>

// F.1.2.1 and F.1.2.2: the largest categories of coefficients of 8-bit samples.
enum { MAX_DC_BITS = 11, MAX_AC_BITS = 10, ZERO_RUN = 0xF0 };

// The transform is orthonormal: the coefficients of a block have the norm of its 64 samples, at most 128 each. Encoders
// that ring less at white edges let samples exceed that by up to 31 (MozJPEG), but not a block's mean. Two levels more,
// for pictures that were edited without being decoded.
enum { LARGEST_DC = 8 * (128 + 2), LARGEST_NORM = 8 * (128 + 31 + 2) };

fault take_difference(struct scan *scan, struct component *component) {
    struct bit_reader *reader = &scan->reader;
    hold(reader);
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

fault sequential_block(struct scan *scan, struct component *component, size_t block) {
    (void)block;
    struct bit_reader *reader = &scan->reader;
    const uint16_t *steps = component->steps;
    fault found = take_difference(scan, component);
    if (found) return found;
    double dc = (double)component->prediction * steps[0];
    double energy = dc * dc, rounding = (double)steps[0] * steps[0];
    int minus_ones = 0;
    for (int k = 1; k < BLOCK; k++) {
        if (reader->count < 32) hold(reader);
        int symbol = take_symbol(reader, component->ac);
        if (symbol == NO_SYMBOL) return NO_CODE;
        int bits = symbol & 15;
        k += symbol >> 4;
        if (!bits) {
            if (symbol != ZERO_RUN) break; // the end of the block
            continue;
        }
        if (k >= BLOCK) return OUTSIDE_BLOCK;
        if (bits > MAX_AC_BITS) return TOO_LARGE;
        int value = take_value(reader, bits);
        minus_ones += value == -1;
        double level = (double)value * steps[k];
        energy += level * level;
        rounding += (double)steps[k] * steps[k];
        if (is_short(reader)) return MISSING;
    }
    if (is_short(reader)) return MISSING;
    // Zero bytes often mean 63 coefficients of -1, to which no samples can be transformed.
    if (minus_ones == BLOCK - 1) return ZEROS;
    return sqrt(energy) > LARGEST_NORM + sqrt(rounding) ? TOO_LARGE : NULL;
}
