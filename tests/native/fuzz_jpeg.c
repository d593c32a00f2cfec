// Encodes random pictures with random options and constants for a number of rounds, each twice with equal bytes.
// tests/native/sanitized.py builds it with sanitizers. With a third argument, libjpeg-turbo's program djpeg decodes
// every file, and must not warn.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jpeg/jpeg.h"
#include "decoder/rows.h"
#include "jpeg/tuning.h"

#include "random.h"

static float between(float least, float most) { return least + (most - least) * (float)(drawn() / 4294967295.0); }

// Mostly around whole blocks and units; sometimes long and thin.
static int side(void) {
    switch (below(8)) {
    case 0: return 1 + (int)below(3);
    case 1: return 1 + (int)below(300);
    default: return 1 + (int)below(70);
    }
}

static void size(int *width, int *height) {
    *width = side();
    *height = side();
    if (below(200) == 0) *width = JPEG_MAX_SIDE - (int)below(20), *height = 1 + (int)below(3);
    if (below(200) == 0) *height = JPEG_MAX_SIDE - (int)below(20), *width = 1 + (int)below(3);
}

static void fill(uint8_t *pixels, size_t size, int row) {
    uint32_t kind = below(6), level = below(256), period = 1 + below(20);
    for (size_t i = 0; i < size; i++) switch (kind) {
        case 0: pixels[i] = (uint8_t)drawn(); break;
        case 1: pixels[i] = (uint8_t)level; break;
        case 2: pixels[i] = drawn() & 1 ? 255 : 0; break;
        case 3: pixels[i] = (i / period) & 1 ? 255 : 0; break;
        case 4: pixels[i] = ((i / (size_t)row) / period + i % (size_t)row / 3 / period) & 1 ? (uint8_t)level : 255; break;
        default: pixels[i] = (uint8_t)(i * period / 16);
        }
}

static void draw_tuning(struct jpeg_tuning *tuning) {
    *tuning = JPEG_FITTED;
    if (below(2)) tuning->luma_lambda = between(0, below(2) ? 0.2f : 100);
    if (below(2)) tuning->chroma_lambda = between(0, below(2) ? 0.2f : 100);
    if (below(2)) tuning->luma_dc_lambda = between(0, below(2) ? 0.2f : 100);
    if (below(2)) tuning->chroma_dc_lambda = between(0, below(2) ? 0.2f : 100);
    if (below(2)) tuning->sharpness = between(0, 2);
    if (below(2)) tuning->repeated = between(0, 1);
    if (below(2)) tuning->light = between(0, 2);
    if (below(2)) tuning->visible = between(1e-3f, below(2) ? 1 : 1e6f);
    if (below(2)) tuning->masking = between(0, 4);
    if (below(2)) tuning->texture = between(0, below(2) ? 1 : 100);
    if (below(2)) tuning->faint = between(0, below(2) ? 4 : 100);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < JPEG_KNOTS; i++) {
            if (below(4) == 0) tuning->curves[c].at_85[i] = between(-16, 16);
            if (below(4) == 0) tuning->curves[c].at_60[i] = between(-16, 16);
        }
}

static void fault(const char *what, const struct jpeg_picture *picture, const struct jpeg_options *options) {
    fprintf(stderr, "%s: %d x %d x %d, quality %g, subsampling %d, progressive %d\n", what, picture->width,
            picture->height, picture->channels, options->quality, options->subsampling, options->progressive);
    exit(1);
}

static void decode(const uint8_t *bytes, size_t size, const struct jpeg_picture *picture,
                   const struct jpeg_options *options) {
    FILE *decoder = popen("djpeg -strict -pnm > /dev/null", "w");
    if (!decoder || fwrite(bytes, 1, size, decoder) != size || pclose(decoder)) fault("not decoded", picture, options);
}

static void once(bool decoded) {
    static const int CHANNELS[] = {1, 3, 3, 4};
    struct jpeg_picture picture = {.channels = CHANNELS[below(4)]};
    struct jpeg_tuning tuning;
    struct jpeg_options options = {
        .quality = below(4) ? 1 + below(100) : between(1, 100),
        .subsampling = below(2) ? JPEG_420 : JPEG_444,
        .progressive = below(2),
        .tuning = below(3) ? NULL : &tuning,
    };
    size(&picture.width, &picture.height);
    draw_tuning(&tuning);
    picture.stride = (size_t)picture.width * (size_t)picture.channels + below(2) * below(9);
    // Exactly the bytes of the picture, so that a sanitizer sees a read beyond them.
    size_t bytes = picture.stride * (size_t)(picture.height - 1) + (size_t)picture.width * (size_t)picture.channels;
    uint8_t *pixels = malloc(bytes), *files[2];
    size_t sizes[2];
    fill(pixels, bytes, picture.width * picture.channels);
    picture.pixels = pixels;
    uint8_t *shown = malloc((size_t)picture.width * (size_t)picture.height * (picture.channels == 1 ? 1 : 4));
    if (!shown) exit(2);
    if (picture.width >= DECODER_INTERPOLATED_WIDTH) options.shown = shown;
    for (int i = 0; i < 2; i++)
        if (jpeg_encode(&picture, &options, &files[i], &sizes[i])) fault("not encoded", &picture, &options);
    if (sizes[0] != sizes[1] || memcmp(files[0], files[1], sizes[0])) fault("not repeatable", &picture, &options);
    if (decoded) decode(files[0], sizes[0], &picture, &options);
    free(files[0]);
    free(files[1]);
    free(pixels);
    free(shown);
}

int main(int count, char **arguments) {
    if (count < 3) return 2;
    state = strtoull(arguments[1], NULL, 10);
    for (long round = strtol(arguments[2], NULL, 10); round > 0; round--) once(count > 3);
    return 0;
}
