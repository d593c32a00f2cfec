#include "strict.h"

#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "picture.h"

const char JPEG_FAULT_NO_MEMORY[] = "out of memory";
const char JPEG_UNSUPPORTED[] = "only libjpeg can draw it";

enum {
    BASELINE = 0xC0, EXTENDED = 0xC1, PROGRESSIVE = 0xC2, TABLES = 0xC4, ARITHMETIC_CONDITIONING = 0xCC,
    FIRST_RESTART = 0xD0, LAST_RESTART = 0xD7, START = 0xD8, END = 0xD9, SCAN = 0xDA, QUANTIZERS = 0xDB,
    RESTART_INTERVAL = 0xDD, JFIF = 0xE0, ADOBE = 0xEE, LAST_FRAME = 0xCF, EXTENSION = 0xC8, TEMPORARY = 0x01,
    MAX_BLOCKS_IN_MCU = 10, MAX_SIDE = 65500, // libjpeg's
};

static int number16(const uint8_t *at) { return at[0] << 8 | at[1]; }

static fault read_quantizers(struct picture *picture, const uint8_t *body, size_t size) {
    while (size) {
        int number = body[0] & 15, bytes = body[0] >> 4 ? 2 : 1;
        size_t used = 1 + (size_t)(BLOCK * bytes);
        if (number > 3 || size < used) return BROKEN_SEGMENT;
        for (int k = 0; k < BLOCK; k++)
            picture->quantizers[number][k] = (uint16_t)(bytes == 2 ? number16(body + 1 + 2 * k) : body[1 + k]);
        picture->has_quantizer[number] = true;
        body += used;
        size -= used;
    }
    return NULL;
}

static fault read_tables(struct picture *picture, const uint8_t *body, size_t size) {
    while (size) {
        if (size < 17) return BROKEN_SEGMENT;
        int number = body[0] & 15, symbols = 0;
        for (int i = 0; i < 16; i++) symbols += body[1 + i];
        if (number > 3 || body[0] >> 5 || symbols > 256 || size < 17 + (size_t)symbols) return BROKEN_SEGMENT;
        struct huffman_table *table = body[0] >> 4 ? &picture->ac[number] : &picture->dc[number];
        if (!define_table(table, body + 1, body + 17)) return BROKEN_SEGMENT;
        body += 17 + symbols;
        size -= 17 + (size_t)symbols;
    }
    return NULL;
}

static int divided_up(int number, int by) { return (number + by - 1) / by; }

// Sizes of the components: A.1.1 and A.2.
static fault lay_out(struct picture *picture) {
    int across = 1, down = 1;
    for (int i = 0; i < picture->components; i++) {
        const struct component *component = &picture->component[i];
        if (component->across < 1 || component->across > 4 || component->down < 1 || component->down > 4)
            return BROKEN_SEGMENT;
        if (component->across > across) across = component->across;
        if (component->down > down) down = component->down;
    }
    picture->mcus_wide = divided_up(picture->width, 8 * across);
    picture->mcus_high = divided_up(picture->height, 8 * down);
    for (int i = 0; i < picture->components; i++) {
        struct component *component = &picture->component[i];
        component->wide = divided_up(picture->width * component->across, 8 * across);
        component->high = divided_up(picture->height * component->down, 8 * down);
        component->padded_wide = picture->mcus_wide * component->across;
        memset(component->precision, -1, sizeof component->precision);
        if (!picture->is_progressive) continue;
        size_t blocks = (size_t)component->padded_wide * (size_t)(picture->mcus_high * component->down);
        component->nonzero = calloc(blocks, sizeof *component->nonzero);
        if (!component->nonzero) return JPEG_FAULT_NO_MEMORY;
    }
    return NULL;
}

static fault read_frame(struct picture *picture, int marker, const uint8_t *body, size_t size) {
    if (picture->has_frame || marker > PROGRESSIVE || size < 6 || body[0] != 8) return BROKEN_SEGMENT;
    picture->has_frame = true;
    picture->is_progressive = marker == PROGRESSIVE;
    picture->height = number16(body + 1);
    picture->width = number16(body + 3);
    picture->components = body[5];
    if (picture->width < 1 || picture->height < 1 || picture->width > MAX_SIDE || picture->height > MAX_SIDE ||
        picture->components < 1 || picture->components > MAX_COMPONENTS || size != 6 + 3 * (size_t)picture->components)
        return BROKEN_SEGMENT;
    for (int i = 0; i < picture->components; i++) {
        const uint8_t *at = body + 6 + 3 * i;
        struct component *component = &picture->component[i];
        component->id = at[0];
        component->across = at[1] >> 4;
        component->down = at[1] & 15;
        component->quantizer = at[2];
    }
    return lay_out(picture);
}

// The component with this id that the scan does not have yet.
static struct component *component_of(struct scan *scan, uint8_t id) {
    for (int i = 0; i < scan->picture->components; i++) {
        struct component *component = &scan->picture->component[i];
        bool is_taken = false;
        for (int j = 0; j < scan->components; j++) is_taken |= scan->component[j] == component;
        if (component->id == id && !is_taken) return component;
    }
    return NULL;
}

static fault add_component(struct scan *scan, const uint8_t *at) {
    struct picture *picture = scan->picture;
    struct component *component = component_of(scan, at[0]);
    int dc = at[1] >> 4, ac = at[1] & 15;
    if (!component || dc > 3 || ac > 3) return BROKEN_SEGMENT;
    bool needs_dc = !picture->is_progressive || (!scan->first && !scan->high_bit);
    bool needs_ac = !picture->is_progressive || scan->first;
    if ((needs_dc && !picture->dc[dc].defined) || (needs_ac && !picture->ac[ac].defined)) return BROKEN_SEGMENT;
    if (component->quantizer > 3 || !picture->has_quantizer[component->quantizer]) return BROKEN_SEGMENT;
    component->dc = &picture->dc[dc];
    component->ac = &picture->ac[ac];
    component->prediction = 0;
    component->steps = picture->quantizers[component->quantizer];
    component->is_scanned = true;
    scan->component[scan->components++] = component;
    return NULL;
}

// Checks that a progressive scan continues those before it: G.1.1.1.
static fault follow_script(struct scan *scan) {
    if (scan->first ? scan->first > scan->last || scan->last >= BLOCK || scan->components != 1 : scan->last != 0)
        return BROKEN_SCRIPT;
    if (scan->low_bit > 13 || (scan->high_bit && scan->low_bit != scan->high_bit - 1)) return BROKEN_SCRIPT;
    for (int i = 0; i < scan->components; i++) {
        int8_t *precision = scan->component[i]->precision;
        if (scan->first && precision[0] < 0) return BROKEN_SCRIPT;
        for (int k = scan->first; k <= scan->last; k++) {
            if (scan->high_bit != (precision[k] < 0 ? 0 : precision[k])) return BROKEN_SCRIPT;
            precision[k] = (int8_t)scan->low_bit;
        }
    }
    return NULL;
}

static fault begin_scan(struct scan *scan, const uint8_t *body, size_t size) {
    struct picture *picture = scan->picture;
    int components = size ? body[0] : 0, blocks = 0;
    if (!picture->has_frame || components < 1 || components > MAX_COMPONENTS || size != 4 + 2 * (size_t)components)
        return BROKEN_SEGMENT;
    const uint8_t *end = body + 1 + 2 * components;
    if (picture->is_progressive) {
        scan->first = end[0];
        scan->last = end[1];
        scan->high_bit = end[2] >> 4;
        scan->low_bit = end[2] & 15;
    } else define_standard_tables(picture->dc, picture->ac);
    for (int i = 0; i < components; i++) {
        fault found = add_component(scan, body + 1 + 2 * i);
        if (found) return found;
        blocks += scan->component[i]->across * scan->component[i]->down;
    }
    if (components > 1 && blocks > MAX_BLOCKS_IN_MCU) return BROKEN_SEGMENT;
    return picture->is_progressive ? follow_script(scan) : NULL;
}

// As libjpeg decides by the markers, if without doubt: jdapimin.c, default_decompress_parms.
static bool is_ycbcr(const struct picture *picture) {
    if (picture->has_jfif) return true;
    if (picture->has_adobe) return picture->adobe_transform == 1;
    return picture->component[0].id == 1 && picture->component[1].id == 2 && picture->component[2].id == 3;
}

static void read_application(struct picture *picture, int marker, const uint8_t *body, size_t size) {
    if (marker == JFIF && size >= 14 && !memcmp(body, "JFIF", 5)) picture->has_jfif = true;
    if (marker != ADOBE || size < 12 || memcmp(body, "Adobe", 5)) return;
    picture->has_adobe = true;
    picture->adobe_transform = body[11];
}

static fault read_scan(struct picture *picture, const uint8_t *body, size_t size, const uint8_t **at,
                       const uint8_t *end) {
    struct scan scan = {.picture = picture, .reader = {.at = body + size, .end = end}};
    fault found = begin_scan(&scan, body, size);
    if (!found && picture->drawing) {
        picture->is_ycbcr = is_ycbcr(picture);
        if (!begin_drawing(picture->drawing, &scan)) found = JPEG_FAULT_NO_MEMORY;
        if (picture->drawing->is_unsupported) found = JPEG_UNSUPPORTED;
    }
    if (!found) found = decode_scan(&scan);
    *at = scan.reader.at;
    return found;
}

static fault read_interval(struct picture *picture, const uint8_t *body, size_t size) {
    if (size != 2) return BROKEN_SEGMENT;
    picture->restart_interval = number16(body);
    return NULL;
}

// Returns the next marker and moves behind it; 0 at the end of the file. `skipped`: there are bytes in front of it, other
// than fill bytes.
static int next_marker(const uint8_t **at, const uint8_t *end, bool *skipped) {
    *skipped = false;
    for (const uint8_t *next = *at; end - next >= 2; next++) {
        if (next[0] == 0xFF && next[1] && next[1] != 0xFF) {
            *at = next + 2;
            return next[1];
        }
        *skipped |= next[0] != 0xFF;
    }
    return 0;
}

static bool has_body(int marker) {
    return marker != TEMPORARY && (marker < FIRST_RESTART || marker > START);
}

static fault read_segment(struct picture *picture, int marker, const uint8_t **at, const uint8_t *end) {
    if (end - *at < 2 || number16(*at) < 2 || end - *at < number16(*at)) return BROKEN_SEGMENT;
    const uint8_t *body = *at + 2;
    size_t size = (size_t)number16(*at) - 2;
    *at = body + size;
    if (marker == SCAN) return read_scan(picture, body, size, at, end);
    if (marker == TABLES) return read_tables(picture, body, size);
    if (marker == QUANTIZERS) return read_quantizers(picture, body, size);
    if (marker == RESTART_INTERVAL) return read_interval(picture, body, size);
    if (marker == JFIF || marker == ADOBE) read_application(picture, marker, body, size);
    bool is_frame = marker >= BASELINE && marker <= LAST_FRAME && marker != EXTENSION;
    return is_frame && marker != ARITHMETIC_CONDITIONING ? read_frame(picture, marker, body, size) : NULL;
}

// Every component must have been scanned; without an end marker, also every bit of it.
static fault completeness(const struct picture *picture) {
    if (!picture->has_frame) return INCOMPLETE;
    for (int i = 0; i < picture->components; i++) {
        const struct component *component = &picture->component[i];
        if (!component->is_scanned) return INCOMPLETE;
        if (picture->is_progressive && component->precision[0] < 0) return INCOMPLETE;
        for (int k = 0; k < BLOCK && picture->is_progressive && !picture->has_end; k++)
            if (component->precision[k]) return INCOMPLETE;
    }
    return NULL;
}

static fault read_picture(struct picture *picture, const uint8_t *at, const uint8_t *end) {
    int marker;
    bool skipped;
    while (!picture->has_end && (marker = next_marker(&at, end, &skipped))) {
        // Some cameras leave bytes between the segments before the first scan; later they are data without a scan.
        if (skipped && picture->has_scan) return SURPLUS;
        picture->has_scan |= marker == SCAN;
        picture->has_end = marker == END;
        fault found = has_body(marker) && marker != END ? read_segment(picture, marker, &at, end) : NULL;
        if (found) return found;
    }
    // The first half of a marker, or of a stuffed byte: the file was cut.
    if (!picture->has_end && end[-1] == 0xFF) return INCOMPLETE;
    return completeness(picture);
}

static fault check(const uint8_t *bytes, size_t size, struct drawing *drawing) {
    struct picture *picture = calloc(1, sizeof *picture);
    if (!picture) return JPEG_FAULT_NO_MEMORY;
    picture->drawing = drawing;
    fault found = size < 2 ? INCOMPLETE : read_picture(picture, bytes + 2, bytes + size);
    for (int i = 0; i < MAX_COMPONENTS; i++) free(picture->component[i].nonzero);
    free(picture);
    return found;
}

const char *jpeg_fault(const uint8_t *bytes, size_t size) { return check(bytes, size, NULL); }

const char *jpeg_draw(const uint8_t *bytes, size_t size, int eighths, uint8_t *pixels, size_t size_bytes) {
    struct drawing drawing = {.pixels = pixels, .size_bytes = size_bytes, .eighths = eighths};
    fault found = check(bytes, size, &drawing);
    end_drawing(&drawing);
    return found;
}
