#include "means.h"

#include "dct.h"
#include "numbers.h"
#include "scaled.h"

// The mean of four samples, by their frequency and relative to that of the lowest one: sin(pi / 16) / sin(u pi / 16)
// with alternating signs. Those of even frequencies are zero.
static const float MEANS[8] = {0, 1, 0, -0.351155f, 0, 0.234633f, 0, -0.198912f};

// A coefficient is expected to be rounded after its magnitude was reduced by this part of a step.
static const float DEAD_ZONE = 0.06f;
// The most that a coefficient changes by, in steps.
static const float MOST = 0.4f;

// The lowest coefficients that tell the left from the right half, the upper from the lower, and both.
enum { ACROSS = 1, DOWN = 2, BOTH = 4, LOWEST = 5 };

// A coefficient that changes the means as one of the lowest does.
struct alike {
    int position, lowest;
    float ratio; // in steps of the lowest
};

enum { ALIKE = 21 };

static void find_alike(const struct component *component, float share, struct alike alike[ALIKE]) {
    for (int k = BOTH + 1; k < 64; k++) {
        int row = JPEG_ZIGZAG[k] >> 3, column = JPEG_ZIGZAG[k] & 7;
        float down = row ? MEANS[row] : 1, across = column ? MEANS[column] : 1;
        if (down * across == 0) continue;
        int lowest = !row ? ACROSS : !column ? DOWN : BOTH;
        float steps = (float)component->steps[k] / component->steps[lowest];
        *alike++ = (struct alike){k, lowest, share * down * across * steps};
    }
}

// In steps: what rounding takes off the coefficients.
static void find_losses(const int16_t block[64], const struct scales *scales, float losses[64]) {
    for (int k = 0; k < 64; k++) {
        float scaled = (float)block[k] * scales->inverse[k];
        losses[k] = scaled - jpeg_round(scaled - __builtin_copysignf(DEAD_ZONE, scaled));
    }
}

void jpeg_keep_means(struct component *component, float share) {
    struct scales scales = jpeg_scales(component);
    struct alike alike[ALIKE];
    find_alike(component, share, alike);
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        int16_t *block = component->blocks[i];
        float losses[64], lost[LOWEST] = {0};
        find_losses(block, &scales, losses);
        for (int j = 0; j < ALIKE; j++) lost[alike[j].lowest] += alike[j].ratio * losses[alike[j].position];
        for (int k = ACROSS; k <= BOTH; k++) {
            float change = lost[k] > MOST ? MOST : lost[k] < -MOST ? -MOST : lost[k];
            float step = (float)(JPEG_COEFFICIENT_SCALE * component->steps[k]);
            block[k] = (int16_t)(block[k] + (int)jpeg_round(change * step));
        }
    }
}
