// The symbols that the AC scans of a component would have, counted for several ways to divide them into bands.
#ifndef JPEG_TALLY_H
#define JPEG_TALLY_H

#include "component.h"

struct tally {
    uint32_t counts[256];
    uint64_t corrections; // bits without a symbol
    int ended;            // blocks of the present run of EOBn
    int waiting;          // corrections of this run
};

// Bands of a scan with all bits, of one without the last bit, and the scan of the last bits.
enum jpeg_band {
    JPEG_1_TO_2, JPEG_3_TO_63, JPEG_1_TO_5, JPEG_6_TO_63, JPEG_1_TO_63, JPEG_HALVED_1_TO_2, JPEG_HALVED_3_TO_63,
    JPEG_LAST_BITS, JPEG_BAND_COUNT,
};

// Fills a tally for each band, reading every block once.
void jpeg_tally(const struct component *component, struct tally tallies[JPEG_BAND_COUNT]);

// The bits of the scan beside its codes.
uint64_t jpeg_extra_bits(const struct tally *tally);

#endif
