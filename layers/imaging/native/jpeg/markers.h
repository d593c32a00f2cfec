// Marker segments (T.81, annex B).
#ifndef JPEG_MARKERS_H
#define JPEG_MARKERS_H

#include <stdbool.h>

#include "bits.h"
#include "component.h"
#include "huffman.h"

// SOI, APP0 (JFIF, T.871), DQT and SOF0 or SOF2.
void jpeg_put_header(struct file *file, const struct component *components, int count, bool progressive);

// DHT for one table; `class` 0 for DC, 1 for AC.
void jpeg_put_table(struct file *file, int class, int destination, const struct huffman *huffman);

void jpeg_put_end(struct file *file);

// SOS for a scan of the components `from` to `to`; both tables of a component have one destination.
struct scan {
    int from, to;
    int destinations[3];
    int first, last; // Ss and Se
    int high, low;   // Ah and Al
};
void jpeg_put_scan(struct file *file, const struct scan *scan);

// Size of a DHT and an SOS segment for one component, in bits.
double jpeg_scan_overhead(const struct huffman *huffman);

#endif
