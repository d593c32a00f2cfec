#include "huffman.h"

#include <string.h>

enum { SYMBOLS = 257, RESERVED = 256, MAX_LENGTH = 16 };

// A tree in the making: its symbols are a list that starts at `first`.
struct tree {
    uint64_t frequency;
    int first;
};

// Moves the tree with the lowest frequency to the end; of equal ones, that of the highest symbol.
static void rarest_last(struct tree *trees, int count) {
    int found = 0;
    for (int i = 1; i < count; i++)
        if (trees[i].frequency < trees[found].frequency ||
            (trees[i].frequency == trees[found].frequency && trees[i].first > trees[found].first))
            found = i;
    struct tree swapped = trees[found];
    trees[found] = trees[count - 1];
    trees[count - 1] = swapped;
}

// Merges the two rarest trees until one is left; each merge lengthens the codes of its symbols by a bit.
static void code_sizes(struct tree *trees, int count, int sizes[SYMBOLS]) {
    int next[SYMBOLS];
    memset(next, -1, sizeof next);
    for (; count > 1; count--) {
        rarest_last(trees, count);
        rarest_last(trees, count - 1);
        struct tree *merged = &trees[count - 2], *other = &trees[count - 1];
        int last = merged->first;
        for (int i = merged->first; i >= 0; i = next[i]) sizes[i]++, last = i;
        next[last] = other->first;
        for (int i = other->first; i >= 0; i = next[i]) sizes[i]++;
        merged->frequency += other->frequency;
    }
}

// Limits codes to 16 bits (figure K.3), and removes the reserved code of only ones.
static void limit(int counts[SYMBOLS + 1]) {
    for (int length = SYMBOLS; length > MAX_LENGTH; length--)
        while (counts[length] > 0) {
            int shorter = length - 2;
            while (counts[shorter] == 0) shorter--;
            counts[length] -= 2;
            counts[length - 1]++;
            counts[shorter + 1] += 2;
            counts[shorter]--;
        }
    int longest = MAX_LENGTH;
    while (counts[longest] == 0) longest--;
    counts[longest]--;
}

void jpeg_huffman(const uint32_t frequencies[256], struct huffman *huffman) {
    struct tree trees[SYMBOLS];
    int sizes[SYMBOLS] = {0}, counts[SYMBOLS + 1] = {0}, used = 0;
    memset(huffman, 0, sizeof *huffman);
    // Doubled, so that the reserved symbol is rarer than any other.
    for (int i = 0; i < RESERVED; i++)
        if (frequencies[i]) trees[used++] = (struct tree){2 * (uint64_t)frequencies[i], i};
    if (!used) return;
    trees[used++] = (struct tree){1, RESERVED};
    code_sizes(trees, used, sizes);
    for (int i = 0; i < SYMBOLS; i++) counts[sizes[i]]++;
    counts[0] = 0;
    limit(counts);
    for (int length = 1; length <= SYMBOLS; length++)
        for (int i = 0; i < RESERVED; i++)
            if (sizes[i] == length) huffman->symbols[huffman->size++] = (uint8_t)i;
    unsigned code = 0;
    for (int length = 1, i = 0; length <= MAX_LENGTH; length++, code <<= 1) {
        huffman->counts[length] = (uint8_t)counts[length];
        for (int n = 0; n < counts[length]; n++, i++) {
            huffman->code[huffman->symbols[i]] = (uint16_t)code++;
            huffman->length[huffman->symbols[i]] = (uint8_t)length;
        }
    }
}
