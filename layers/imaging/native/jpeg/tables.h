// Quantisation tables by quality.
#ifndef JPEG_TABLES_H
#define JPEG_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "tuning.h"

// Fills the table of component 0 to 2 (Y, Cb, Cr) in zigzag order. `small`: a side is below 113 pixels.
void jpeg_table(const struct jpeg_tuning *tuning, int component, double quality, bool small, uint16_t steps[64]);

#endif
