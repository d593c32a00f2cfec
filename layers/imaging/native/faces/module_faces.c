#include <stdlib.h>

#include "faces/faces.h"
#include "module_parts.h"
#include "pixels.h"

// Finds faces without the GIL; NULL with a Python error if that fails.
static PyObject *faces_of(const Py_buffer *pixels, int width, int height, double threshold) {
    if (!check_size(pixels->len, width, height, 3, FACES_MAX_SIDE)) return NULL;
    struct face *faces;
    size_t count;
    PyThreadState *state = PyEval_SaveThread();
    int failed = find_faces(pixels->buf, width, height, (float)threshold, &faces, &count);
    PyEval_RestoreThread(state);
    if (failed) return PyErr_NoMemory();
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)faces, (Py_ssize_t)(count * sizeof *faces));
    free(faces);
    return bytes;
}

static PyObject *py_find_faces(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer pixels;
    int width, height;
    double threshold;
    if (!PyArg_ParseTuple(arguments, "y*iid:find_faces", &pixels, &width, &height, &threshold)) return NULL;
    PyObject *bytes = faces_of(&pixels, width, height, threshold);
    PyBuffer_Release(&pixels);
    return bytes;
}

static PyMethodDef functions[] = {
    {"find_faces", py_find_faces, METH_VARARGS,
     "find_faces(pixels, width, height, threshold, /)\n--\n\n"
     "Finds the faces in a picture of 8-bit sRGB with a score above the threshold, from 0 to 1.\n\n"
     "Returns 32-bit floats: left, top, right, bottom and score of each, the best first.\n"
     "Raises ValueError for a buffer of another size or a side above 1024, and MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_faces(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
