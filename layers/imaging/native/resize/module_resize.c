#include "module_parts.h"
#include "pages.h"
#include "pixels.h"
#include "resize/resize.h"

enum { LONGEST_SIDE = 1 << 20 };

// Raises ValueError and returns false if the arguments don't fit together.
static bool check(const Pixels *pixels, const Picture *picture, const Box *box, const Pixels *result, int width, int height) {
    if (!check_size(pixels->size, picture->width, picture->height, picture->channels, LONGEST_SIDE) ||
        !check_size(result->size, width, height, picture->channels, LONGEST_SIDE))
        return false;
    bool is_inside = box->left >= 0 && box->left < box->right && box->right <= picture->width && box->top >= 0 &&
                     box->top < box->bottom && box->bottom <= picture->height;
    if (is_inside && !result->view.readonly) return true;
    PyErr_Format(PyExc_ValueError, is_inside ? "the result may not change" : "the box must be a part of the picture");
    return false;
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
    bool is_valid = check(&pixels, &picture, &box, &result, width, height), has_memory = true;
    if (is_valid) {
        picture.pixels = pixels.bytes;
        PyThreadState *state = PyEval_SaveThread();
        use_large_pages(result.bytes, (size_t)result.size);
        has_memory = !resize(&picture, &box, (uint8_t *)result.bytes, width, height);
        PyEval_RestoreThread(state);
    }
    release_pixels(&pixels);
    release_pixels(&result);
    if (!has_memory) return PyErr_NoMemory();
    return is_valid ? Py_BuildValue("") : NULL;
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
