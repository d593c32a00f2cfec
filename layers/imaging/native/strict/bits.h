// Reads entropy-coded bits, up to a marker or the end of the file. Beyond it, bits are 0 and `count` becomes negative.
#ifndef DARKROOM_STRICT_BITS_H
#define DARKROOM_STRICT_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_reader {
    const uint8_t *at, *end;
    uint64_t held; // the next bits, from the most significant one
    int count;     // of the bits held
};

// Holds at least 57 bits, if that many are left.
static inline void hold(struct bit_reader *reader) {
    while (reader->count <= 56 && reader->at < reader->end) {
        uint8_t byte = *reader->at;
        if (byte == 0xFF) {
            const uint8_t *next = reader->at + 1;
            while (next < reader->end && *next == 0xFF) next++; // fill bytes, B.1.1.2
            if (next >= reader->end || *next) return;           // a marker
            reader->at = next;                                  // a stuffed zero
        }
        reader->at++;
        if (reader->count >= 0) reader->held |= (uint64_t)byte << (56 - reader->count);
        reader->count += 8;
    }
}

static inline uint32_t peek(const struct bit_reader *reader, int bits) { return (uint32_t)(reader->held >> (64 - bits)); }

static inline void skip(struct bit_reader *reader, int bits) {
    reader->held <<= bits;
    reader->count -= bits;
}

// Takes 1 to 16 bits of those held.
static inline int take(struct bit_reader *reader, int bits) {
    int taken = (int)peek(reader, bits);
    skip(reader, bits);
    return taken;
}

static inline bool is_short(const struct bit_reader *reader) { return reader->count < 0; }

// The value of a coefficient of this many bits, 1 to 15: F.2.2.1, EXTEND.
static inline int take_value(struct bit_reader *reader, int bits) {
    int taken = take(reader, bits);
    return taken < 1 << (bits - 1) ? taken - (1 << bits) + 1 : taken;
}

#endif
