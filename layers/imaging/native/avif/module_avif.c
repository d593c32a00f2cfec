#include "avif/planes.h"
#include "module_parts.h"
#include "pixels.h"

enum { LONGEST_SIDE = 1 << 16 };

// Makes the planes without the GIL; NULL with a Python error if that fails.
static PyObject *planes_of(const struct jpeg_picture *picture, bool subsampled) {
    size_t size = avif_planes_bytes(picture->width, picture->height, subsampled);
    PyObject *planes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (!planes) return NULL;
    uint8_t *bytes = (uint8_t *)PyBytes_AsString(planes);
    PyThreadState *state = PyEval_SaveThread();
    bool has_memory = avif_planes(picture, subsampled, bytes);
    PyEval_RestoreThread(state);
    if (has_memory) return planes;
    Py_DecRef(planes);
    return PyErr_NoMemory();
}

static PyObject *checked_planes_of(const Pixels *pixels, struct jpeg_picture *picture, bool subsampled) {
    if (!check_size(pixels->size, picture->width, picture->height, picture->channels, LONGEST_SIDE)) return NULL;
    if (picture->channels < 3) return PyErr_Format(PyExc_ValueError, "there must be 3 or 4 channels");
    picture->pixels = pixels->bytes;
    picture->stride = (size_t)picture->width * picture->channels;
    return planes_of(picture, subsampled);
}

static PyObject *py_avif_planes(PyObject *module, PyObject *arguments) {
    (void)module;
    Pixels pixels;
    struct jpeg_picture picture = {0};
    int subsampled;
    if (!PyArg_ParseTuple(arguments, "O&iiip:avif_planes", take_pixels, &pixels, &picture.width, &picture.height,
                          &picture.channels, &subsampled))
        return NULL;
    PyObject *planes = checked_planes_of(&pixels, &picture, subsampled);
    release_pixels(&pixels);
    return planes;
}

static PyMethodDef functions[] = {
    {"avif_planes", py_avif_planes, METH_VARARGS,
     "avif_planes(pixels, width, height, channels, subsampled, /)\n--\n\n"
     "Converts 8-bit sRGB (3 channels, or 4 with one that is not used) to the planes Y, Cb and Cr of an AVIF: full\n"
     "range, BT.601. With 4:2:0 they are prepared for decoders that interpolate chroma.\n\n"
     "Raises ValueError for a buffer of another size or a value out of range, and MemoryError."},
    {NULL, NULL, 0, NULL},
};

int add_avif(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
