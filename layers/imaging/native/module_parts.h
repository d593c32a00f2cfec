// The parts of the module. Each adds its functions to the module, and returns -1 with a Python error if that fails.
#ifndef DARKROOM_MODULE_PARTS_H
#define DARKROOM_MODULE_PARTS_H

#include "stable_abi.h"

int add_avif(PyObject *module);
int add_faces(PyObject *module);
int add_jpeg(PyObject *module);
int add_resize(PyObject *module);
int add_saliency(PyObject *module);
int add_ssimulacra2(PyObject *module);
int add_strict(PyObject *module);
int add_subsampling(PyObject *module);

#endif
