#include "faults.h"
#include "picture.h"

fault take_difference(struct scan *scan, struct component *component);

enum { MAX_BITS = 10, LONGEST_RUN = 14, ZERO_RUN = 15 };

static fault first_dc(struct scan *scan, struct component *component, size_t block) {
    (void)block;
    return take_difference(scan, component);
}

static fault refined_dc(struct scan *scan, struct component *component, size_t block) {
    (void)component;
    (void)block;
    hold(&scan->reader);
    skip(&scan->reader, 1);
    return is_short(&scan->reader) ? MISSING : NULL;
}

// Takes the length of a run of blocks without further coefficients, this one included: G.1.2.2.
static int taken_run(struct bit_reader *reader, int bits) { return (1 << bits) + (bits ? take(reader, bits) : 0); }

static fault first_ac(struct scan *scan, struct component *component, size_t block) {
    struct bit_reader *reader = &scan->reader;
    if (scan->end_of_band_run) {
        scan->end_of_band_run--;
        return NULL;
    }
    for (int k = scan->first; k <= scan->last; k++) {
        hold(reader);
        int symbol = take_symbol(reader, component->ac);
        if (symbol == NO_SYMBOL) return NO_CODE;
        int run = symbol >> 4, bits = symbol & 15;
        if (!bits && run <= LONGEST_RUN) {
            scan->end_of_band_run = taken_run(reader, run) - 1;
            break;
        }
        k += run;
        if (!bits) continue;
        if (k > scan->last) return OUTSIDE_BLOCK;
        if (bits + scan->low_bit > MAX_BITS) return TOO_LARGE;
        take_value(reader, bits);
        component->nonzero[block] |= 1ull << k;
        if (is_short(reader)) return MISSING;
    }
    return is_short(reader) ? MISSING : NULL;
}

// Skips the correction bits of the coefficients from `k` on, and `zeros` zero coefficients; returns the place of the
// zero after these, or the one after the band. G.1.2.3.
static int corrected(struct scan *scan, uint64_t nonzero, int k, int zeros) {
    for (; k <= scan->last; k++) {
        if (nonzero >> k & 1) {
            if (scan->reader.count < 1) hold(&scan->reader);
            skip(&scan->reader, 1);
        } else if (zeros-- == 0) break;
    }
    return k;
}

static fault refined_ac(struct scan *scan, struct component *component, size_t block) {
    struct bit_reader *reader = &scan->reader;
    uint64_t *nonzero = &component->nonzero[block];
    int k = scan->first;
    if (!scan->end_of_band_run) {
        for (; k <= scan->last; k++) {
            hold(reader);
            int symbol = take_symbol(reader, component->ac);
            if (symbol == NO_SYMBOL) return NO_CODE;
            int run = symbol >> 4, bits = symbol & 15;
            if (bits > 1) return TOO_LARGE;
            if (!bits && run <= LONGEST_RUN) {
                scan->end_of_band_run = taken_run(reader, run);
                break;
            }
            if (bits) skip(reader, 1); // the sign
            k = corrected(scan, *nonzero, k, run);
            if (bits && k > scan->last) return OUTSIDE_BLOCK;
            if (bits) *nonzero |= 1ull << k;
            if (is_short(reader)) return MISSING;
        }
    }
    if (scan->end_of_band_run) {
        corrected(scan, *nonzero, k, BLOCK);
        scan->end_of_band_run--;
    }
    return is_short(reader) ? MISSING : NULL;
}

block_decoder progressive_decoder(const struct scan *scan) {
    if (!scan->first) return scan->high_bit ? refined_dc : first_dc;
    return scan->high_bit ? refined_ac : first_ac;
}
