// Huffman tables. ITU-T T.81, annex C and F.2.2.3.
#ifndef DARKROOM_STRICT_TABLES_H
#define DARKROOM_STRICT_TABLES_H

#include "bits.h"

#define LOOKUP_BITS 10
#define NO_SYMBOL (-1)

struct huffman_table {
    bool defined;
    uint16_t lookup[1 << LOOKUP_BITS]; // the code's length << 8 | symbol; 0 for longer codes
    int32_t beyond[17];                // the first number that is no code of this length, as 16 bits
    int32_t offset[17];                // from a code of this length to the index of its symbol
    uint8_t symbols[256];
};

// Returns false if the lengths describe no code. `counts` has 16 numbers, `symbols` as many as their sum.
bool define_table(struct huffman_table *table, const uint8_t *counts, const uint8_t *symbols);

// Defines those of the first two tables of each kind that Motion JPEG leaves out: K.3.
void define_standard_tables(struct huffman_table dc[2], struct huffman_table ac[2]);

// Finds the symbol of a code longer than LOOKUP_BITS, and the code's length; NO_SYMBOL for other bits.
int long_symbol(int32_t bits, const struct huffman_table *table, int *length);

// Takes the next symbol; NO_SYMBOL for a code that the table lacks. Needs 16 bits held, or the end of the data.
static inline int take_symbol(struct bit_reader *reader, const struct huffman_table *table) {
    uint16_t found = table->lookup[peek(reader, LOOKUP_BITS)];
    if (!found) {
        int length = 0, symbol = long_symbol((int32_t)peek(reader, 16), table, &length);
        skip(reader, length);
        return symbol;
    }
    skip(reader, found >> 8);
    return found & 0xFF;
}

#endif
