// The part of CPython's stable ABI that the module uses, as of version 3.13 on 64-bit Linux:
// https://docs.python.org/3.13/c-api/stable.html
//
// Declared here, because Debian's Python comes without headers, and pyconfig.h differs between processors.
// tests/native/test_stable_abi.py compares this file with Python.h where that is installed.
#ifndef DARKROOM_STABLE_ABI_H
#define DARKROOM_STABLE_ABI_H

#include <stddef.h>

#ifdef DARKROOM_WITH_PYTHON_H // in that test
#define Py_LIMITED_API 0x030D0000
#include <Python.h>
#else

typedef ptrdiff_t Py_ssize_t;
typedef struct PyThreadState PyThreadState;

typedef struct {
    Py_ssize_t ob_refcnt;
    void *ob_type;
} PyObject;

typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len;
    Py_ssize_t itemsize;
    int readonly;
    int ndim;
    char *format;
    Py_ssize_t *shape;
    Py_ssize_t *strides;
    Py_ssize_t *suboffsets;
    void *internal;
} Py_buffer;

typedef PyObject *(*PyCFunction)(PyObject *self, PyObject *arguments);

typedef struct {
    const char *ml_name;
    PyCFunction ml_meth;
    int ml_flags;
    const char *ml_doc;
} PyMethodDef;

typedef struct {
    int slot;
    void *value;
} PyModuleDef_Slot;

typedef struct {
    struct {
        PyObject ob_base;
        PyObject *(*m_init)(void);
        Py_ssize_t m_index;
        PyObject *m_copy;
    } m_base;
    const char *m_name;
    const char *m_doc;
    Py_ssize_t m_size;
    PyMethodDef *m_methods;
    PyModuleDef_Slot *m_slots;
    void *m_traverse;
    void *m_clear;
    void *m_free;
} PyModuleDef;

enum { METH_VARARGS = 1, PyBUF_SIMPLE = 0, Py_mod_exec = 2, Py_CLEANUP_SUPPORTED = 0x20000 };

// The reference count makes a static definition immortal.
#define PyModuleDef_HEAD_INIT {{0xFFFFFFFF, NULL}, NULL, 0, NULL}
#define PyMODINIT_FUNC __attribute__((visibility("default"))) PyObject *

#endif

extern PyObject *PyExc_ValueError;

PyObject *PyModuleDef_Init(PyModuleDef *definition);
int PyModule_AddFunctions(PyObject *module, PyMethodDef *functions);


int PyArg_ParseTuple(PyObject *arguments, const char *format, ...);
int PyObject_GetBuffer(PyObject *object, Py_buffer *view, int flags);
void PyBuffer_Release(Py_buffer *view);
int PyObject_HasAttrString(PyObject *object, const char *name);
PyObject *PyObject_CallMethod(PyObject *object, const char *name, const char *format, ...);
PyObject *Py_BuildValue(const char *format, ...);
PyObject *PyTuple_Pack(Py_ssize_t size, ...);
PyObject *PyTuple_GetItem(PyObject *tuple, Py_ssize_t index);
PyObject *PyCapsule_New(void *pointer, const char *name, void (*destructor)(PyObject *));
void *PyCapsule_GetPointer(PyObject *capsule, const char *name);
PyObject *PyBytes_FromStringAndSize(const char *bytes, Py_ssize_t size);
char *PyBytes_AsString(PyObject *bytes);
void Py_DecRef(PyObject *object);
PyObject *PyFloat_FromDouble(double value);
PyObject *PyUnicode_FromString(const char *text);

PyThreadState *PyEval_SaveThread(void);
void PyEval_RestoreThread(PyThreadState *state);
PyObject *PyErr_Format(PyObject *type, const char *format, ...);
PyObject *PyErr_NoMemory(void);

#endif
