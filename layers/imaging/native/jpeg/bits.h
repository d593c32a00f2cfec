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

// Appends the low `count` bits (at most 16) of `bits`; inserts a zero byte after 0xFF.
static inline void jpeg_put_bits(struct file *file, unsigned bits, int count) {
    file->bits = file->bits << count | (bits & ((1u << count) - 1));
    file->pending += count;
    if (file->pending < 32) return;
    if (file->capacity - file->size < 8 && !jpeg_reserve(file, 8)) {
        file->pending = 0;
        return;
    }
    while (file->pending >= 8) {
        file->pending -= 8;
        uint8_t byte = (uint8_t)(file->bits >> file->pending);
        file->bytes[file->size++] = byte;
        if (byte == 0xFF) file->bytes[file->size++] = 0;
    }
}

// Fills the last byte with ones.
void jpeg_end_bits(struct file *file);

#endif
