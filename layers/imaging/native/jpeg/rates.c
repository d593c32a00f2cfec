#include "rates.h"

#include <string.h>

#include "numbers.h"
#include "scaled.h"

// Bands of a progressive file: the two lowest frequencies differ most from the others.
static const int FIRST[JPEG_BANDS] = {1, 3}, LAST[JPEG_BANDS] = {2, 63};

// Rounding of the first estimate: about the share of coefficients that the trellis keeps.
static const float DEAD_ZONE = 0.38f;

enum { ZRL = 0xF0 }; // the symbol for sixteen zeros

struct statistics {
    uint32_t symbols[256], blocks, nonempty;
};

static void count(const float scaled[64], uint64_t found, const struct band *band, struct statistics *statistics) {
    found &= jpeg_band(band->first, band->last);
    statistics->blocks++;
    statistics->nonempty += found != 0;
    int before = band->first - 1;
    for (; found; found &= found - 1) {
        int k = __builtin_ctzll(found), run = k - before - 1;
        for (; run > 15; run -= 16) statistics->symbols[ZRL]++;
        statistics->symbols[run << 4 | jpeg_category((int)(scaled[k] + DEAD_ZONE))]++;
        before = k;
    }
}

static double limited(double bits, double most) { return bits < 0.3 ? 0.3 : bits > most ? most : bits; }

static void fill(const double symbol_bits[256], float lambda, struct band *band) {
    for (int run = JPEG_RUNS - 1; run >= 0; run--)
        for (int category = 1; category < JPEG_CATEGORIES; category++) {
            double zeros = (run >> 4) * symbol_bits[ZRL];
            double bits = symbol_bits[(run & 15) << 4 | category] + category;
            float cost = lambda * (float)(zeros + bits);
            bool is_last = run == JPEG_RUNS - 1;
            band->coefficient[run][category] = cost;
            band->at_least[run][category] =
                is_last || cost < band->at_least[run + 1][category] ? cost : band->at_least[run + 1][category];
        }
}

static void set_costs(const struct statistics *statistics, float lambda, bool progressive, struct band *band) {
    // Share of the blocks that have a coefficient. Each of them ends with a symbol, nearly always.
    double share = (statistics->nonempty + 1.0) / (statistics->blocks + 2.0);
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
    struct scales scales = jpeg_scales(component);
    struct statistics statistics[JPEG_BANDS];
    memset(statistics, 0, sizeof statistics);
    rates->bands = progressive ? JPEG_BANDS : 1;
    for (int i = 0; i < rates->bands; i++) {
        rates->band[i].first = progressive ? FIRST[i] : 1;
        rates->band[i].last = progressive ? LAST[i] : 63;
    }
    for (int row = 0; row < component->rows; row += 2)
        for (int column = 0; column < component->columns; column++) {
            float scaled[64];
            const int16_t *block = component->blocks[(size_t)row * component->columns + column];
            uint64_t found = jpeg_scaled(block, &scales, DEAD_ZONE, 1, scaled);
            for (int i = 0; i < rates->bands; i++) count(scaled, found, &rates->band[i], &statistics[i]);
        }
    for (int i = 0; i < rates->bands; i++) set_costs(&statistics[i], lambda, progressive, &rates->band[i]);
}
