#include "refinement.h"

#include "flags.h"

// Correction bits that wait for the end of a run of blocks or zeros.
enum { BLOCK = 63, CAPACITY = JPEG_MOST_WAITING + BLOCK };

struct corrections {
    int count, in_block; // all, and those of the present block, which come last
    uint8_t bits[CAPACITY];
};

static void put_corrections(struct symbols *symbols, struct corrections *corrections, int from, int to) {
    for (int i = from; i < to; i++) jpeg_put_bits(symbols->file, corrections->bits[i], 1);
}

// Ends the run of blocks before the present one, with their corrections.
static void end_run(struct symbols *symbols, int *ended, struct corrections *corrections) {
    int before = corrections->count - corrections->in_block;
    if (*ended) jpeg_put_eob_run(symbols, ended);
    put_corrections(symbols, corrections, 0, before);
    for (int i = 0; i < corrections->in_block; i++) corrections->bits[i] = corrections->bits[before + i];
    corrections->count = corrections->in_block;
}

// Writes a symbol of the present block, then the corrections that it has gathered.
static void put_in_block(struct symbols *symbols, int symbol, unsigned bits, int count, int *ended,
                         struct corrections *corrections) {
    end_run(symbols, ended, corrections);
    jpeg_put_symbol(symbols, symbol, bits, count);
    put_corrections(symbols, corrections, 0, corrections->count);
    corrections->count = corrections->in_block = 0;
}

static inline void add(struct corrections *corrections, int value) {
    corrections->bits[corrections->count++] = value & 1;
    corrections->in_block++;
}

static void put_block(const int16_t block[64], uint64_t nonzero, int *ended, struct corrections *corrections,
                      struct symbols *symbols) {
    uint64_t news = jpeg_ones(block, nonzero); // coefficients that become nonzero in this scan
    int run = 0, before = 0;
    corrections->in_block = 0;
    for (; news; nonzero &= nonzero - 1) {
        int k = __builtin_ctzll(nonzero);
        run += k - before - 1;
        before = k;
        // Sixteen zeros are coded only before a new coefficient: else the block ends first.
        for (; run > 15; run -= 16) put_in_block(symbols, JPEG_ZRL, 0, 0, ended, corrections);
        if (news >> k & 1) {
            put_in_block(symbols, run << 4 | 1, block[k] > 0, 1, ended, corrections);
            news ^= 1ull << k;
            run = 0;
        } else
            add(corrections, block[k]);
    }
    for (; nonzero; nonzero &= nonzero - 1) add(corrections, block[__builtin_ctzll(nonzero)]);
    if (before == BLOCK && !corrections->in_block) return;
    corrections->in_block = 0;
    if (++*ended == JPEG_LONGEST_EOB_RUN || corrections->count > JPEG_MOST_WAITING) end_run(symbols, ended, corrections);
}

void jpeg_put_refinement(const struct component *component, struct symbols *symbols) {
    struct corrections corrections = {0};
    int ended = 0;
    for (size_t i = 0; i < jpeg_block_count(component); i++)
        put_block(component->blocks[i], component->nonzero[i], &ended, &corrections, symbols);
    end_run(symbols, &ended, &corrections);
}
