#include "rates.h"

#include <string.h>

#include "numbers.h"

// Bands of a progressive file: the two lowest frequencies differ most from the others.
static const int FIRST[JPEG_BANDS] = {1, 3}, LAST[JPEG_BANDS] = {2, 63};

// Rounding of the first estimate: about the share of coefficients that the trellis keeps.
static const float DEAD_ZONE = 0.38f;

enum { ZRL = 0xF0 }; // the symbol for sixteen zeros

struct statistics {
    double symbols[256], blocks, nonempty;
};

static void count(const int16_t block[64], const float inverse[64], const struct band *band,
                  struct statistics *statistics) {
    int run = 0, found = 0;
    for (int k = band->first; k <= band->last; k++) {
        float scaled = (float)(block[k] < 0 ? -block[k] : block[k]) * inverse[k];
        int value = (int)(scaled + DEAD_ZONE);
        if (!value) {
            run++;
            continue;
        }
        for (; run > 15; run -= 16) statistics->symbols[ZRL]++;
        statistics->symbols[run << 4 | jpeg_category(value)]++;
        run = 0, found = 1;
    }
    statistics->blocks++;
    statistics->nonempty += found;
}

static double limited(double bits, double most) { return bits < 0.3 ? 0.3 : bits > most ? most : bits; }

static void fill(const double symbol_bits[256], float lambda, struct band *band) {
    for (int run = 0; run < JPEG_RUNS; run++)
        for (int category = 1; category < JPEG_CATEGORIES; category++) {
            double zeros = (run >> 4) * symbol_bits[ZRL];
            double bits = symbol_bits[(run & 15) << 4 | category] + category;
            band->coefficient[run][category] = lambda * (float)(zeros + bits);
        }
}

static void set_costs(const struct statistics *statistics, float lambda, bool progressive, struct band *band) {
    // Share of the blocks that have a coefficient. Each of them ends with a symbol, nearly always.
    double share = (statistics->nonempty + 1) / (statistics->blocks + 2);
    double ends = progressive ? statistics->nonempty * (share > 0.98 ? 0.98 : 1) : statistics->blocks;
    double total = ends + 30, symbol_bits[256];
    for (int i = 0; i < 256; i++) total += statistics->symbols[i];
    for (int i = 0; i < 256; i++) symbol_bits[i] = limited(-jpeg_log2((statistics->symbols[i] + 0.3) / total), 16);
    fill(symbol_bits, lambda, band);
    double end = -jpeg_log2((ends + 0.3) / total);
    if (progressive) {
        // EOBn has the bits of its run of empty blocks, 1 / share on average.
        double run_bits = -jpeg_log2(share);
        double bits = end + run_bits + (run_bits > 0.5 ? 1 : run_bits);
        band->end = lambda * (float)limited(bits, 24);
        band->empty = lambda * (float)(share / 0.69314718);
    } else {
        band->end = band->empty = lambda * (float)limited(end, 16);
    }
}

void jpeg_rates(const struct component *component, float lambda, bool progressive, struct rates *rates) {
    float inverse[64];
    for (int k = 0; k < 64; k++) inverse[k] = 1.0f / (float)(JPEG_COEFFICIENT_SCALE * component->steps[k]);
    rates->bands = progressive ? JPEG_BANDS : 1;
    for (int i = 0; i < rates->bands; i++) {
        struct band *band = &rates->band[i];
        struct statistics statistics;
        memset(&statistics, 0, sizeof statistics);
        band->first = progressive ? FIRST[i] : 1;
        band->last = progressive ? LAST[i] : 63;
        for (int row = 0; row < component->rows; row += 2)
            for (int column = 0; column < component->columns; column++)
                count(component->blocks[(size_t)row * component->columns + column], inverse, band, &statistics);
        set_costs(&statistics, lambda, progressive, band);
    }
}
