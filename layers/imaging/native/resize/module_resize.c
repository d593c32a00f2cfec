#include "module_parts.h"
#include "pixels.h"
#include "resize/resize.h"

enum { LONGEST_SIDE = 1 << 20 };

// Returns the resized pixels; NULL with a Python error if that fails.
static PyObject *resize_picture(const Picture *picture, const Box *box, int width, int height) {
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)width * height * picture->channels);
    if (!bytes) return NULL;
    uint8_t *resized = (uint8_t *)PyBytes_AsString(bytes);
    PyThreadState *state = PyEval_SaveThread();
    int failed = resize(picture, box, resized, width, height);
    PyEval_RestoreThread(state);
    if (!failed) return bytes;
    Py_DecRef(bytes);
    return PyErr_NoMemory();
}

static PyObject *resize_pixels(const Pixels *pixels, Picture *picture, const Box *box, int width, int height) {
    int sides[] = {picture->width, picture->height, width, height};
    for (int i = 0; i < 4; i++)
        if (sides[i] < 1 || sides[i] > LONGEST_SIDE)
            return PyErr_Format(PyExc_ValueError, "each side must have 1 to %d pixels", LONGEST_SIDE);
    if (picture->channels < 1 || picture->channels > MAX_CHANNELS)
        return PyErr_Format(PyExc_ValueError, "there must be 1 to %d channels", MAX_CHANNELS);
    if (pixels->size != (Py_ssize_t)picture->width * picture->height * picture->channels)
        return PyErr_Format(PyExc_ValueError, "%d x %d pixels of %d channels have another number of bytes",
                            picture->width, picture->height, picture->channels);
    if (!(box->left >= 0 && box->left < box->right && box->right <= picture->width && box->top >= 0 &&
          box->top < box->bottom && box->bottom <= picture->height))
        return PyErr_Format(PyExc_ValueError, "the box must be a part of the picture");
    picture->pixels = pixels->bytes;
    return resize_picture(picture, box, width, height);
}

static PyObject *py_resize(PyObject *module, PyObject *arguments) {
    (void)module;
    Pixels pixels;
    Picture picture = {0};
    Box box;
    int width, height;
    if (!PyArg_ParseTuple(arguments, "O&iiiii(dddd):resize", take_pixels, &pixels, &picture.width, &picture.height,
                          &picture.channels, &width, &height, &box.left, &box.top, &box.right, &box.bottom))
        return NULL;
    PyObject *bytes = resize_pixels(&pixels, &picture, &box, width, height);
    release_pixels(&pixels);
    return bytes;
}

static PyMethodDef functions[] = {
    {"resize", py_resize, METH_VARARGS,
     "resize(pixels, width, height, channels, new_width, new_height, box, /)\n--\n\n"
     "Resizes the box (left, top, right, bottom) of a picture of 8 bits with a Lanczos filter.\n\n"
     "Raises ValueError for buffers of another size or a box outside of the picture, and MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_resize(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
