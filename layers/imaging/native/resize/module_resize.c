#include "module_parts.h"
#include "pages.h"
#include "pixels.h"
#include "resize/resize.h"

enum { LONGEST_SIDE = 1 << 20 };

// Raises ValueError and returns -1 if the arguments don't fit together.
static int check(const Pixels *pixels, const Picture *picture, const Box *box, const Pixels *result, int width, int height) {
    int sides[] = {picture->width, picture->height, width, height};
    for (int i = 0; i < 4; i++)
        if (sides[i] < 1 || sides[i] > LONGEST_SIDE) {
            PyErr_Format(PyExc_ValueError, "each side must have 1 to %d pixels", LONGEST_SIDE);
            return -1;
        }
    Py_ssize_t size = (Py_ssize_t)picture->width * picture->height * picture->channels;
    Py_ssize_t new_size = (Py_ssize_t)width * height * picture->channels;
    const char *fault = NULL;
    if (picture->channels < 1 || picture->channels > MAX_CHANNELS) fault = "there must be 1 to 4 channels";
    else if (pixels->size != size || result->size != new_size || result->view.readonly)
        fault = "a picture has another number of bytes for its channels, or may not change";
    else if (!(box->left >= 0 && box->left < box->right && box->right <= picture->width && box->top >= 0 &&
               box->top < box->bottom && box->bottom <= picture->height))
        fault = "the box must be a part of the picture";
    if (fault) PyErr_Format(PyExc_ValueError, fault);
    return fault ? -1 : 0;
}

static PyObject *py_resize(PyObject *module, PyObject *arguments) {
    (void)module;
    Pixels pixels, result;
    Picture picture = {0};
    Box box;
    int width, height;
    if (!PyArg_ParseTuple(arguments, "O&iiiO&ii(dddd):resize", take_pixels, &pixels, &picture.width, &picture.height,
                          &picture.channels, take_pixels, &result, &width, &height, &box.left, &box.top, &box.right,
                          &box.bottom))
        return NULL;
    int failed = check(&pixels, &picture, &box, &result, width, height), has_memory = 1;
    if (!failed) {
        picture.pixels = pixels.bytes;
        PyThreadState *state = PyEval_SaveThread();
        use_large_pages(result.bytes, (size_t)result.size);
        has_memory = !resize(&picture, &box, (uint8_t *)result.bytes, width, height);
        PyEval_RestoreThread(state);
    }
    release_pixels(&pixels);
    release_pixels(&result);
    if (!has_memory) return PyErr_NoMemory();
    return failed ? NULL : Py_BuildValue("");
}

static PyMethodDef functions[] = {
    {"resize", py_resize, METH_VARARGS,
     "resize(pixels, width, height, channels, result, new_width, new_height, box, /)\n--\n\n"
     "Resizes the box (left, top, right, bottom) of a picture of 8 bits with a Lanczos filter, into another.\n\n"
     "Raises ValueError for buffers of another size or a box outside of the picture, and MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_resize(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
