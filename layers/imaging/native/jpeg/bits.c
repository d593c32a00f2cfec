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

void jpeg_end_bits(struct file *file) {
    if (file->pending & 7) jpeg_put_bits(file, 0x7F, 8 - (file->pending & 7));
    while (file->pending >= 8) {
        file->pending -= 8;
        int byte = (int)(file->bits >> file->pending & 255);
        jpeg_put_byte(file, byte);
        if (byte == 0xFF) jpeg_put_byte(file, 0);
    }
    file->bits = 0;
}
