#include "tables.h"

#include "dct.h"
#include "numbers.h"

const float JPEG_DISTANCES[JPEG_KNOTS] = {0, 1, 1.5f, 2, 3, 5, 7, 9.9f};

// Below this scale (a quality above 92) nothing was fitted: all steps shrink in proportion.
static const double FINEST_FITTED = 0.15;
// In small pictures SSIMULACRA2 has fewer scales and weighs colour more.
static const double SMALL_COLOUR = 0.25;
// Luma's first step is the largest of 1, 2, 4 and 8 that is at most this number times the scale.
static const double FIRST_STEP = 21;

// Scale of the tables by libjpeg's curve: 1 at 50.
static double scale_of(double quality) {
    double scale = quality < 50 ? 50 / quality : 2 - quality / 50;
    return scale < 0.01 ? 0.01 : scale;
}

// Square root by Newton's method, for 0 to 98.
static double root(double square) {
    double guess = 10;
    for (int i = 0; i < 12; i++) guess = 0.5 * (guess + square / guess);
    return square > 0 ? guess : 0;
}

// Interpolates between the knots around a distance.
static double between(const float knots[JPEG_KNOTS], double distance) {
    int place = 1;
    while (JPEG_DISTANCES[place] < distance) place++;
    double near = JPEG_DISTANCES[place - 1], share = (distance - near) / (JPEG_DISTANCES[place] - near);
    return knots[place - 1] * (1 - share) + knots[place] * share;
}

// White is 127 x 8 and black -128 x 8 from the middle: a step that divides 8 keeps both exact.
static uint16_t first_luma_step(double scale) {
    uint16_t step = 8;
    while (step > 1 && step > FIRST_STEP * scale) step /= 2;
    return step;
}

void jpeg_table(const struct jpeg_tuning *tuning, int component, double quality, bool small, uint16_t steps[64]) {
    const struct jpeg_curve *curve = &tuning->curves[component];
    double scale = scale_of(quality) * (small && component ? SMALL_COLOUR : 1);
    double fitted = scale > FINEST_FITTED ? scale : FINEST_FITTED;
    double beyond = scale < FINEST_FITTED ? scale / FINEST_FITTED : 1;
    double fine = jpeg_log2(scale_of(85)), coarse = jpeg_log2(scale_of(60));
    double share = (jpeg_log2(fitted) - fine) / (coarse - fine);
    for (int k = 0; k < 64; k++) {
        int row = JPEG_ZIGZAG[k] >> 3, column = JPEG_ZIGZAG[k] & 7;
        double distance = root(row * row + column * column);
        double at_85 = between(curve->at_85, distance), at_60 = between(curve->at_60, distance);
        double step = beyond * jpeg_exp2(at_85 + share * (at_60 - at_85));
        steps[k] = (uint16_t)(step < 1 ? 1 : step > 255 ? 255 : step + 0.5);
    }
    if (component == 0) steps[0] = first_luma_step(scale);
}
