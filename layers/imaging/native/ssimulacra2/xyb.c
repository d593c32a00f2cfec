#include "ssimulacra2/xyb.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

// libjxl 0.11, lib/jxl/cms/opsin_params.h (BSD-3-Clause): the absorbance of long, medium and short cones.
static const float LONG[3] = {0.30f, 0.622f, 0.078f};
static const float MEDIUM[3] = {0.23f, 0.692f, 0.078f};
static const float SHORT[3] = {0.24342268924547819f, 0.20476744424496821f, 0.5518098665095536f};
static const float BIAS = 0.0037930732552754493f, BIAS_ROOT = 0.15595420054924863f;

// (1 - x)^(-2/3) is nearly 1 + these coefficients by x, x^2 and so on, for an x within 0.105.
static const float SERIES[] = {0.66665213f, 0.55557977f, 0.49938257f, 0.45310079f};

// The cube root of a value between BIAS and 1.01, within a relative error of 4e-7: from an estimate of its inverse,
// within 4 % in the floating-point format itself.
static inline float cube_root(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = 0x54A21D2A - (int32_t)((float)bits * (1 / 3.0f));
    float inverse;
    memcpy(&inverse, &bits, sizeof bits);
    float root = value * (inverse * inverse), error = fmaf(-root, inverse, 1), factor = SERIES[3];
    for (int i = 2; i >= 0; i--) factor = fmaf(factor, error, SERIES[i]);
    return fmaf(root * error, factor, root);
}

static inline float cone(const float mix[3], float red, float green, float blue) {
    return cube_root(fmaf(mix[0], red, fmaf(mix[1], green, fmaf(mix[2], blue, BIAS))));
}

static inline float y_of_cones(float l, float m) {
    return fmaf(0.5f, l + m, 0.01f - BIAS_ROOT);
}

void x_and_y_of_linear(float *const linear[3], float *restrict x, float *restrict y, int count) {
    const float *restrict red = linear[0], *restrict green = linear[1], *restrict blue = linear[2];
    for (int i = 0; i < count; i++) {
        float l = cone(LONG, red[i], green[i], blue[i]), m = cone(MEDIUM, red[i], green[i], blue[i]);
        x[i] = (l - m) * 7 + 0.42f;
        y[i] = y_of_cones(l, m);
    }
}

void b_of_linear(float *const linear[3], const float *restrict y, float *restrict b, int count) {
    const float *restrict red = linear[0], *restrict green = linear[1], *restrict blue = linear[2];
    for (int i = 0; i < count; i++) b[i] = cone(SHORT, red[i], green[i], blue[i]) - y[i] + (0.56f - BIAS_ROOT);
}

void y_of_linear(float *const linear[3], float *restrict y, int count) {
    const float *restrict red = linear[0], *restrict green = linear[1], *restrict blue = linear[2];
    for (int i = 0; i < count; i++) {
        float l = cone(LONG, red[i], green[i], blue[i]), m = cone(MEDIUM, red[i], green[i], blue[i]);
        y[i] = y_of_cones(l, m);
    }
}
