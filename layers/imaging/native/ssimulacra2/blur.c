#include "ssimulacra2/blur.h"

#include <math.h>
#include <string.h>

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));

// n and d of each oscillator for a sigma of 1.5: equations 33 and 52 in D. Charalampidis, Recursive Implementation of
// the Gaussian Filter Using Truncated Cosine Functions, 2016. An oscillator's value is n x input - d x the last value
// - the second last one.
static const float N[OSCILLATORS] = {0.055295235726086613f, -0.058836687026949989f, 0.012955819110517068f};
static const float D[OSCILLATORS] = {-1.9021130325903071f, -1.1755705045849463f, -1.2246467991473532e-16f};
// The oscillators' response to a single 1, from that place outward.
static const float RESPONSE[REACH + 1] = {
    0.26462110548819845f, 0.21292859201042214f, 0.10933537277746025f, 0.03601111465836433f, 0.009414367809653691f,
};

static inline Lanes load(const float *values) {
    Lanes lanes;
    memcpy(&lanes, values, sizeof lanes);
    return lanes;
}

static inline void store(Lanes lanes, float *values) {
    memcpy(values, &lanes, sizeof lanes);
}

static inline Lanes broadcast(float value) {
    return (Lanes){} + value;
}

// Rounds once: the processors of both architectures have this instruction.
static inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
#if __has_builtin(__builtin_elementwise_fma)
    return __builtin_elementwise_fma(a, b, c);
#else
    for (int i = 0; i < LANES; i++) c[i] = fmaf(a[i], b[i], c[i]);
    return c;
#endif
}

void blur_across(const float *row, float *blurred, int width) {
    for (int i = 0; i < width; i += LANES) {
        Lanes value = load(row + i) * RESPONSE[0];
        for (int far = 1; far <= REACH; far++)
            value = multiply_add(load(row + i - far) + load(row + i + far), broadcast(RESPONSE[far]), value);
        store(value, blurred + i);
    }
}

// Moves an oscillator on by one value, which it returns.
static inline Lanes next_value(int oscillator, Lanes input, Lanes *last, Lanes *second_last) {
    Lanes rest = multiply_add(broadcast(-D[oscillator]), *last, -*second_last);
    *second_last = *last;
    return *last = multiply_add(broadcast(N[oscillator]), input, rest);
}

void blur_down(
    const float *const before[GROUP], const float *const after[GROUP], float *const states[STATES],
    float *const blurred[GROUP], int width
) {
    for (int i = 0; i < width; i += LANES) {
        Lanes state[STATES];
        for (int s = 0; s < STATES; s++) state[s] = load(states[s] + i);
        for (int row = 0; row < GROUP; row++) {
            Lanes input = load(before[row] + i) + load(after[row] + i), value[OSCILLATORS];
            for (int o = 0; o < OSCILLATORS; o++) value[o] = next_value(o, input, &state[2 * o], &state[2 * o + 1]);
            store(value[0] + (value[1] + value[2]), blurred[row] + i);
        }
        for (int s = 0; s < STATES; s++) store(state[s], states[s] + i);
    }
}
