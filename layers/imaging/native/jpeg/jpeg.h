// A JPEG encoder (ITU-T T.81) for RGB and grey pictures, optimised for bytes at equal SSIMULACRA2.
#ifndef JPEG_H
#define JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JPEG_MAX_SIDE = 65500 };

enum jpeg_status { JPEG_OK, JPEG_INVALID, JPEG_NO_MEMORY };

enum jpeg_subsampling { JPEG_444, JPEG_420 };

struct jpeg_picture {
    const uint8_t *pixels; // sRGB or grey, rows from the top
    size_t stride;         // bytes from one row to the next
    int width, height;     // pixels, 1 to JPEG_MAX_SIDE
    int channels;          // 1 for grey, 3 for RGB, 4 for RGB and a byte that is not used
};

struct jpeg_tuning; // see tuning.h

struct jpeg_options {
    double quality; // 1 to 100, on libjpeg's scale
    enum jpeg_subsampling subsampling;
    bool progressive;
    const struct jpeg_tuning *tuning; // NULL for the fitted constants
    // If not NULL, filled with the pixels that libjpeg-turbo decodes from the file: grey of one byte, or RGB of four. For
    // pictures at least DECODER_INTERPOLATED_WIDTH pixels wide.
    uint8_t *shown;
};

// A picture with quantised coefficients: all that its file and its decoded pixels need.
struct jpeg_frame;

// Makes a frame, to be released by the caller. On failure, *frame is NULL.
enum jpeg_status jpeg_quantise(const struct jpeg_picture *picture, const struct jpeg_options *options,
                               struct jpeg_frame **frame);

// Writes the file of a frame, to be freed by the caller. On failure, *file is NULL.
enum jpeg_status jpeg_write(const struct jpeg_frame *frame, uint8_t **file, size_t *size_bytes);

void jpeg_release(struct jpeg_frame *frame);

// Encodes a picture into a new file, to be freed by the caller. The same arguments give the same bytes on every
// processor. Takes at most 12 bytes a pixel beside the picture. On failure, *file is NULL.
enum jpeg_status jpeg_encode(const struct jpeg_picture *picture, const struct jpeg_options *options,
                             uint8_t **file, size_t *size_bytes);

#endif
