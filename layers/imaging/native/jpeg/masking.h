// Visual masking: errors are less visible in busy surroundings.
#ifndef JPEG_MASKING_H
#define JPEG_MASKING_H

#include <stdbool.h>
#include <stddef.h>

// Averages one row of blocks (eight rows of samples) into two rows of cells of 4 x 4 samples.
void jpeg_average_cells(const float *samples, int columns, float *cells);

// Fills the weight of each block's squared error, 1 in flat surroundings: (1 + variance / visible) ** -exponent, from
// the variance of the cells within about three blocks. False if memory is short.
bool jpeg_masking(const float *cells, int columns, int rows, float visible, float exponent, float *weights);

#endif
