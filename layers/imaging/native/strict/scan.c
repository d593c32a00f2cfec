#include "faults.h"
#include "picture.h"

// Decodes the blocks of one MCU; a scan of one component has one block in each. A.2.
static fault decode_mcu(struct scan *scan, block_decoder decode, int row, int column) {
    for (int i = 0; i < scan->components; i++) {
        struct component *component = scan->component[i];
        int across = scan->components > 1 ? component->across : 1, down = scan->components > 1 ? component->down : 1;
        for (int y = row * down; y < (row + 1) * down; y++)
            for (int x = column * across; x < (column + 1) * across; x++) {
                fault found = decode(scan, component, (size_t)y * (size_t)component->padded_wide + (size_t)x);
                if (found) return found;
            }
    }
    return NULL;
}

enum { MOST_ZEROS = 64 }; // more of them were once data

// True if there are fill bytes only, up to the marker: a few bytes of 0, or any number of 255.
static bool is_fill(struct bit_reader reader) {
    int first = (int)peek(&reader, 8), count = 0;
    for (hold(&reader); reader.count >= 8; hold(&reader), count++)
        if (take(&reader, 8) != first) return false;
    return first == 0xFF || (first == 0 && count <= MOST_ZEROS);
}

// Moves to the marker behind an interval.
static fault end_of_interval(struct scan *scan) {
    struct bit_reader *reader = &scan->reader;
    if (scan->end_of_band_run) return OUTSIDE_SCAN;
    hold(reader);
    skip(reader, reader->count % 8);
    if (!is_fill(*reader)) return SURPLUS;
    for (hold(reader); reader->count >= 8; hold(reader)) skip(reader, 8);
    *reader = (struct bit_reader){.at = reader->at, .end = reader->end};
    return NULL;
}

static fault restart(struct scan *scan, int number) {
    fault found = end_of_interval(scan);
    struct bit_reader *reader = &scan->reader;
    if (found) return found;
    while (reader->end - reader->at > 1 && reader->at[1] == 0xFF) reader->at++;
    if (reader->end - reader->at < 2 || reader->at[1] != 0xD0 + number % 8) return WRONG_RESTART;
    reader->at += 2;
    for (int i = 0; i < scan->components; i++) scan->component[i]->prediction = 0;
    return NULL;
}

fault decode_scan(struct scan *scan) {
    const struct picture *picture = scan->picture;
    const struct component *only = scan->component[0];
    bool is_interleaved = scan->components > 1;
    int wide = is_interleaved ? picture->mcus_wide : only->wide;
    int high = is_interleaved ? picture->mcus_high : only->high;
    int until_restart = picture->restart_interval, restarts = 0;
    block_decoder decode = picture->is_progressive ? progressive_decoder(scan) : sequential_block;
    for (int row = 0; row < high; row++) {
        for (int column = 0; column < wide; column++) {
            fault found = NULL;
            if (picture->restart_interval && until_restart-- == 0) {
                found = restart(scan, restarts++);
                until_restart = picture->restart_interval - 1;
            }
            if (!found) found = decode_mcu(scan, decode, row, column);
            if (found) return found;
        }
        if (picture->drawing) show_rows(picture->drawing, picture, row);
    }
    return end_of_interval(scan);
}
