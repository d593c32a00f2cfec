// The weights of SSIMULACRA2's terms.
#ifndef DARKROOM_SSIMULACRA2_WEIGHTS_H
#define DARKROOM_SSIMULACRA2_WEIGHTS_H

enum { CHANNELS = 3, SCALES = 6 };

// The terms of one channel at one scale: three kinds of errors by their mean, then by the fourth root of the mean
// of their fourth power.
enum { STRUCTURE, ADDED_EDGES, LOST_EDGES, KINDS, TERMS = 2 * KINDS };

// Writes the weights of a channel's terms at a scale; returns 0 if all are 0. A picture of fewer scales takes its
// weights from the start of the list, without gaps, as the reference implementation does.
int weights_of(int channel, int scale, int scales, double weights[TERMS]);

#endif
