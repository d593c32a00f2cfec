// Checks JPEGs of our own encoder for a number of rounds: sound ones, which must have no fault, and damaged ones, whose
// check must end without a sanitizer's complaint and twice in the same way. tests/native/sanitized.py builds it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jpeg/jpeg.h"
#include "strict/strict.h"

#include "random.h"

// The size of the drawn picture: any, since damage changes the header.
static int width, height, channels;

// Draws into exactly as many bytes as needed; must find the same, or that it can't draw.
static void draw_file(const uint8_t *bytes, size_t size, const char *expected) {
    int eighths = below(2) ? 8 : 4, by = eighths == 8 ? 1 : 2;
    size_t drawn_bytes = (size_t)((width + by - 1) / by) * (size_t)((height + by - 1) / by) * (channels == 1 ? 1 : 4);
    uint8_t *pixels = malloc(drawn_bytes);
    if (!pixels) exit(2);
    const char *found = jpeg_draw(bytes, size, eighths, pixels, drawn_bytes);
    free(pixels);
    if (found == expected || found == JPEG_UNSUPPORTED) return;
    fprintf(stderr, "checked: %s, drawn: %s\n", expected ? expected : "", found ? found : "");
    exit(1);
}

// A copy of exactly this size, so that a sanitizer sees a read beyond it.
static const char *checked(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    const char *found = jpeg_fault(copy, size);
    draw_file(copy, size, found);
    free(copy);
    return found;
}

static uint8_t *encoded(size_t *size) {
    struct jpeg_picture picture = {.width = 1 + (int)below(90), .height = 1 + (int)below(90), .channels = below(3) ? 3 : 1};
    picture.stride = (size_t)(picture.width * picture.channels);
    width = picture.width, height = picture.height, channels = picture.channels;
    size_t bytes = picture.stride * (size_t)picture.height;
    uint8_t *pixels = malloc(bytes), *file = NULL;
    uint32_t period = 1 + below(20), noise = below(2) ? 255 : 1 + below(20);
    for (size_t i = 0; i < bytes; i++) pixels[i] = (uint8_t)((i / period & 1 ? 200 : 40) + below(noise) / 4);
    picture.pixels = pixels;
    struct jpeg_options options = {.quality = 1 + below(100), .subsampling = below(2) ? JPEG_420 : JPEG_444,
                                   .progressive = below(2)};
    if (jpeg_encode(&picture, &options, &file, size)) exit(2);
    free(pixels);
    return file;
}

// Turns the frame's or a table's marker into another, or writes noise over some bytes, or cuts or moves a piece.
static size_t damaged(uint8_t *file, size_t size) {
    size_t at = below((uint32_t)size), piece = 1 + below(below(4) ? 8 : 200);
    if (piece > size - at) piece = size - at;
    switch (below(5)) {
    case 0: memmove(file + at, file + at + piece, size - at - piece); return size - piece;
    case 1: return at;
    case 2: memset(file + at, below(2) ? 0 : 0xFF, piece); return size;
    case 3:
        for (size_t i = 0; i < size - 1; i++)
            if (file[i] == 0xFF && file[i + 1] >= 0xC0 && below(4) == 0) file[i + 1] = (uint8_t)(0xC0 + below(0x20));
        return size;
    default:
        for (size_t i = 0; i < piece; i++) file[at + i] = (uint8_t)drawn();
        return size;
    }
}

static void once(void) {
    size_t size;
    uint8_t *file = encoded(&size);
    const char *found = checked(file, size);
    if (found) {
        fprintf(stderr, "a sound picture: %s\n", found);
        exit(1);
    }
    for (int i = 0; i < 20; i++) {
        size = damaged(file, size);
        if (size < 2) break;
        if (checked(file, size) != checked(file, size)) {
            fprintf(stderr, "not repeatable\n");
            exit(1);
        }
    }
    free(file);
}

int main(int count, char **arguments) {
    if (count < 3) return 2;
    state = strtoull(arguments[1], NULL, 10);
    for (long round = strtol(arguments[2], NULL, 10); round > 0; round--) once();
    return 0;
}
