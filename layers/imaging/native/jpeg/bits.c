#include "bits.h"

#include <stdlib.h>

bool jpeg_reserve(struct file *file, size_t more) {
    if (file->capacity - file->size >= more) return true;
    if (file->failed) return false;
    size_t capacity = file->size + more + file->size / 8 + 4096;
    uint8_t *bytes = realloc(file->bytes, capacity);
    if (!bytes) {
        file->failed = true;
        return false;
    }
    file->bytes = bytes;
    file->capacity = capacity;
    return true;
}

void jpeg_put_byte(struct file *file, int byte) {
    if (jpeg_reserve(file, 1)) file->bytes[file->size++] = (uint8_t)byte;
}

void jpeg_put_number(struct file *file, int number) {
    jpeg_put_byte(file, number >> 8);
    jpeg_put_byte(file, number & 255);
}

void jpeg_put_pending(struct file *file) {
    if (file->capacity - file->size < 16 && !jpeg_reserve(file, 16)) {
        file->pending = 0;
        return;
    }
    uint8_t *at = file->bytes + file->size;
    while (file->pending >= 8) {
        file->pending -= 8;
        uint8_t byte = (uint8_t)(file->bits >> file->pending);
        *at++ = byte;
        if (byte == 0xFF) *at++ = 0;
    }
    file->size = (size_t)(at - file->bytes);
}

void jpeg_end_bits(struct file *file) {
    if (file->pending & 7) jpeg_put_bits(file, 0x7F, 8 - (file->pending & 7));
    jpeg_put_pending(file);
    file->bits = 0;
}
