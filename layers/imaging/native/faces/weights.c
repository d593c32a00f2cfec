#include "weights.h"

// Part of the read-only data: it is read from disk when a face is first looked for, not before.
__asm__(".pushsection .rodata\n"
        ".balign 64\n"
        ".globl YUNET\n"
        ".hidden YUNET\n"
        "YUNET:\n"
        ".incbin \"faces/yunet.bin\"\n"
        ".popsection\n");
