#include "module_parts.h"
#include "pixels.h"
#include "subsampling/shown.h"
#include "subsampling/steps.h"

enum { LONGEST_SIDE = 1 << 16, MOST_PIXELS = 1 << 28 };

// Raises ValueError and returns false if the pixels, of four bytes, don't have this size, or it is out of range.
static bool has_size(const Pixels *pixels, int width, int height) {
    if (!check_size(pixels->size, width, height, 4, LONGEST_SIDE)) return false;
    if ((Py_ssize_t)width * height <= MOST_PIXELS) return true;
    PyErr_Format(PyExc_ValueError, "there must be at most %d pixels", MOST_PIXELS);
    return false;
}

static PyObject *py_colour_steps(PyObject *module, PyObject *arguments) {
    (void)module;
    Pixels pixels;
    int width, height, step, steps = 0;
    if (!PyArg_ParseTuple(arguments, "O&iii:colour_steps", take_pixels, &pixels, &width, &height, &step)) return NULL;
    bool is_valid = has_size(&pixels, width, height);
    if (is_valid) {
        PyThreadState *state = PyEval_SaveThread();
        steps = colour_steps(pixels.bytes, width, height, step);
        PyEval_RestoreThread(state);
    }
    release_pixels(&pixels);
    if (!is_valid) return NULL;
    return steps < 0 ? PyErr_NoMemory() : Py_BuildValue("i", steps);
}

// NULL with a Python error if that fails.
static PyObject *shown_pixels(const struct jpeg_picture *picture) {
    PyObject *shown = PyBytes_FromStringAndSize(NULL, 4 * (Py_ssize_t)picture->width * picture->height);
    if (!shown) return NULL;
    uint8_t *bytes = (uint8_t *)PyBytes_AsString(shown);
    PyThreadState *state = PyEval_SaveThread();
    bool has_memory = shown_subsampled(picture, bytes);
    PyEval_RestoreThread(state);
    if (has_memory) return shown;
    Py_DecRef(shown);
    return PyErr_NoMemory();
}

static PyObject *py_shown_subsampled(PyObject *module, PyObject *arguments) {
    (void)module;
    Pixels pixels;
    struct jpeg_picture picture = {.channels = 4};
    PyObject *shown = NULL;
    if (!PyArg_ParseTuple(arguments, "O&ii:shown_subsampled", take_pixels, &pixels, &picture.width, &picture.height))
        return NULL;
    if (has_size(&pixels, picture.width, picture.height)) {
        picture.pixels = pixels.bytes;
        picture.stride = 4 * (size_t)picture.width;
        shown = shown_pixels(&picture);
    }
    release_pixels(&pixels);
    return shown;
}

static PyMethodDef functions[] = {
    {"colour_steps", py_colour_steps, METH_VARARGS,
     "colour_steps(pixels, width, height, step, /)\n--\n\n"
     "Counts the samples of Cb and Cr that 4:2:0 changes by at least a step. pixels: Y, Cb, Cr and an unused byte.\n\n"
     "Raises ValueError for a buffer of another size or a side out of range, and MemoryError."},
    {"shown_subsampled", py_shown_subsampled, METH_VARARGS,
     "shown_subsampled(pixels, width, height, /)\n--\n\n"
     "Returns Y, Cb, Cr and 255 of each pixel, from the planes that avif_planes makes with 4:2:0, with chroma doubled\n"
     "linearly. pixels: R, G, B and an unused byte.\n\n"
     "Raises ValueError for a buffer of another size or a side out of range, and MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_subsampling(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
