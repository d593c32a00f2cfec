#include "trellis.h"

#include <stdlib.h>
#include <string.h>

#include "numbers.h"
#include "scaled.h"

enum { MAX_AC = 1023 }; // T.81, table F.2

// The coefficients of a band that round to at least 1 are the nodes of the trellis; node 0 is the start of the band.
struct nodes {
    int position[64], chosen[64], previous[64];
    float cost[64];  // the cheapest way to end here
    float least[64]; // the least cost of this node and those before it
};

// Changes of the squared error against zero: with the rounded value, and with the largest value of the category
// below, if that is one less.
struct change {
    int value;
    float error, lower_error;
    bool has_lower;
};

static struct change change_of(float scaled, float weight) {
    int value = (int)(scaled + 0.5f);
    if (value > MAX_AC) value = MAX_AC;
    float error = scaled - (float)value, lower = error + 1, zero = scaled * scaled;
    return (struct change){
        .value = value,
        .error = weight * (error * error - zero),
        .lower_error = weight * (lower * lower - zero),
        .has_lower = value > 1 && !(value & (value - 1)),
    };
}

// Finds the cheapest node before node `index`. Costs are rounded monotonically: those that are left can't be below
// a sum of the least ones, so the search ends there.
static void connect(const struct band *band, struct nodes *nodes, int index, const struct change *change) {
    int category = jpeg_category(change->value), position = nodes->position[index], previous = 0;
    float best = 1e30f;
    bool is_lower = false;
    for (int i = index - 1; i >= 0; i--) {
        int run = position - nodes->position[i] - 1;
        const float *bits = band->coefficient[run] + category, *least = band->at_least[run] + category;
        bool ends = nodes->least[i] + least[0] + change->error >= best;
        if (ends && (!change->has_lower || nodes->least[i] + least[-1] + change->lower_error >= best)) break;
        float cost = nodes->cost[i] + bits[0] + change->error;
        if (cost < best) best = cost, previous = i, is_lower = false;
        if (!change->has_lower) continue;
        cost = nodes->cost[i] + bits[-1] + change->lower_error;
        if (cost < best) best = cost, previous = i, is_lower = true;
    }
    nodes->cost[index] = best;
    nodes->previous[index] = previous;
    nodes->chosen[index] = change->value - is_lower;
    nodes->least[index] = best < nodes->least[index - 1] ? best : nodes->least[index - 1];
}

// Weights of a block's squared errors in units of the steps: `equal` for all coefficients, and for each by its step.
struct weights {
    float equal, by_step;
    float ratios[64]; // of the squares of the steps to that of frequency (1, 1)
};

// Quantises the coefficients of a band that are `found`; returns those that are not zero.
static uint64_t quantise_band(const int16_t block[64], const float scaled[64], uint64_t found, const struct weights *weights,
                              const struct band *band, int16_t quantised[64]) {
    struct nodes nodes;
    nodes.position[0] = band->first - 1;
    nodes.cost[0] = nodes.least[0] = 0;
    int count = 0, last = 0;
    float best = band->empty;
    for (uint64_t left = found; left; left &= left - 1) {
        int position = __builtin_ctzll(left);
        float weight = weights->equal + weights->by_step * weights->ratios[position];
        struct change change = change_of(scaled[position], weight);
        nodes.position[++count] = position;
        connect(band, &nodes, count, &change);
        float cost = nodes.cost[count] + (position < band->last ? band->end : 0);
        if (cost < best) best = cost, last = count;
    }
    uint64_t nonzero = 0;
    for (int i = last; i; i = nodes.previous[i]) {
        int k = nodes.position[i], sign = block[k] >> 15; // without a branch: signs are random
        quantised[k] = (int16_t)((nodes.chosen[i] ^ sign) - sign);
        nonzero |= 1ull << k;
    }
    return nonzero;
}

void jpeg_quantise_ac(struct component *component, const struct rates *rates) {
    struct scales scales = jpeg_scales(component);
    struct weights weights = {.equal = 1};
    for (int k = 0; k < 64; k++) {
        float ratio = (float)component->steps[k] / component->steps[4];
        weights.ratios[k] = ratio * ratio;
    }
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        int16_t *block = component->blocks[i], quantised[64] = {block[0]};
        float scaled[64];
        if (component->weights) weights.equal = component->weights[i], weights.by_step = component->sample_weights[i];
        uint64_t found = jpeg_scaled(block, &scales, 0, 0.5f, scaled), nonzero = 0;
        for (const struct band *band = rates->band; band < rates->band + rates->bands; band++) {
            uint64_t in_band = found & jpeg_band(band->first, band->last);
            if (in_band) nonzero |= quantise_band(block, scaled, in_band, &weights, band, quantised);
        }
        memcpy(block, quantised, sizeof quantised);
        component->nonzero[i] = nonzero;
    }
}

// Candidates for a DC coefficient: the nearest value and both neighbours.
enum { CANDIDATES = 3, DC_CATEGORIES = 13 };
static const int OFFSETS[CANDIDATES] = {0, -1, 1};

static float scaled_dc(const struct component *component, size_t block) {
    return (float)component->blocks[block][0] / (float)(JPEG_COEFFICIENT_SCALE * component->steps[0]);
}

static inline int candidate(int nearest, int index) {
    int value = nearest + OFFSETS[index];
    return value < -1023 ? -1023 : value > 1023 ? 1023 : value;
}

static void dc_costs(const struct component *component, float lambda, float costs[DC_CATEGORIES]) {
    uint32_t counts[DC_CATEGORIES] = {0};
    int prediction = 0;
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        int value = candidate((int)jpeg_round(scaled_dc(component, i)), 0);
        counts[jpeg_category(value - prediction)]++;
        prediction = value;
    }
    double total = 0.5 * DC_CATEGORIES + (double)jpeg_block_count(component);
    for (int i = 0; i < DC_CATEGORIES; i++)
        costs[i] = lambda * (float)(i - jpeg_log2((counts[i] + 0.5) / total));
}

bool jpeg_quantise_dc(struct component *component, float lambda) {
    size_t count = jpeg_block_count(component);
    uint8_t(*previous)[CANDIDATES] = malloc(count * sizeof *previous);
    if (!previous) return false;
    float costs[DC_CATEGORIES], total[CANDIDATES] = {0};
    int predictions[CANDIDATES] = {0};
    dc_costs(component, lambda, costs);
    for (size_t i = 0; i < count; i++) {
        float scaled = scaled_dc(component, i), next[CANDIDATES];
        float weight = component->weights ? component->weights[i] : 1;
        int nearest = (int)jpeg_round(scaled), values[CANDIDATES];
        component->blocks[i][0] = (int16_t)nearest;
        for (int c = 0; c < CANDIDATES; c++) {
            values[c] = candidate(nearest, c);
            float error = scaled - (float)values[c];
            int from = 0;
            next[c] = 1e30f;
            for (int p = 0; p < CANDIDATES; p++) {
                float cost = total[p] + weight * error * error + costs[jpeg_category(values[c] - predictions[p])];
                from = cost < next[c] ? p : from;
                next[c] = cost < next[c] ? cost : next[c];
            }
            previous[i][c] = (uint8_t)from;
        }
        // Only differences matter: kept small, so that floats stay exact enough.
        for (int c = 0; c < CANDIDATES; c++) total[c] = next[c] - next[0], predictions[c] = values[c];
    }
    int best = 0;
    for (int c = 1; c < CANDIDATES; c++)
        if (total[c] < total[best]) best = c;
    for (size_t i = count; i-- > 0; best = previous[i][best])
        component->blocks[i][0] = (int16_t)candidate(component->blocks[i][0], best);
    free(previous);
    return true;
}
