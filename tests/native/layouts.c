// Prints the layouts and values that stable_abi.h declares.
#include "stable_abi.h"

#include <stdio.h>

#define FIELD(type, field) printf(#type "." #field " %zu\n", offsetof(type, field))

int main(void) {
    printf("%zu %zu %zu %zu\n", sizeof(Py_buffer), sizeof(PyMethodDef), sizeof(PyModuleDef_Slot), sizeof(PyModuleDef));
    printf("%d %d %d %d\n", METH_VARARGS, PyBUF_SIMPLE, Py_mod_exec, Py_CLEANUP_SUPPORTED);
    FIELD(PyObject, ob_type);
    FIELD(Py_buffer, obj), FIELD(Py_buffer, len), FIELD(Py_buffer, readonly), FIELD(Py_buffer, internal);
    FIELD(PyMethodDef, ml_meth), FIELD(PyMethodDef, ml_flags), FIELD(PyMethodDef, ml_doc);
    FIELD(PyModuleDef, m_name), FIELD(PyModuleDef, m_doc), FIELD(PyModuleDef, m_size);
    FIELD(PyModuleDef, m_methods), FIELD(PyModuleDef, m_slots), FIELD(PyModuleDef, m_free);
    return 0;
}
