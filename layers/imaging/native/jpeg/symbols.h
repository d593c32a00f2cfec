// Symbols of a scan: counted first, then written with the codes fitted to the counts.
#ifndef JPEG_SYMBOLS_H
#define JPEG_SYMBOLS_H

#include "bits.h"
#include "huffman.h"
#include "numbers.h"

enum { JPEG_EOB = 0x00, JPEG_ZRL = 0xF0, JPEG_LONGEST_EOB_RUN = 0x7FFF };

struct symbols {
    struct file *file; // NULL while counting
    const struct huffman *huffman;
    uint32_t counts[256];
    uint64_t extra_bits;
};

// A symbol and the bits that follow it.
static inline void jpeg_put_symbol(struct symbols *symbols, int symbol, unsigned bits, int count) {
    if (symbols->file) {
        uint32_t code = (uint32_t)symbols->huffman->code[symbol] << count | (bits & ((1u << count) - 1));
        jpeg_put_bits(symbols->file, code, symbols->huffman->length[symbol] + count);
    } else {
        symbols->counts[symbol]++;
        symbols->extra_bits += (unsigned)count;
    }
}

// EOBn: ends a run of blocks (T.81, G.1.2.2).
static inline void jpeg_put_eob_run(struct symbols *symbols, int *run) {
    if (!*run) return;
    int bits = jpeg_category(*run) - 1;
    jpeg_put_symbol(symbols, bits << 4, (unsigned)*run, bits);
    *run = 0;
}

// A run of zeros and the value behind it; for DC, a run of 0 and a difference.
static inline void jpeg_put_value(struct symbols *symbols, int run, int value) {
    int category = jpeg_category(value);
    jpeg_put_symbol(symbols, run << 4 | category, (unsigned)(value < 0 ? value - 1 : value), category);
}

#endif
