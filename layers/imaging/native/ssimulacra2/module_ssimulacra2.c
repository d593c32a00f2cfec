#include "module_parts.h"
#include "pixels.h"
#include "ssimulacra2/ssimulacra2.h"

enum { LONGEST_SIDE = 65535 };

// The bytes of a pixel: R, G, B, and perhaps one that is not used; 0 for pixels of another size.
static int bytes_each(const Pixels *pixels, Py_ssize_t count) {
    return pixels->size == 3 * count ? 3 : pixels->size == 4 * count ? 4 : 0;
}

// Scores two pictures of width x height pixels; NULL with a Python error if that fails.
static PyObject *score_pixels(const Pixels *first, const Pixels *second, int width, int height) {
    if (width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE)
        return PyErr_Format(PyExc_ValueError, "each side must have 1 to %d pixels", LONGEST_SIDE);
    Py_ssize_t count = (Py_ssize_t)width * height;
    Rgb pictures[2] = {{first->bytes, bytes_each(first, count)}, {second->bytes, bytes_each(second, count)}};
    if (!pictures[0].bytes_each || !pictures[1].bytes_each)
        return PyErr_Format(PyExc_ValueError, "%d x %d pixels of RGB have another number of bytes", width, height);
    double score;
    PyThreadState *state = PyEval_SaveThread();
    int failed = ssimulacra2(pictures, width, height, &score);
    PyEval_RestoreThread(state);
    return failed ? PyErr_NoMemory() : PyFloat_FromDouble(score);
}

static PyObject *py_ssimulacra2(PyObject *module, PyObject *arguments) {
    (void)module;
    Pixels first, second;
    int width, height;
    if (!PyArg_ParseTuple(arguments, "O&O&ii:ssimulacra2", take_pixels, &first, take_pixels, &second, &width, &height))
        return NULL;
    PyObject *score = score_pixels(&first, &second, width, height);
    release_pixels(&first);
    release_pixels(&second);
    return score;
}

static PyMethodDef functions[] = {
    {"ssimulacra2", py_ssimulacra2, METH_VARARGS,
     "ssimulacra2(first, second, width, height, /)\n--\n\n"
     "Scores how similar two pictures of 8-bit sRGB look; 100 means the same.\n\n"
     "A pixel has 3 bytes, or 4, of which the last is not used. Raises ValueError for buffers of another size, and MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_ssimulacra2(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
