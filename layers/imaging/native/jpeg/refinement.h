// Successive approximation: a scan with the last bit of every AC coefficient (T.81, G.1.2.3).
#ifndef JPEG_REFINEMENT_H
#define JPEG_REFINEMENT_H

#include "component.h"
#include "symbols.h"

// With more corrections than these, a run of blocks ends.
enum { JPEG_MOST_WAITING = 961 };

void jpeg_put_refinement(const struct component *component, struct symbols *symbols);

#endif
