#define _DEFAULT_SOURCE // for madvise

#include "pages.h"

#include <stdint.h>
#include <sys/mman.h>

static const uintptr_t LARGE = 2 << 20;

void use_large_pages(const void *memory, size_t bytes) {
    uintptr_t first = ((uintptr_t)memory + LARGE - 1) / LARGE * LARGE, end = ((uintptr_t)memory + bytes) / LARGE * LARGE;
    if (first < end) madvise((void *)first, end - first, MADV_HUGEPAGE);
}
