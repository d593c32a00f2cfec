// Large pages for memory that is written once: Linux then clears it in pieces of 2 MB, not of 4 kB.
#ifndef DARKROOM_PAGES_H
#define DARKROOM_PAGES_H

#include <stddef.h>

// Asks for large pages in memory that has not been written yet; without effect where the system has none.
void use_large_pages(const void *memory, size_t bytes);

#endif
