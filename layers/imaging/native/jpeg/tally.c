#include "tally.h"

#include <string.h>

#include "flags.h"
#include "refinement.h"
#include "symbols.h"

// Counts a coefficient of this category behind a run of zeros, or takes it back.
static inline void count(struct tally *tally, int run, int category, uint32_t by) {
    for (; run > 15; run -= 16) tally->counts[JPEG_ZRL] += by;
    tally->counts[run << 4 | category] += by;
}

static inline void count_run(struct tally *tally) {
    if (tally->ended) tally->counts[(jpeg_category(tally->ended) - 1) << 4]++;
    tally->ended = 0;
}

// Counts the ends of blocks: `found` are the block's nonzero coefficients in the band up to `last`.
static inline void count_end(struct tally *tally, uint64_t found, int last) {
    if (found) count_run(tally);
    if (!(found >> last & 1) && ++tally->ended == JPEG_LONGEST_EOB_RUN) count_run(tally);
}

static inline int category_at(const int16_t block[64], int k) { return jpeg_category(block[k]); }

// Counts the first coefficient from `first` on with zeros from there, instead of those behind the coefficient before.
static inline void move_first(struct tally *tally, const int16_t block[64], uint64_t found, int first) {
    uint64_t in_band = found & jpeg_band(first, 63), before = found & ~in_band;
    if (!in_band) return;
    int k = __builtin_ctzll(in_band), last = before ? 63 - __builtin_clzll(before) : 0;
    count(tally, k - last - 1, category_at(block, k), -1u);
    count(tally, k - first, category_at(block, k), 1);
}

// Parts between the places where bands begin: 1 to 2, 3 to 5, 6 to 63.
enum { PARTS = 3 };

static void count_all(struct tally parts[PARTS], const int16_t block[64], uint64_t found) {
    int before = 0;
    for (uint64_t left = found; left; left &= left - 1) {
        int k = __builtin_ctzll(left);
        count(&parts[(k > 2) + (k > 5)], k - before - 1, category_at(block, k), 1);
        before = k;
    }
}

// Counts the band from `first` without the last bit of each coefficient; `found` are those that stay.
static void count_halved(struct tally *tally, const int16_t block[64], uint64_t found, int first, int last) {
    int before = first - 1;
    found &= jpeg_band(first, last);
    for (uint64_t left = found; left; left &= left - 1) {
        int k = __builtin_ctzll(left);
        count(tally, k - before - 1, category_at(block, k) - 1, 1);
        before = k;
    }
    count_end(tally, found, last);
}

// Counts a scan of the last bits: the symbols of the coefficients that become nonzero, and corrections of the others.
static void count_last_bits(struct tally *tally, uint64_t nonzero, uint64_t news) {
    int before = 0;
    uint64_t zeros = ~nonzero;
    if (news) count_run(tally), tally->waiting = 0;
    for (uint64_t left = news; left; left &= left - 1) {
        int k = __builtin_ctzll(left), run = __builtin_popcountll(zeros & jpeg_band(before + 1, k));
        count(tally, run, 1, 1);
        before = k;
    }
    tally->corrections += (unsigned)__builtin_popcountll(nonzero & ~news);
    if (before == 63) return;
    tally->waiting += __builtin_popcountll(nonzero & jpeg_band(before + 1, 63));
    if (++tally->ended == JPEG_LONGEST_EOB_RUN || tally->waiting > JPEG_MOST_WAITING)
        count_run(tally), tally->waiting = 0;
}

static void add(struct tally *tally, const struct tally *part) {
    for (int i = 0; i < 256; i++) tally->counts[i] += part->counts[i];
}

void jpeg_tally(const struct component *component, struct tally tallies[JPEG_BAND_COUNT]) {
    struct tally parts[PARTS];
    memset(parts, 0, sizeof parts);
    memset(tallies, 0, JPEG_BAND_COUNT * sizeof *tallies);
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        const int16_t *block = component->blocks[i];
        uint64_t found = component->nonzero[i];
        count_all(parts, block, found);
        move_first(&tallies[JPEG_3_TO_63], block, found, 3);
        move_first(&tallies[JPEG_6_TO_63], block, found, 6);
        count_end(&tallies[JPEG_1_TO_2], found & jpeg_band(1, 2), 2);
        count_end(&tallies[JPEG_3_TO_63], found & jpeg_band(3, 63), 63);
        count_end(&tallies[JPEG_1_TO_5], found & jpeg_band(1, 5), 5);
        count_end(&tallies[JPEG_6_TO_63], found & jpeg_band(6, 63), 63);
        count_end(&tallies[JPEG_1_TO_63], found, 63);
        uint64_t ones = jpeg_ones(block, found);
        count_last_bits(&tallies[JPEG_LAST_BITS], found, ones);
        found &= ~ones;
        count_halved(&tallies[JPEG_HALVED_1_TO_2], block, found, 1, 2);
        count_halved(&tallies[JPEG_HALVED_3_TO_63], block, found, 3, 63);
    }
    for (int band = 0; band < JPEG_BAND_COUNT; band++) count_run(&tallies[band]);
    add(&tallies[JPEG_1_TO_2], &parts[0]);
    add(&tallies[JPEG_3_TO_63], &parts[1]);
    add(&tallies[JPEG_3_TO_63], &parts[2]);
    add(&tallies[JPEG_1_TO_5], &parts[0]);
    add(&tallies[JPEG_1_TO_5], &parts[1]);
    add(&tallies[JPEG_6_TO_63], &parts[2]);
    for (int part = 0; part < PARTS; part++) add(&tallies[JPEG_1_TO_63], &parts[part]);
}

uint64_t jpeg_extra_bits(const struct tally *tally) {
    uint64_t bits = tally->corrections;
    for (int symbol = 0; symbol < 256; symbol++) {
        int category = symbol & 15, each = category ? category : symbol == JPEG_ZRL ? 0 : symbol >> 4;
        bits += (uint64_t)tally->counts[symbol] * (unsigned)each;
    }
    return bits;
}
