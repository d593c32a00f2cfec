// The Python module `darkroom_native`. Each part adds its functions; they take bytes-like objects, release the
// GIL while they compute, and never change their arguments.

#include "stable_abi.h"

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "darkroom_native",
    .m_doc = "The engine's native code.",
};

PyMODINIT_FUNC PyInit_darkroom_native(void) {
    return PyModuleDef_Init(&definition);
}
