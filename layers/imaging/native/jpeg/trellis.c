#include "trellis.h"

#include <stdlib.h>
#include <string.h>

#include "numbers.h"

enum { MAX_AC = 1023 }; // T.81, table F.2

// A coefficient that rounds to at least 1: a node of the trellis.
struct node {
    int position, value;
    // Change of the squared error against zero: with the rounded value, and with the largest value of the
    // category below, if that is one less.
    float error, lower_error;
    bool has_lower;
    // The cheapest way to end here.
    float cost;
    int previous, chosen;
};

static int collect(const int16_t block[64], const float inverse[64], const struct band *band,
                   float weight, struct node nodes[64]) {
    float scaled[64];
    for (int k = 0; k < 64; k++) scaled[k] = (float)(block[k] < 0 ? -block[k] : block[k]) * inverse[k];
    int count = 0;
    for (int k = band->first; k <= band->last; k++) {
        if (scaled[k] < 0.5f) continue;
        int value = (int)(scaled[k] + 0.5f);
        if (value > MAX_AC) value = MAX_AC;
        float error = scaled[k] - (float)value, lower = error + 1, zero = scaled[k] * scaled[k];
        nodes[count++] = (struct node){.position = k,
                                       .value = value,
                                       .error = weight * (error * error - zero),
                                       .lower_error = weight * (lower * lower - zero),
                                       .has_lower = value > 1 && !(value & (value - 1))};
    }
    return count;
}

// Finds the cheapest node before `node`; -1 is the start of the band.
static void connect(const struct band *band, const struct node nodes[64], int index, struct node *node) {
    int category = jpeg_category(node->value);
    node->cost = 1e30f;
    for (int i = index - 1; i >= -1; i--) {
        float before = i < 0 ? 0 : nodes[i].cost;
        int position = i < 0 ? band->first - 1 : nodes[i].position;
        const float *bits = band->coefficient[node->position - position - 1];
        float cost = before + bits[category] + node->error;
        if (cost < node->cost) node->cost = cost, node->previous = i, node->chosen = node->value;
        if (!node->has_lower) continue;
        cost = before + bits[category - 1] + node->lower_error;
        if (cost < node->cost) node->cost = cost, node->previous = i, node->chosen = node->value - 1;
    }
}

static uint64_t quantise_band(int16_t block[64], const float inverse[64], float weight, const struct band *band) {
    struct node nodes[64];
    int count = collect(block, inverse, band, weight, nodes), last = -1;
    float best = band->empty;
    for (int i = 0; i < count; i++) {
        connect(band, nodes, i, &nodes[i]);
        float cost = nodes[i].cost + (nodes[i].position < band->last ? band->end : 0);
        if (cost < best) best = cost, last = i;
    }
    uint64_t nonzero = 0;
    int16_t quantised[64] = {0};
    for (int i = last; i >= 0; i = nodes[i].previous) {
        int k = nodes[i].position, value = nodes[i].chosen;
        quantised[k] = (int16_t)(block[k] < 0 ? -value : value);
        nonzero |= 1ull << k;
    }
    memcpy(block + band->first, quantised + band->first, (size_t)(band->last - band->first + 1) * sizeof *block);
    return nonzero;
}

void jpeg_quantise_ac(struct component *component, const struct rates *rates) {
    float inverse[64];
    for (int k = 0; k < 64; k++) inverse[k] = 1.0f / (float)(JPEG_COEFFICIENT_SCALE * component->steps[k]);
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        float weight = component->weights ? component->weights[i] : 1;
        component->nonzero[i] = 0;
        for (int band = 0; band < rates->bands; band++)
            component->nonzero[i] |= quantise_band(component->blocks[i], inverse, weight, &rates->band[band]);
    }
}

// Candidates for a DC coefficient: the nearest value and both neighbours.
enum { CANDIDATES = 3, DC_CATEGORIES = 13 };

static float scaled_dc(const struct component *component, size_t block) {
    return (float)component->blocks[block][0] / (float)(JPEG_COEFFICIENT_SCALE * component->steps[0]);
}

static int candidate(float scaled, int index) {
    int nearest = (int)jpeg_round(scaled);
    int value = nearest + (index == 0 ? 0 : index == 1 ? -1 : 1);
    return value < -1023 ? -1023 : value > 1023 ? 1023 : value;
}

static void dc_costs(const struct component *component, float lambda, float costs[DC_CATEGORIES]) {
    double counts[DC_CATEGORIES] = {0}, total = 0.5 * DC_CATEGORIES;
    int prediction = 0;
    for (size_t i = 0; i < jpeg_block_count(component); i++, total++) {
        int value = candidate(scaled_dc(component, i), 0);
        counts[jpeg_category(value - prediction)]++;
        prediction = value;
    }
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
        int values[CANDIDATES];
        for (int c = 0; c < CANDIDATES; c++) {
            values[c] = candidate(scaled, c);
            float error = scaled - (float)values[c];
            next[c] = 1e30f;
            for (int p = 0; p < CANDIDATES; p++) {
                float cost = total[p] + weight * error * error + costs[jpeg_category(values[c] - predictions[p])];
                if (cost < next[c]) next[c] = cost, previous[i][c] = (uint8_t)p;
            }
        }
        // Only differences matter: kept small, so that floats stay exact enough.
        for (int c = 0; c < CANDIDATES; c++) total[c] = next[c] - next[0], predictions[c] = values[c];
    }
    int best = 0;
    for (int c = 1; c < CANDIDATES; c++)
        if (total[c] < total[best]) best = c;
    for (size_t i = count; i-- > 0; best = previous[i][best])
        component->blocks[i][0] = (int16_t)candidate(scaled_dc(component, i), best);
    free(previous);
    return true;
}
