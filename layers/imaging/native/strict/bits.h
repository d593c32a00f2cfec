// Reads entropy-coded bits, up to a marker or the end of the file. Beyond it, bits are 0 and `count` becomes negative.
#ifndef DARKROOM_STRICT_BITS_H
#define DARKROOM_STRICT_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bit_reader {
    const uint8_t *at, *end;
    uint64_t held; // the next bits, from the most significant one
    int count;     // of the bits held
};

// Holds at least 57 bits, if that many are left before a marker. Readers are passed by value here and below, so that a
// caller's own stays in registers.
struct bit_reader held_slowly(struct bit_reader reader);

// True if one of eight bytes is 255: subtracting 1 from the inverse sets the highest bit of a byte of 0.
static inline bool has_255(uint64_t bytes) {
    return (~bytes - 0x0101010101010101) & bytes & 0x8080808080808080;
}

// The same: eight bytes at once, if none of them is 255.
static inline void hold(struct bit_reader *reader) {
    if (reader->count > 56) return;
    uint64_t bytes = ~0ull;
    if (reader->count >= 0 && reader->end - reader->at >= 8) memcpy(&bytes, reader->at, sizeof bytes);
    if (has_255(bytes)) {
        struct bit_reader slow = held_slowly(*reader);
        reader->at = slow.at;
        reader->held = slow.held;
        reader->count = slow.count;
        return;
    }
    // Bits of a last byte that does not fit whole are held, too: the next call holds the same.
    reader->held |= __builtin_bswap64(bytes) >> reader->count;
    reader->at += (63 - reader->count) >> 3;
    reader->count |= 56;
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

// The value of a coefficient by this many bits, 1 to 15: F.2.2.1, EXTEND.
static inline int extended(int taken, int bits) {
    return taken < 1 << (bits - 1) ? taken - (1 << bits) + 1 : taken;
}

static inline int take_value(struct bit_reader *reader, int bits) { return extended(take(reader, bits), bits); }

#endif
