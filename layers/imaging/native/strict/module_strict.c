#include "module_parts.h"
#include "strict.h"

static PyObject *py_jpeg_fault(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer content;
    if (!PyArg_ParseTuple(arguments, "y*:jpeg_fault", &content)) return NULL;
    PyThreadState *state = PyEval_SaveThread();
    const char *found = jpeg_fault(content.buf, (size_t)content.len);
    PyEval_RestoreThread(state);
    PyBuffer_Release(&content);
    if (found == JPEG_FAULT_NO_MEMORY) return PyErr_NoMemory();
    return PyUnicode_FromString(found ? found : "");
}

static PyMethodDef functions[] = {
    {"jpeg_fault", py_jpeg_fault, METH_VARARGS,
     "jpeg_fault(content, /)\n--\n\n"
     "Decodes all coefficients of a Huffman-coded JPEG; returns the first fault, or an empty text.\n\n"
     "Accepts what browsers show whole. Takes at most 4 bytes for each 8 pixels. Raises MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_strict(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
