#include "ssimulacra2/blur.h"

#include <math.h>
#include <string.h>

// Four values of each of two rows.
typedef float Lanes __attribute__((vector_size(8 * sizeof(float))));

#define BROADCAST(lanes, i) __builtin_shufflevector(lanes, lanes, i, i, i, i, 4 + i, 4 + i, 4 + i, 4 + i)
#define TWICE(a, b, c, d) {(float)(a), (float)(b), (float)(c), (float)(d), (float)(a), (float)(b), (float)(c), (float)(d)}

// An oscillator's value is n x input - d x the last value - the second last one. These are the factors for four
// values at once: of the four inputs, and of the last two values.
#define FOUR_VALUES(n, d) { \
    .inputs = { \
        TWICE(n, -d * n, d * d * n - n, -d * d * d * n + 2 * d * n), TWICE(0, n, -d * n, d * d * n - n), \
        TWICE(0, 0, n, -d * n), TWICE(0, 0, 0, n), \
    }, \
    .last = TWICE(-d, d * d - 1, -d * d * d + 2 * d, d * d * d * d - 3 * d * d + 1), \
    .second_last = TWICE(-1, d, 1 - d * d, d * d * d - 2 * d), \
}

// n and d of each oscillator for a sigma of 1.5: equations 33 and 52 in D. Charalampidis, Recursive Implementation of
// the Gaussian Filter Using Truncated Cosine Functions, 2016.
#define N_1 0.055295235726086613
#define N_3 -0.058836687026949989
#define N_5 0.012955819110517068
#define D_1 -1.9021130325903071
#define D_3 -1.1755705045849463
#define D_5 -1.2246467991473532e-16
static const float N[OSCILLATORS] = {(float)N_1, (float)N_3, (float)N_5};
static const float D[OSCILLATORS] = {(float)D_1, (float)D_3, (float)D_5};
static const struct {
    Lanes inputs[4], last, second_last;
} FACTORS[OSCILLATORS] = {FOUR_VALUES((N_1), (D_1)), FOUR_VALUES((N_3), (D_3)), FOUR_VALUES((N_5), (D_5))};

typedef struct {
    Lanes last[OSCILLATORS], second_last[OSCILLATORS];
} State;

// Rounds once: the processors of both architectures have this instruction.
static inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
#if __has_builtin(__builtin_elementwise_fma)
    return __builtin_elementwise_fma(a, b, c);
#else
    for (int i = 0; i < 8; i++) c[i] = fmaf(a[i], b[i], c[i]);
    return c;
#endif
}

// Returns the blurred value of both rows, in each of their four lanes.
static inline Lanes one_value(State *state, float first, float second) {
    Lanes input = {first, first, first, first, second, second, second, second}, value[OSCILLATORS];
    for (int i = 0; i < OSCILLATORS; i++) {
        value[i] = input * N[i];
        value[i] = multiply_add((Lanes){} - 1, state->second_last[i], value[i]);
        value[i] = multiply_add((Lanes){} - D[i], state->last[i], value[i]);
        state->second_last[i] = state->last[i];
        state->last[i] = value[i];
    }
    return value[0] + (value[1] + value[2]);
}

static inline Lanes four_values(State *state, Lanes inputs) {
    Lanes value[OSCILLATORS];
    for (int i = 0; i < OSCILLATORS; i++) {
        value[i] = BROADCAST(inputs, 0) * FACTORS[i].inputs[0];
        value[i] = multiply_add(FACTORS[i].inputs[1], BROADCAST(inputs, 1), value[i]);
        value[i] = multiply_add(FACTORS[i].inputs[2], BROADCAST(inputs, 2), value[i]);
        value[i] = multiply_add(FACTORS[i].inputs[3], BROADCAST(inputs, 3), value[i]);
        value[i] = multiply_add(FACTORS[i].second_last, state->second_last[i], value[i]);
        value[i] = multiply_add(FACTORS[i].last, state->last[i], value[i]);
        state->second_last[i] = BROADCAST(value[i], 2);
        state->last[i] = BROADCAST(value[i], 3);
    }
    return value[0] + (value[1] + value[2]);
}

static inline Lanes load(const float *first, const float *second) {
    Lanes lanes;
    memcpy(&lanes, first, 4 * sizeof(float));
    memcpy((float *)&lanes + 4, second, 4 * sizeof(float));
    return lanes;
}

static inline void store(Lanes lanes, float *first, float *second) {
    memcpy(first, &lanes, 4 * sizeof(float));
    memcpy(second, (float *)&lanes + 4, 4 * sizeof(float));
}

enum { SINGLY_BEFORE = 8, SINGLY_AFTER = 7 }; // values at a row's ends are computed one by one

void blur_across(
    const float *first, const float *second, float *restrict first_blurred, float *restrict second_blurred, int width
) {
    State state = {0};
    for (int i = -AFTER; i < width;) {
        if (i >= SINGLY_BEFORE && i < width - SINGLY_AFTER) {
            Lanes inputs = load(first + i - BEFORE, second + i - BEFORE) + load(first + i + AFTER, second + i + AFTER);
            store(four_values(&state, inputs), first_blurred + i, second_blurred + i);
            i += 4;
            continue;
        }
        Lanes value = one_value(&state, first[i - BEFORE] + first[i + AFTER], second[i - BEFORE] + second[i + AFTER]);
        if (i >= 0) {
            first_blurred[i] = value[0];
            second_blurred[i] = value[4];
        }
        i++;
    }
}

void blur_down(
    const float *before, const float *after, float *const last[OSCILLATORS], float *const second_last[OSCILLATORS],
    float *restrict blurred, int width
) {
    const float *restrict last_1 = last[0], *restrict last_3 = last[1], *restrict last_5 = last[2];
    float *restrict value_1 = second_last[0], *restrict value_3 = second_last[1], *restrict value_5 = second_last[2];
    for (int i = 0; i < width; i++) {
        float input = before[i] + after[i];
        value_1[i] = fmaf(N[0], input, fmaf(-D[0], last_1[i], -value_1[i]));
        value_3[i] = fmaf(N[1], input, fmaf(-D[1], last_3[i], -value_3[i]));
        value_5[i] = fmaf(N[2], input, fmaf(-D[2], last_5[i], -value_5[i]));
        blurred[i] = value_1[i] + (value_3[i] + value_5[i]);
    }
}
