// The pixels of an argument: a bytes-like object, or a picture with the Arrow interface, as Pillow's, which is not copied.
#ifndef DARKROOM_PIXELS_H
#define DARKROOM_PIXELS_H

#include <stdbool.h>
#include <stdint.h>

#include "stable_abi.h"

typedef struct {
    const uint8_t *bytes;
    Py_ssize_t size;
    Py_buffer view;     // of a bytes-like object
    PyObject *capsules; // else, what holds the pixels
} Pixels;

// For the format O& of PyArg_ParseTuple: fills in `Pixels`. Raises TypeError or ValueError.
int take_pixels(PyObject *source, void *pixels);

void release_pixels(Pixels *pixels);

// Raises ValueError and returns false if a side or the channels (1 to 4) are out of range, or so many pixels don't have
// `size` bytes.
bool check_size(Py_ssize_t size, int width, int height, int channels, int longest_side);

#endif
