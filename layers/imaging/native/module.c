// The Python module `darkroom_native`. Its functions take bytes-like objects, and release the GIL while they compute.

#include "module_parts.h"

static int add_parts(PyObject *module) {
    return add_faces(module) || add_jpeg(module) || add_resize(module) || add_saliency(module) ||
                   add_ssimulacra2(module) || add_strict(module)
               ? -1
               : 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_parts},
    {0, NULL},
};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "darkroom_native",
    .m_doc = "The engine's native code.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit_darkroom_native(void) {
    return PyModuleDef_Init(&definition);
}
