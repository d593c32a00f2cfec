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

static inline fault take_first_ac(struct bit_reader *reader, const struct huffman_table *table, int k, int last,
                                  int low_bit, uint64_t *nonzero, int *end_of_band_run) {
    for (; k <= last; k++) {
        if (reader->count < 32) hold(reader);
        int symbol = take_symbol(reader, table), run = symbol >> 4, bits = symbol & 15;
        if (symbol == NO_SYMBOL) return NO_CODE;
        if (!bits && run <= LONGEST_RUN) {
            *end_of_band_run = taken_run(reader, run) - 1;
            break;
        }
        k += run;
        if (!bits) continue;
        if (k > last) return OUTSIDE_BLOCK;
        if (bits + low_bit > MAX_BITS) return TOO_LARGE;
        skip(reader, bits);
        *nonzero |= 1ull << k;
        if (is_short(reader)) return MISSING;
    }
    return is_short(reader) ? MISSING : NULL;
}

static fault first_ac(struct scan *scan, struct component *component, size_t block) {
    if (scan->end_of_band_run) {
        scan->end_of_band_run--;
        return NULL;
    }
    struct bit_reader reader = scan->reader; // a copy stays in registers
    uint64_t nonzero = component->nonzero[block];
    fault found = take_first_ac(&reader, component->ac, scan->first, scan->last, scan->low_bit, &nonzero,
                                &scan->end_of_band_run);
    scan->reader = reader;
    component->nonzero[block] = nonzero;
    return found;
}

// Skips the correction bits of the coefficients from `k` on, and `zeros` zero coefficients; returns the place of the
// zero after these, or the one after the band. G.1.2.3.
static inline int corrected(struct bit_reader *reader, uint64_t nonzero, int k, int last, int zeros) {
    for (; k <= last; k++) {
        if (nonzero >> k & 1) {
            if (reader->count < 1) hold(reader);
            skip(reader, 1);
        } else if (zeros-- == 0) break;
    }
    return k;
}

static inline fault take_refined_ac(struct bit_reader *reader, const struct huffman_table *table, int k, int last,
                                    uint64_t *nonzero, int *end_of_band_run) {
    if (!*end_of_band_run) {
        for (; k <= last; k++) {
            if (reader->count < 32) hold(reader);
            int symbol = take_symbol(reader, table), run = symbol >> 4, bits = symbol & 15;
            if (symbol == NO_SYMBOL) return NO_CODE;
            if (bits > 1) return TOO_LARGE;
            if (!bits && run <= LONGEST_RUN) {
                *end_of_band_run = taken_run(reader, run);
                break;
            }
            if (bits) skip(reader, 1); // the sign
            k = corrected(reader, *nonzero, k, last, run);
            if (bits && k > last) return OUTSIDE_BLOCK;
            if (bits) *nonzero |= 1ull << k;
            if (is_short(reader)) return MISSING;
        }
    }
    if (*end_of_band_run) {
        uint64_t rest = k > last ? 0 : *nonzero & ~0ull << k & ~0ull >> (BLOCK - 1 - last);
        for (int bits = __builtin_popcountll(rest); bits; bits -= bits < 32 ? bits : 32) {
            if (reader->count < 32) hold(reader);
            skip(reader, bits < 32 ? bits : 32);
        }
        --*end_of_band_run;
    }
    return is_short(reader) ? MISSING : NULL;
}

static fault refined_ac(struct scan *scan, struct component *component, size_t block) {
    struct bit_reader reader = scan->reader; // as above
    uint64_t nonzero = component->nonzero[block];
    fault found = take_refined_ac(&reader, component->ac, scan->first, scan->last, &nonzero, &scan->end_of_band_run);
    scan->reader = reader;
    component->nonzero[block] = nonzero;
    return found;
}

block_decoder progressive_decoder(const struct scan *scan) {
    if (!scan->first) return scan->high_bit ? refined_dc : first_dc;
    return scan->high_bit ? refined_ac : first_ac;
}
