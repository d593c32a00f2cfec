#include <stdbool.h>

#include "module_parts.h"
#include "pages.h"
#include "pixels.h"
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

static PyObject *py_draw_jpeg(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer content;
    Pixels pixels;
    int eighths;
    if (!PyArg_ParseTuple(arguments, "y*iO&:draw_jpeg", &content, &eighths, take_pixels, &pixels)) return NULL;
    const char *found = NULL;
    bool is_valid = (eighths == 4 || eighths == 8) && !pixels.view.readonly;
    if (is_valid) {
        PyThreadState *state = PyEval_SaveThread();
        use_large_pages(pixels.bytes, (size_t)pixels.size);
        found = jpeg_draw(content.buf, (size_t)content.len, eighths, (uint8_t *)pixels.bytes, (size_t)pixels.size);
        PyEval_RestoreThread(state);
    }
    release_pixels(&pixels);
    PyBuffer_Release(&content);
    if (!is_valid) return PyErr_Format(PyExc_ValueError, "there must be 4 or 8 eighths, and pixels that may change");
    if (found == JPEG_FAULT_NO_MEMORY) return PyErr_NoMemory();
    return PyUnicode_FromString(found ? found : "");
}

static PyMethodDef functions[] = {
    {"jpeg_fault", py_jpeg_fault, METH_VARARGS,
     "jpeg_fault(content, /)\n--\n\n"
     "Decodes all coefficients of a Huffman-coded JPEG; returns the first fault, or an empty text.\n\n"
     "Accepts what browsers show whole. Takes at most 4 bytes for each 8 pixels. Raises MemoryError."},
    {"draw_jpeg", py_draw_jpeg, METH_VARARGS,
     "draw_jpeg(content, eighths, picture, /)\n--\n\n"
     "Checks as jpeg_fault does, and draws into a picture with the width and height times eighths / 8, rounded up.\n\n"
     "Returns the first fault, an empty text, or \"only libjpeg can draw it\" for JPEGs that are not sequential, or not\n"
     "grey, 4:4:4, 4:2:2 or 4:2:0 in one scan. eighths: 4 or 8. Raises ValueError and MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_strict(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
