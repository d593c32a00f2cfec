#include <stdlib.h>

#include "module_parts.h"
#include "pixels.h"
#include "saliency/saliency.h"

// Measures saliency without the GIL; NULL with a Python error if that fails.
static PyObject *levels_of(const Py_buffer *pixels, int width, int height) {
    if (!check_size(pixels->len, width, height, 3, SALIENCY_MAX_SIDE)) return NULL;
    size_t count = (size_t)width * (size_t)height;
    uint8_t *levels = malloc(count);
    if (!levels) return PyErr_NoMemory();
    PyThreadState *state = PyEval_SaveThread();
    int failed = saliency(pixels->buf, width, height, levels);
    PyEval_RestoreThread(state);
    PyObject *bytes = failed ? PyErr_NoMemory() : PyBytes_FromStringAndSize((const char *)levels, (Py_ssize_t)count);
    free(levels);
    return bytes;
}

static PyObject *py_saliency(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer pixels;
    int width, height;
    if (!PyArg_ParseTuple(arguments, "y*ii:saliency", &pixels, &width, &height)) return NULL;
    PyObject *bytes = levels_of(&pixels, width, height);
    PyBuffer_Release(&pixels);
    return bytes;
}

static PyMethodDef functions[] = {
    {"saliency", py_saliency, METH_VARARGS,
     "saliency(pixels, width, height, /)\n--\n\n"
     "Returns one byte per pixel of a picture of 8-bit sRGB: how much it stands out from the border.\n\n"
     "Raises ValueError for a buffer of another size or a side above 1024, and MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_saliency(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
