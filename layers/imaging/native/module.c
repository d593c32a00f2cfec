// The Python module `darkroom_native`. Its functions take bytes-like objects, and release the GIL while they compute.

#include <malloc.h>

#include "module_parts.h"

// Larger blocks than these are given back to the system when they are freed; glibc's own limits are 128 KB at first.
// The buffers of a large picture are given back: keeping them would add a tenth to its peak.
enum { LARGEST_KEPT_BLOCK = 4 << 20, MOST_KEPT = 64 << 20 };

// Encoders take megabytes for each trial and free them again. Pages that come back from the system cost a fault each,
// for small pictures a tenth of all time.
static void keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK);
    mallopt(M_TRIM_THRESHOLD, MOST_KEPT);
}

static int add_parts(PyObject *module) {
    keep_freed_memory();
    return add_avif(module) || add_faces(module) || add_jpeg(module) || add_resize(module) || add_saliency(module) ||
                   add_ssimulacra2(module) || add_strict(module) || add_subsampling(module)
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
