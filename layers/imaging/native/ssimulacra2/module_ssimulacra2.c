#include "module_parts.h"
#include "ssimulacra2/ssimulacra2.h"

enum { LONGEST_SIDE = 65535 };

// Scores two buffers of width x height x 3 bytes; NULL with a Python error if that fails.
static PyObject *score_buffers(const Py_buffer *first, const Py_buffer *second, int width, int height) {
    if (width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE)
        return PyErr_Format(PyExc_ValueError, "each side must have 1 to %d pixels", LONGEST_SIDE);
    Py_ssize_t bytes = (Py_ssize_t)3 * width * height;
    if (first->len != bytes || second->len != bytes)
        return PyErr_Format(PyExc_ValueError, "RGB of %d x %d pixels has %zd bytes", width, height, bytes);
    double score;
    PyThreadState *state = PyEval_SaveThread();
    int failed = ssimulacra2(first->buf, second->buf, width, height, &score);
    PyEval_RestoreThread(state);
    return failed ? PyErr_NoMemory() : PyFloat_FromDouble(score);
}

static PyObject *py_ssimulacra2(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer first, second;
    int width, height;
    if (!PyArg_ParseTuple(arguments, "y*y*ii:ssimulacra2", &first, &second, &width, &height)) return NULL;
    PyObject *score = score_buffers(&first, &second, width, height);
    PyBuffer_Release(&first);
    PyBuffer_Release(&second);
    return score;
}

static PyMethodDef functions[] = {
    {"ssimulacra2", py_ssimulacra2, METH_VARARGS,
     "ssimulacra2(first, second, width, height, /)\n--\n\n"
     "Scores how similar two pictures of 8-bit sRGB look; 100 means the same.\n\n"
     "Raises ValueError for buffers of another size, and MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_ssimulacra2(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
