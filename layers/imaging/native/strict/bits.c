#include "bits.h"

struct bit_reader held_slowly(struct bit_reader reader) {
    while (reader.count <= 56 && reader.at < reader.end) {
        uint8_t byte = *reader.at;
        if (byte == 0xFF) {
            const uint8_t *next = reader.at + 1;
            while (next < reader.end && *next == 0xFF) next++; // fill bytes, B.1.1.2
            if (next >= reader.end || *next) break;            // a marker
            reader.at = next;                                  // a stuffed zero
        }
        reader.at++;
        if (reader.count >= 0) reader.held |= (uint64_t)byte << (56 - reader.count);
        reader.count += 8;
    }
    return reader;
}
