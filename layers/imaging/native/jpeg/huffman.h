// Huffman codes fitted to the symbols of one scan (T.81, annex K.2).
#ifndef JPEG_HUFFMAN_H
#define JPEG_HUFFMAN_H

#include <stdint.h>

struct huffman {
    uint8_t counts[17];   // BITS: number of codes of each length, from 1
    uint8_t symbols[256]; // HUFFVAL: symbols by length
    int size;             // number of symbols
    uint16_t code[256];
    uint8_t length[256]; // 0 for a symbol that does not occur
};

void jpeg_huffman(const uint32_t frequencies[256], struct huffman *huffman);

#endif
