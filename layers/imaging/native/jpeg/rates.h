// The expected bits of quantised coefficients, by the statistics of a component.
#ifndef JPEG_RATES_H
#define JPEG_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "component.h"

enum { JPEG_BANDS = 2, JPEG_RUNS = 63, JPEG_CATEGORIES = 12 };

// A band of frequencies that is coded together: zigzag indexes first to last.
struct band {
    int first, last;
    // Cost of a run of zeros and the coefficient behind it, with the latter's own bits.
    float coefficient[JPEG_RUNS][JPEG_CATEGORIES];
    // The least cost of this run or any longer one.
    float at_least[JPEG_RUNS][JPEG_CATEGORIES];
    float end;   // cost of ending a block that has a coefficient
    float empty; // cost of a block without coefficients
};

struct rates {
    int bands;
    struct band band[JPEG_BANDS];
};

// Estimates the rates by quantising every second row of blocks with a dead zone. Costs are bits times
// `lambda`. A progressive file has two bands, and runs of empty blocks share a symbol.
void jpeg_rates(const struct component *component, float lambda, bool progressive, struct rates *rates);

#endif
