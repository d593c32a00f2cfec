// The pixels of an argument: a bytes-like object, or a picture with the Arrow interface, as Pillow's, which is not copied.
#ifndef DARKROOM_PIXELS_H
#define DARKROOM_PIXELS_H

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

#endif
