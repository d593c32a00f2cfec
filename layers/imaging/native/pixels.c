#include "pixels.h"

#include <string.h>

// https://arrow.apache.org/docs/format/CDataInterface.html
struct arrow_schema {
    const char *format, *name, *metadata;
    int64_t flags, child_count;
    struct arrow_schema **children;
};

struct arrow_array {
    int64_t length, null_count, offset, buffer_count, child_count;
    const void **buffers;
    struct arrow_array **children;
};

static const char BYTES[] = "C", FOUR_EACH[] = "+w:4"; // Arrow's formats

static int take_array(Pixels *pixels, const struct arrow_schema *schema, const struct arrow_array *array) {
    if (!strcmp(schema->format, FOUR_EACH) && array->child_count == 1 && !array->offset)
        schema = schema->children[0], array = array->children[0];
    if (strcmp(schema->format, BYTES) || array->buffer_count != 2 || array->offset) {
        PyErr_Format(PyExc_ValueError, "the picture must have pixels of one or four bytes");
        return 0;
    }
    pixels->bytes = array->buffers[1];
    pixels->size = (Py_ssize_t)array->length;
    return 1;
}

static int take_picture(PyObject *source, Pixels *pixels) {
    PyObject *capsules = PyObject_CallMethod(source, "__arrow_c_array__", NULL);
    if (!capsules) return 0;
    pixels->capsules = capsules;
    PyObject *first = PyTuple_GetItem(capsules, 0), *second = PyTuple_GetItem(capsules, 1);
    const struct arrow_schema *schema = first ? PyCapsule_GetPointer(first, "arrow_schema") : NULL;
    const struct arrow_array *array = schema && second ? PyCapsule_GetPointer(second, "arrow_array") : NULL;
    if (array && take_array(pixels, schema, array)) return 1;
    release_pixels(pixels);
    return 0;
}

int take_pixels(PyObject *source, void *filled) {
    Pixels *pixels = filled;
    if (!source) { // the arguments behind it are wrong
        release_pixels(pixels);
        return 0;
    }
    *pixels = (Pixels){0};
    if (PyObject_HasAttrString(source, "__arrow_c_array__")) return take_picture(source, pixels) ? Py_CLEANUP_SUPPORTED : 0;
    if (PyObject_GetBuffer(source, &pixels->view, PyBUF_SIMPLE)) return 0;
    pixels->bytes = pixels->view.buf;
    pixels->size = pixels->view.len;
    return Py_CLEANUP_SUPPORTED;
}

void release_pixels(Pixels *pixels) {
    if (pixels->capsules)
        Py_DecRef(pixels->capsules);
    else
        PyBuffer_Release(&pixels->view);
}

bool check_size(Py_ssize_t size, int width, int height, int channels, int longest_side) {
    bool in_range = width > 0 && height > 0 && width <= longest_side && height <= longest_side;
    if (!in_range || channels < 1 || channels > 4)
        PyErr_Format(PyExc_ValueError, "a side must have 1 to %d pixels, and a pixel 1 to 4 channels", longest_side);
    else if (size != (Py_ssize_t)width * height * channels)
        PyErr_Format(PyExc_ValueError, "%d x %d pixels of %d channels have another number of bytes", width, height, channels);
    else
        return true;
    return false;
}
