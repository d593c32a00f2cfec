#include <stdlib.h>

#include "jpeg.h"
#include "module_parts.h"
#include "pages.h"
#include "pixels.h"
#include "tuning.h"

// Returns a Python error for a status other than JPEG_OK.
static PyObject *error_of(enum jpeg_status status) {
    if (status == JPEG_NO_MEMORY) return PyErr_NoMemory();
    return PyErr_Format(PyExc_ValueError, "the channels, the quality or the tuning is out of range");
}

// Encodes without the GIL; NULL with a Python error if that fails.
static PyObject *encode(const struct jpeg_picture *picture, const struct jpeg_options *options) {
    uint8_t *file;
    size_t size_bytes;
    PyThreadState *state = PyEval_SaveThread();
    enum jpeg_status status = jpeg_encode(picture, options, &file, &size_bytes);
    PyEval_RestoreThread(state);
    if (status != JPEG_OK) return error_of(status);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)file, (Py_ssize_t)size_bytes);
    free(file);
    return bytes;
}

static const char FRAME[] = "darkroom_native.jpeg_frame";

static void release_frame(PyObject *capsule) { jpeg_release(PyCapsule_GetPointer(capsule, FRAME)); }

// The same, up to the quantised coefficients.
static PyObject *quantise(const struct jpeg_picture *picture, const struct jpeg_options *options) {
    struct jpeg_frame *frame;
    PyThreadState *state = PyEval_SaveThread();
    enum jpeg_status status = jpeg_quantise(picture, options, &frame);
    PyEval_RestoreThread(state);
    if (status != JPEG_OK) return error_of(status);
    PyObject *capsule = PyCapsule_New(frame, FRAME, release_frame);
    if (!capsule) jpeg_release(frame);
    return capsule;
}

// Checks the sizes of the arguments, and gives them to `encode` or `quantise`.
static PyObject *encode_pixels(const Pixels *pixels, struct jpeg_picture *picture, struct jpeg_options *options,
                               const Py_buffer *tuning) {
    if (picture->width < 1 || picture->height < 1 || picture->channels < 1 || picture->width > JPEG_MAX_SIDE ||
        picture->height > JPEG_MAX_SIDE || picture->channels > 4)
        return PyErr_Format(PyExc_ValueError, "a side or the channels is out of range");
    Py_ssize_t row = (Py_ssize_t)picture->width * picture->channels;
    if (pixels->size != row * picture->height)
        return PyErr_Format(PyExc_ValueError, "%d x %d pixels of %d channels have another number of bytes",
                            picture->width, picture->height, picture->channels);
    if (tuning->buf && tuning->len != (Py_ssize_t)sizeof(struct jpeg_tuning))
        return PyErr_Format(PyExc_ValueError, "the tuning must have %d bytes", (int)sizeof(struct jpeg_tuning));
    picture->pixels = pixels->bytes;
    picture->stride = (size_t)row;
    options->tuning = tuning->buf;
    return options->shown ? quantise(picture, options) : encode(picture, options);
}

static PyObject *py_encode_jpeg(PyObject *module, PyObject *arguments) {
    (void)module;
    Pixels pixels;
    Py_buffer tuning = {0};
    struct jpeg_picture picture = {0};
    int subsampled, progressive;
    double quality;
    if (!PyArg_ParseTuple(arguments, "O&iiidpp|z*:encode_jpeg", take_pixels, &pixels, &picture.width, &picture.height,
                          &picture.channels, &quality, &subsampled, &progressive, &tuning))
        return NULL;
    struct jpeg_options options = {
        .quality = quality,
        .subsampling = subsampled ? JPEG_420 : JPEG_444,
        .progressive = progressive,
    };
    PyObject *bytes = encode_pixels(&pixels, &picture, &options, &tuning);
    release_pixels(&pixels);
    if (tuning.buf) PyBuffer_Release(&tuning);
    return bytes;
}

// Makes a frame and the pixels that a decoder shows; NULL with a Python error if that fails.
static PyObject *quantise_shown(const Pixels *pixels, struct jpeg_picture *picture, struct jpeg_options *options) {
    Py_ssize_t size = picture->width < 1 || picture->height < 1 ? 0 : (Py_ssize_t)picture->width * picture->height;
    if (picture->channels > 1) size *= 4;
    PyObject *shown = PyBytes_FromStringAndSize(NULL, size), *both = NULL;
    if (!shown) return NULL;
    options->shown = (uint8_t *)PyBytes_AsString(shown);
    use_large_pages(options->shown, (size_t)size);
    PyObject *frame = encode_pixels(pixels, picture, options, &(Py_buffer){0});
    if (frame) {
        both = PyTuple_Pack(2, frame, shown);
        Py_DecRef(frame);
    }
    Py_DecRef(shown);
    return both;
}

static PyObject *py_quantise_jpeg(PyObject *module, PyObject *arguments) {
    (void)module;
    Pixels pixels;
    struct jpeg_picture picture = {0};
    struct jpeg_options options = {.progressive = true};
    int subsampled;
    if (!PyArg_ParseTuple(arguments, "O&iiidp:quantise_jpeg", take_pixels, &pixels, &picture.width, &picture.height,
                          &picture.channels, &options.quality, &subsampled))
        return NULL;
    options.subsampling = subsampled ? JPEG_420 : JPEG_444;
    PyObject *both = quantise_shown(&pixels, &picture, &options);
    release_pixels(&pixels);
    return both;
}

static PyObject *py_write_jpeg(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *capsule;
    if (!PyArg_ParseTuple(arguments, "O:write_jpeg", &capsule)) return NULL;
    struct jpeg_frame *frame = PyCapsule_GetPointer(capsule, FRAME);
    if (!frame) return NULL;
    uint8_t *file;
    size_t size_bytes;
    PyThreadState *state = PyEval_SaveThread();
    enum jpeg_status status = jpeg_write(frame, &file, &size_bytes);
    PyEval_RestoreThread(state);
    if (status != JPEG_OK) return error_of(status);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)file, (Py_ssize_t)size_bytes);
    free(file);
    return bytes;
}

static PyObject *py_jpeg_tuning(PyObject *module, PyObject *arguments) {
    (void)module;
    (void)arguments;
    return PyBytes_FromStringAndSize((const char *)&JPEG_FITTED, (Py_ssize_t)sizeof JPEG_FITTED);
}

static PyMethodDef functions[] = {
    {"encode_jpeg", py_encode_jpeg, METH_VARARGS,
     "encode_jpeg(pixels, width, height, channels, quality, subsampled, progressive, tuning=None, /)\n--\n\n"
     "Encodes 8-bit sRGB (3 channels, or 4 with one that is not used) or grey (1); the same bytes on every processor.\n\n"
     "quality: 1 to 100. subsampled: 4:2:0 instead of 4:4:4. tuning: floats as jpeg_tuning returns them.\n"
     "Raises ValueError for a buffer of another size or a value out of range, and MemoryError."},
    {"quantise_jpeg", py_quantise_jpeg, METH_VARARGS,
     "quantise_jpeg(pixels, width, height, channels, quality, subsampled, /)\n--\n\n"
     "Begins to encode as encode_jpeg does, progressive; returns what write_jpeg needs to write the file, and the\n"
     "pixels that libjpeg-turbo decodes from it: of 4 bytes, R, G, B and 255, or 1 if grey. At least 5 pixels wide.\n\n"
     "Raises ValueError and MemoryError."},
    {"write_jpeg", py_write_jpeg, METH_VARARGS,
     "write_jpeg(frame, /)\n--\n\nWrites the file of what quantise_jpeg returned. Raises ValueError and MemoryError."},
    {"jpeg_tuning", py_jpeg_tuning, METH_VARARGS,
     "jpeg_tuning()\n--\n\nReturns the fitted constants of jpeg/tuning.h: 32-bit floats in their order there."},
    {NULL, NULL, 0, NULL},
};

int add_jpeg(PyObject *module) {
    return PyModule_AddFunctions(module, functions);
}
