// A growing file: bytes, markers' numbers, and entropy-coded bits (T.81, F.1.2.3).
#ifndef JPEG_BITS_H
#define JPEG_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file {
    uint8_t *bytes;
    size_t size, capacity;
    uint64_t bits; // not yet written, the last `pending` of them
    int pending;
    bool failed; // memory was short: nothing is written any more
};

// Makes room for `more` bytes; false if memory is short.
bool jpeg_reserve(struct file *file, size_t more);

void jpeg_put_byte(struct file *file, int byte);
void jpeg_put_number(struct file *file, int number); // 16 bits, big-endian

// Writes all whole bytes that are pending, each 0xFF with a zero byte behind it.
void jpeg_put_pending(struct file *file);

// Appends the low `count` bits (at most 31) of `bits`.
static inline void jpeg_put_bits(struct file *file, uint32_t bits, int count) {
    file->bits = file->bits << count | (bits & ((1u << count) - 1));
    file->pending += count;
    if (file->pending >= 32) jpeg_put_pending(file);
}

// Fills the last byte with ones.
void jpeg_end_bits(struct file *file);

#endif
