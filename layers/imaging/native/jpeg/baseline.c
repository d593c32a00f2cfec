#include <string.h>

#include "markers.h"
#include "scans.h"
#include "symbols.h"

// The symbols of DC and AC for luma (0) or chroma (1).
struct tables {
    struct symbols dc[2], ac[2];
};

static void put_block(const struct component *component, size_t index, int *prediction, struct symbols *dc,
                      struct symbols *ac) {
    const int16_t *block = component->blocks[index];
    jpeg_put_value(dc, 0, block[0] - *prediction);
    *prediction = block[0];
    int before = 0;
    for (uint64_t left = component->nonzero[index]; left; left &= left - 1) {
        int k = __builtin_ctzll(left), run = k - before - 1;
        for (; run > 15; run -= 16) jpeg_put_symbol(ac, JPEG_ZRL, 0, 0);
        jpeg_put_value(ac, run, block[k]);
        before = k;
    }
    if (before < 63) jpeg_put_symbol(ac, JPEG_EOB, 0, 0);
}

// Blocks beyond the picture fill the last units of an interleaved scan (T.81, A.2.4): as cheap as possible.
static void put_filler(struct symbols *dc, struct symbols *ac) {
    jpeg_put_value(dc, 0, 0);
    jpeg_put_symbol(ac, JPEG_EOB, 0, 0);
}

static void put_unit(const struct component *component, int row, int column, int *prediction, struct symbols *dc,
                     struct symbols *ac) {
    for (int y = row * component->sampling; y < (row + 1) * component->sampling; y++)
        for (int x = column * component->sampling; x < (column + 1) * component->sampling; x++)
            if (y < component->rows && x < component->columns)
                put_block(component, (size_t)y * component->columns + x, prediction, dc, ac);
            else
                put_filler(dc, ac);
}

static void put_all(const struct component *components, int count, struct tables *tables) {
    int predictions[3] = {0}, sampling = components[0].sampling;
    int rows = (components[0].rows + sampling - 1) / sampling;
    int columns = (components[0].columns + sampling - 1) / sampling;
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            for (int c = 0; c < count; c++)
                put_unit(&components[c], row, column, &predictions[c], &tables->dc[c > 0], &tables->ac[c > 0]);
}

void jpeg_put_baseline(struct file *file, const struct component *components, int count) {
    struct tables tables;
    struct huffman codes[4];
    memset(&tables, 0, sizeof tables);
    put_all(components, count, &tables);
    jpeg_put_header(file, components, count, false);
    for (int i = 0; i < (count > 1 ? 2 : 1); i++) {
        jpeg_huffman(tables.dc[i].counts, &codes[2 * i]);
        jpeg_huffman(tables.ac[i].counts, &codes[2 * i + 1]);
        jpeg_put_table(file, 0, i, &codes[2 * i]);
        jpeg_put_table(file, 1, i, &codes[2 * i + 1]);
        tables.dc[i].file = tables.ac[i].file = file;
        tables.dc[i].huffman = &codes[2 * i];
        tables.ac[i].huffman = &codes[2 * i + 1];
    }
    jpeg_put_scan(file, &(struct scan){.to = count - 1, .destinations = {0, 1, 1}, .last = 63});
    put_all(components, count, &tables);
    jpeg_end_bits(file);
    jpeg_put_end(file);
}
