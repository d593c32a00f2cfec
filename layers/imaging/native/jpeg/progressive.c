#include <string.h>

#include "markers.h"
#include "refinement.h"
#include "scans.h"
#include "symbols.h"

static void put_dc(const struct component *component, struct symbols *symbols) {
    int prediction = 0;
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        jpeg_put_value(symbols, 0, component->blocks[i][0] - prediction);
        prediction = component->blocks[i][0];
    }
}

static int magnitude(int value, int low) { return (value < 0 ? -value : value) >> low; }

// The coefficients first to last of a block that are not zero without their `low` last bits.
static uint64_t significant(const struct component *component, size_t index, int first, int last, int low) {
    uint64_t band = (last == 63 ? ~0ull : (1ull << (last + 1)) - 1) & ~((1ull << first) - 1);
    uint64_t found = component->nonzero[index] & band;
    if (!low) return found;
    for (uint64_t left = found; left; left &= left - 1) {
        int k = __builtin_ctzll(left);
        if (!magnitude(component->blocks[index][k], low)) found ^= 1ull << k;
    }
    return found;
}

static void put_ac(const struct component *component, const struct scan *scan, struct symbols *symbols) {
    int ended = 0;
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        const int16_t *block = component->blocks[i];
        int before = scan->first - 1;
        uint64_t left = significant(component, i, scan->first, scan->last, scan->low);
        if (left) jpeg_put_eob_run(symbols, &ended);
        for (; left; left &= left - 1) {
            int k = __builtin_ctzll(left), run = k - before - 1;
            for (; run > 15; run -= 16) jpeg_put_symbol(symbols, JPEG_ZRL, 0, 0);
            int value = magnitude(block[k], scan->low);
            jpeg_put_value(symbols, run, block[k] < 0 ? -value : value);
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
        jpeg_put_refinement(component, scan, symbols);
}

// A scan of one component with its own codes.
struct coded {
    struct scan scan;
    struct huffman huffman;
    double bits; // all of the scan, with its markers
};

static void prepare(const struct component *component, const struct scan *scan, struct coded *coded) {
    struct symbols symbols = {0};
    put_symbols(component, scan, &symbols);
    coded->scan = *scan;
    jpeg_huffman(symbols.counts, &coded->huffman);
    coded->bits = jpeg_scan_overhead(&coded->huffman) + (double)symbols.extra_bits;
    for (int i = 0; i < 256; i++) coded->bits += (double)symbols.counts[i] * coded->huffman.length[i];
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
static const struct scan WAYS[][MOST_SCANS] = {
    {{.first = 1, .last = 2}, {.first = 3, .last = 63}},
    {{.first = 1, .last = 5}, {.first = 6, .last = 63}},
    {{.first = 1, .last = 63}},
    {{.first = 1, .last = 2, .low = 1}, {.first = 3, .last = 63, .low = 1}, {.first = 1, .last = 63, .high = 1}},
};
enum { WAY_COUNT = sizeof WAYS / sizeof *WAYS };

static void put_best_way(struct file *file, const struct component *component, int index) {
    struct coded best[MOST_SCANS], tried[MOST_SCANS];
    double fewest = 1e300;
    for (int way = 0; way < WAY_COUNT; way++) {
        double bits = 0;
        memset(tried, 0, sizeof tried);
        for (int i = 0; i < MOST_SCANS && WAYS[way][i].last; i++) {
            struct scan scan = WAYS[way][i];
            scan.from = scan.to = index;
            prepare(component, &scan, &tried[i]);
            bits += tried[i].bits;
        }
        if (bits < fewest) fewest = bits, memcpy(best, tried, sizeof best);
    }
    for (int i = 0; i < MOST_SCANS && best[i].scan.last; i++) write(file, component, &best[i]);
}

void jpeg_put_progressive(struct file *file, const struct component *components, int count) {
    jpeg_put_header(file, components, count, true);
    for (int c = 0; c < count; c++) {
        struct coded dc;
        prepare(&components[c], &(struct scan){.from = c, .to = c}, &dc);
        write(file, &components[c], &dc);
    }
    for (int c = 0; c < count; c++) put_best_way(file, &components[c], c);
    jpeg_put_end(file);
}
