// What the fuzzers share: random numbers that depend on `state` alone, and random pictures.

#include <stdint.h>
#include <stdlib.h>

enum { KINDS_OF_PICTURES = 5 };

static uint64_t state;

// SplitMix64; 32 bits.
static inline uint32_t drawn(void) {
    uint64_t bits = state += 0x9E3779B97F4A7C15;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB;
    return (uint32_t)((bits ^ bits >> 31) >> 32);
}

static inline uint32_t below(uint32_t limit) { return drawn() % limit; }

// Noise, one colour, black and white stripes, a gradient, or few levels; each allocated exactly.
static inline uint8_t *draw(int width, int height) {
    size_t bytes = (size_t)width * (size_t)height * 3;
    uint8_t *pixels = malloc(bytes);
    if (!pixels) exit(2);
    uint32_t kind = below(KINDS_OF_PICTURES), level = below(256), step = 1 + below(40);
    for (size_t i = 0; i < bytes; i++) {
        uint32_t values[KINDS_OF_PICTURES] = {
            below(256), level, i / step % 2 * 255, (uint32_t)(i / step), below(2) * level,
        };
        pixels[i] = (uint8_t)values[kind];
    }
    return pixels;
}
