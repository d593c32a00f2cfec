#include <string.h>

#include "flags.h"
#include "markers.h"
#include "refinement.h"
#include "scans.h"
#include "symbols.h"
#include "tally.h"

static void put_dc(const struct component *component, struct symbols *symbols) {
    int prediction = 0;
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        jpeg_put_value(symbols, 0, component->blocks[i][0] - prediction);
        prediction = component->blocks[i][0];
    }
}

static void put_ac(const struct component *component, const struct scan *scan, struct symbols *symbols) {
    int ended = 0;
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        const int16_t *block = component->blocks[i];
        int before = scan->first - 1;
        uint64_t left = component->nonzero[i] & jpeg_band(scan->first, scan->last);
        if (scan->low) left &= ~jpeg_ones(block, left);
        if (left) jpeg_put_eob_run(symbols, &ended);
        for (; left; left &= left - 1) {
            int k = __builtin_ctzll(left), run = k - before - 1;
            for (; run > 15; run -= 16) jpeg_put_symbol(symbols, JPEG_ZRL, 0, 0);
            jpeg_put_value(symbols, run, block[k] / (1 << scan->low)); // rounds towards 0
            before = k;
        }
        if (before < scan->last && ++ended == JPEG_LONGEST_EOB_RUN) jpeg_put_eob_run(symbols, &ended);
    }
    jpeg_put_eob_run(symbols, &ended);
}

static void put_symbols(const struct component *component, const struct scan *scan, struct symbols *symbols) {
    if (scan->last == 0)
        put_dc(component, symbols);
    else if (scan->high == 0)
        put_ac(component, scan, symbols);
    else
        jpeg_put_refinement(component, symbols);
}

// A scan of one component with its own codes.
struct coded {
    struct scan scan;
    struct huffman huffman;
    double bits; // all of the scan, with its markers
};

static void prepare(const uint32_t counts[256], uint64_t extra_bits, struct coded *coded) {
    jpeg_huffman(counts, &coded->huffman);
    coded->bits = jpeg_scan_overhead(&coded->huffman) + (double)extra_bits;
    for (int i = 0; i < 256; i++) coded->bits += (double)counts[i] * coded->huffman.length[i];
}

static void write(struct file *file, const struct component *component, const struct coded *coded) {
    struct symbols symbols = {.file = file, .huffman = &coded->huffman};
    jpeg_put_table(file, coded->scan.last > 0, 0, &coded->huffman);
    jpeg_put_scan(file, &coded->scan);
    // A 64th for the zero bytes after 0xFF.
    jpeg_reserve(file, (size_t)(coded->bits / 8 * (1 + 1 / 64.0)) + 64);
    put_symbols(component, &coded->scan, &symbols);
    jpeg_end_bits(file);
}

// Ways to code the AC coefficients of a component: in bands, and at first without their last bit.
enum { MOST_SCANS = 3 };
static const struct way {
    struct scan scans[MOST_SCANS];
    enum jpeg_band bands[MOST_SCANS];
} WAYS[] = {
    {{{.first = 1, .last = 2}, {.first = 3, .last = 63}}, {JPEG_1_TO_2, JPEG_3_TO_63}},
    {{{.first = 1, .last = 5}, {.first = 6, .last = 63}}, {JPEG_1_TO_5, JPEG_6_TO_63}},
    {{{.first = 1, .last = 63}}, {JPEG_1_TO_63}},
    {{{.first = 1, .last = 2, .low = 1}, {.first = 3, .last = 63, .low = 1}, {.first = 1, .last = 63, .high = 1}},
     {JPEG_HALVED_1_TO_2, JPEG_HALVED_3_TO_63, JPEG_LAST_BITS}},
};
enum { WAY_COUNT = sizeof WAYS / sizeof *WAYS };

static void put_best_way(struct file *file, const struct component *component, int index) {
    struct tally tallies[JPEG_BAND_COUNT];
    struct coded best[MOST_SCANS], tried[MOST_SCANS];
    double fewest = 1e300;
    jpeg_tally(component, tallies);
    for (const struct way *way = WAYS; way < WAYS + WAY_COUNT; way++) {
        double bits = 0;
        memset(tried, 0, sizeof tried);
        for (int i = 0; i < MOST_SCANS && way->scans[i].last; i++) {
            const struct tally *tally = &tallies[way->bands[i]];
            tried[i].scan = way->scans[i];
            tried[i].scan.from = tried[i].scan.to = index;
            prepare(tally->counts, jpeg_extra_bits(tally), &tried[i]);
            bits += tried[i].bits;
        }
        if (bits < fewest) fewest = bits, memcpy(best, tried, sizeof best);
    }
    for (int i = 0; i < MOST_SCANS && best[i].scan.last; i++) write(file, component, &best[i]);
}

void jpeg_put_progressive(struct file *file, const struct component *components, int count) {
    jpeg_put_header(file, components, count, true);
    for (int c = 0; c < count; c++) {
        struct coded dc = {.scan = {.from = c, .to = c}};
        struct symbols symbols = {0};
        put_dc(&components[c], &symbols);
        prepare(symbols.counts, symbols.extra_bits, &dc);
        write(file, &components[c], &dc);
    }
    for (int c = 0; c < count; c++) put_best_way(file, &components[c], c);
    jpeg_put_end(file);
}
