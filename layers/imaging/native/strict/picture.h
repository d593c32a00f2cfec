// The state of a check: frame, tables, and as much of the coefficients as later scans need.
#ifndef DARKROOM_STRICT_PICTURE_H
#define DARKROOM_STRICT_PICTURE_H

#include "drawing.h"
#include "tables.h"

#define MAX_COMPONENTS 4
#define BLOCK 64

typedef const char *fault; // NULL: none

struct component {
    uint8_t id, across, down, quantizer;
    int wide, high;      // in blocks
    int padded_wide;     // in blocks of whole MCUs
    uint64_t *nonzero;   // of a progressive picture: a bit for each coefficient of a block, by its place in zigzag order
    int8_t precision[BLOCK]; // the lowest bit decoded so far of a progressive picture; -1 for none
    bool is_scanned;
    const struct huffman_table *dc, *ac; // of the current scan
    const uint16_t *steps; // of its quantizer
    int prediction;
};

struct picture {
    bool is_progressive, has_frame, has_scan, has_end;
    int width, height, components, mcus_wide, mcus_high, restart_interval;
    struct component component[MAX_COMPONENTS];
    uint16_t quantizers[4][BLOCK]; // in zigzag order
    bool has_quantizer[4];
    struct huffman_table dc[4], ac[4];
    bool has_jfif, has_adobe, is_ycbcr; // as libjpeg decides by the markers: jdapimin.c, default_decompress_parms
    int adobe_transform;
    struct drawing *drawing; // NULL for a check without pixels
};

struct scan {
    struct picture *picture;
    struct component *component[MAX_COMPONENTS];
    int components, first, last, high_bit, low_bit; // Ss, Se, Ah and Al: B.2.3
    int end_of_band_run;
    struct bit_reader reader;
};

// Decodes the next block of a component, number `block` of its state.
typedef fault (*block_decoder)(struct scan *scan, struct component *component, size_t block);

fault sequential_block(struct scan *scan, struct component *component, size_t block);
block_decoder progressive_decoder(const struct scan *scan);

// Decodes a scan, up to the marker behind it.
fault decode_scan(struct scan *scan);

#endif
