#include "markers.h"

enum { SOF0 = 0xFFC0, SOF2 = 0xFFC2, DHT = 0xFFC4, SOI = 0xFFD8, EOI = 0xFFD9, SOS = 0xFFDA, DQT = 0xFFDB, APP0 = 0xFFE0 };

static const uint8_t JFIF[14] = {'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};

void jpeg_put_header(struct file *file, const struct component *components, int count, bool progressive) {
    jpeg_put_number(file, SOI);
    jpeg_put_number(file, APP0);
    jpeg_put_number(file, 2 + (int)sizeof JFIF);
    for (size_t i = 0; i < sizeof JFIF; i++) jpeg_put_byte(file, JFIF[i]);
    jpeg_put_number(file, DQT);
    jpeg_put_number(file, 2 + 65 * count);
    for (int c = 0; c < count; c++) {
        jpeg_put_byte(file, c);
        for (int k = 0; k < 64; k++) jpeg_put_byte(file, components[c].steps[k]);
    }
    jpeg_put_number(file, progressive ? SOF2 : SOF0);
    jpeg_put_number(file, 8 + 3 * count);
    jpeg_put_byte(file, 8);
    jpeg_put_number(file, components[0].height);
    jpeg_put_number(file, components[0].width);
    jpeg_put_byte(file, count);
    for (int c = 0; c < count; c++) {
        jpeg_put_byte(file, c + 1);
        jpeg_put_byte(file, components[c].sampling << 4 | components[c].sampling);
        jpeg_put_byte(file, c);
    }
}

void jpeg_put_table(struct file *file, int class, int destination, const struct huffman *huffman) {
    jpeg_put_number(file, DHT);
    jpeg_put_number(file, 19 + huffman->size);
    jpeg_put_byte(file, class << 4 | destination);
    for (int length = 1; length <= 16; length++) jpeg_put_byte(file, huffman->counts[length]);
    for (int i = 0; i < huffman->size; i++) jpeg_put_byte(file, huffman->symbols[i]);
}

void jpeg_put_scan(struct file *file, const struct scan *scan) {
    int count = scan->to - scan->from + 1;
    jpeg_put_number(file, SOS);
    jpeg_put_number(file, 6 + 2 * count);
    jpeg_put_byte(file, count);
    for (int c = scan->from; c <= scan->to; c++) {
        int destination = scan->destinations[c];
        jpeg_put_byte(file, c + 1);
        jpeg_put_byte(file, destination << 4 | destination);
    }
    jpeg_put_byte(file, scan->first);
    jpeg_put_byte(file, scan->last);
    jpeg_put_byte(file, scan->high << 4 | scan->low);
}

void jpeg_put_end(struct file *file) { jpeg_put_number(file, EOI); }

double jpeg_scan_overhead(const struct huffman *huffman) { return 8 * (2 + 19 + huffman->size + 10); }
