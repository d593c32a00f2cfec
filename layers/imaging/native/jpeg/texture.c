#include "texture.h"

#include <stdlib.h>
#include <string.h>

#include "numbers.h"
#include "scaled.h"
#include "transpose.h"

// SSIMULACRA2's constant C2, in squared levels of luma at medium light.
static const float CONTRAST = 65;
// Variance of a block's samples, in squared levels, at which texture is half as faint.
static const float FAINT = 16;
// Blocks that lose more than this multiple of the typical loss do not weigh more.
static const float MOST = 4;

// Of a block's samples: variance, and squared error per sample if every coefficient is rounded.
struct energy {
    float variance, error;
};

typedef int16_t shorts __attribute__((vector_size(16)));

// `squares` are those of the steps, but 0 for DC.
static struct energy energy_of(const int16_t block[64], const lanes inverse[8], const lanes squares[8]) {
    lanes variances = {0}, errors = {0};
    for (int i = 0; i < 8; i++) {
        shorts coefficients;
        memcpy(&coefficients, block + 8 * i, sizeof coefficients);
        lanes scaled = __builtin_convertvector(coefficients, lanes) * inverse[i];
        lanes error = scaled - ((scaled + JPEG_ROUNDING) - JPEG_ROUNDING);
        variances += squares[i] * (scaled * scaled);
        errors += squares[i] * (error * error);
    }
    struct energy energy = {0};
    for (int i = 0; i < 8; i++) energy.variance += variances[i], energy.error += errors[i];
    return (struct energy){energy.variance / 64, energy.error / 64};
}

static void fill(const struct component *component, lanes inverse[8], lanes squares[8]) {
    struct scales scales = jpeg_scales(component);
    float filled[64] = {0};
    for (int k = 1; k < 64; k++) filled[k] = (float)component->steps[k] * component->steps[k];
    memcpy(inverse, scales.inverse, sizeof scales.inverse);
    memcpy(squares, filled, sizeof filled);
}

// SSIMULACRA2 takes the mean of the fourth power of each place's loss, so that a change weighs as its third power.
static void weigh(const float *losses, double mean, float texture, struct component *component) {
    float typical = (float)jpeg_exp2(0.25 * jpeg_log2(mean + 1e-30));
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        float loss = losses[i] / typical;
        loss = loss > MOST ? MOST : loss;
        component->sample_weights[i] *= texture * (loss * loss * loss);
    }
}

bool jpeg_keep_texture(struct component *component, const struct jpeg_tuning *tuning) {
    size_t count = jpeg_block_count(component);
    float *losses = malloc(count * sizeof *losses);
    component->sample_weights = malloc(count * sizeof *component->sample_weights);
    if (!losses || !component->sample_weights) {
        free(losses);
        return false;
    }
    lanes inverse[8], squares[8];
    fill(component, inverse, squares);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct energy energy = energy_of(component->blocks[i], inverse, squares);
        float contrast = 2 * energy.variance + CONTRAST, strength = energy.variance / FAINT;
        losses[i] = energy.error / contrast;
        component->sample_weights[i] = CONTRAST / contrast;
        component->weights[i] *= 1 + tuning->faint / (1 + strength * strength);
        double square = losses[i] * (double)losses[i];
        sum += square * square;
    }
    weigh(losses, sum / (double)count, tuning->texture, component);
    free(losses);
    return true;
}
