#include "tables.h"

#include <string.h>

bool define_table(struct huffman_table *table, const uint8_t *counts, const uint8_t *symbols) {
    int32_t code = 0;
    int index = 0;
    memset(table, 0, sizeof *table);
    for (int length = 1; length <= 16; length++) {
        table->offset[length] = index - code;
        for (int i = 0; i < counts[length - 1]; i++, code++, index++) {
            if (code >> length || index >= 256) return false;
            table->symbols[index] = symbols[index];
            if (length > LOOKUP_BITS) continue;
            int first = code << (LOOKUP_BITS - length);
            for (int j = 0; j < 1 << (LOOKUP_BITS - length); j++)
                table->lookup[first + j] = (uint16_t)(length << 8 | symbols[index]);
        }
        table->beyond[length] = code << (16 - length);
        code <<= 1;
    }
    table->defined = true;
    return true;
}

int long_symbol(int32_t bits, const struct huffman_table *table, int *length) {
    for (int i = LOOKUP_BITS + 1; i <= 16; i++) {
        if (bits >= table->beyond[i]) continue;
        *length = i;
        return table->symbols[(bits >> (16 - i)) + table->offset[i]];
    }
    return NO_SYMBOL;
}
