#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "chroma.h"
#include "colour.h"
#include "component.h"
#include "dct.h"
#include "decoder/rows.h"
#include "jpeg.h"
#include "light.h"
#include "masking.h"
#include "means.h"
#include "numbers.h"
#include "pages.h"
#include "rates.h"
#include "ringing.h"
#include "scans.h"
#include "shown.h"
#include "tables.h"
#include "texture.h"
#include "trellis.h"
#include "tuning.h"

// Below this many pixels a side, SSIMULACRA2 weighs colour more.
enum { SMALL = 113 };

struct encoder {
    const struct jpeg_picture *picture;
    const struct jpeg_options *options;
    const struct jpeg_tuning *tuning;
    int count; // components: 1 or 3
    struct component components[3];
    uint8_t *decoded[2]; // Cb and Cr as decoders will see them
};

static bool valid(const struct jpeg_picture *picture, const struct jpeg_options *options) {
    bool sized = picture->width >= 1 && picture->width <= JPEG_MAX_SIDE && picture->height >= 1 &&
                 picture->height <= JPEG_MAX_SIDE;
    bool coloured = picture->channels == 1 || picture->channels == 3 || picture->channels == 4;
    bool subsampled = options->subsampling == JPEG_444 || options->subsampling == JPEG_420;
    bool tuned = !options->tuning || jpeg_valid_tuning(options->tuning);
    bool showable = !options->shown || picture->width >= DECODER_INTERPOLATED_WIDTH;
    return picture->pixels && tuned && showable && sized && coloured && subsampled && options->quality >= 1 && options->quality <= 100 &&
           picture->stride >= (size_t)picture->width * (size_t)picture->channels;
}

// Sets sizes and tables, and allocates the blocks of one component.
static bool prepare(struct encoder *encoder, int index) {
    struct component *component = &encoder->components[index];
    const struct jpeg_picture *picture = encoder->picture;
    int halved = encoder->count > 1 && encoder->options->subsampling == JPEG_420;
    component->sampling = halved && !index ? 2 : 1;
    component->width = halved && index ? (picture->width + 1) / 2 : picture->width;
    component->height = halved && index ? (picture->height + 1) / 2 : picture->height;
    component->columns = (component->width + 7) / 8;
    component->rows = (component->height + 7) / 8;
    size_t bytes = jpeg_block_count(component) * sizeof *component->blocks;
    component->blocks = malloc(bytes);
    if (component->blocks) use_large_pages(component->blocks, bytes);
    component->nonzero = malloc(jpeg_block_count(component) * sizeof *component->nonzero);
    bool small = picture->width < SMALL || picture->height < SMALL;
    jpeg_table(encoder->tuning, index, encoder->options->quality, small, component->steps);
    return component->blocks && component->nonzero;
}

static void store(const float coefficients[64], int16_t block[64]) {
    int16_t rounded[64];
    for (int i = 0; i < 64; i++) rounded[i] = (int16_t)(int)jpeg_round(coefficients[i] * JPEG_COEFFICIENT_SCALE);
    for (int k = 0; k < 64; k++) block[k] = rounded[JPEG_ZIGZAG[k]];
}

// Transforms one row of blocks from eight rows of samples.
static void transform(struct component *component, int row, const float *samples, bool is_luma) {
    size_t stride = 8 * (size_t)component->columns;
    for (int column = 0; column < component->columns; column++) {
        float coefficients[64];
        const float *block = samples + 8 * (size_t)column;
        jpeg_fdct(block, stride, coefficients);
        if (is_luma) jpeg_allow_overshoot(block, stride, component, coefficients);
        store(coefficients, component->blocks[(size_t)row * component->columns + column]);
    }
}

static bool quantise(const struct encoder *encoder, struct component *component, float lambda, float dc_lambda) {
    struct rates rates;
    jpeg_rates(component, lambda, encoder->options->progressive, &rates);
    jpeg_quantise_ac(component, &rates);
    return jpeg_quantise_dc(component, dc_lambda);
}

// Decodes a quantised block into bytes around 128.
static void decode_block(const struct component *component, size_t index, uint8_t decoded[64]) {
    const int16_t *block = component->blocks[index];
    float coefficients[64] = {(float)block[0] * component->steps[0]}, samples[64];
    for (uint64_t left = component->nonzero[index]; left; left &= left - 1) {
        int k = __builtin_ctzll(left);
        coefficients[JPEG_ZIGZAG[k]] = (float)block[k] * component->steps[k];
    }
    jpeg_idct(coefficients, samples);
    for (int i = 0; i < 64; i++) {
        float sample = samples[i] + 128;
        sample = sample < 0 ? 0 : sample > 255 ? 255 : sample;
        decoded[i] = (uint8_t)(int)(sample + 0.5f);
    }
}

// Decodes a quantised component into rows without padding.
static void decode(const struct component *component, uint8_t *decoded) {
    for (size_t i = 0; i < jpeg_block_count(component); i++) {
        uint8_t block[64];
        decode_block(component, i, block);
        int left = 8 * (int)(i % component->columns), top = 8 * (int)(i / component->columns);
        int width = component->width - left < 8 ? component->width - left : 8;
        for (int y = 0; y < 8 && top + y < component->height; y++) {
            uint8_t *row = decoded + (size_t)(top + y) * component->width + left;
            if (width == 8)
                memcpy(row, block + 8 * y, 8);
            else
                memcpy(row, block + 8 * y, (size_t)width);
        }
    }
}

static bool transform_plane(struct component *component, const struct plane *plane) {
    size_t stride = 8 * (size_t)component->columns;
    float *samples = malloc(8 * stride * sizeof *samples);
    for (int row = 0; samples && row < component->rows; row++) {
        for (int y = 0; y < 8; y++) {
            int source = 8 * row + y < plane->height ? 8 * row + y : plane->height - 1;
            const int16_t *from = plane->samples + (size_t)source * plane->width;
            for (int x = 0; x < plane->width; x++)
                samples[y * stride + x] = from[x] * (1.0f / JPEG_CHROMA_SCALE);
            jpeg_extend(samples + y * stride, plane->width, component->columns);
        }
        transform(component, row, samples, false);
    }
    free(samples);
    return samples;
}

static bool encode_chroma(struct encoder *encoder) {
    struct plane planes[2];
    bool done = true;
    for (int i = 0; i < 2; i++) {
        struct component *component = &encoder->components[i + 1];
        size_t samples = (size_t)component->width * component->height;
        planes[i] = (struct plane){component->width, component->height, malloc(samples * sizeof(int16_t))};
        done = planes[i].samples && done;
    }
    done = done && jpeg_chroma_planes(encoder->picture, encoder->tuning->sharpness, planes);
    for (int i = 0; i < 2; i++) {
        done = done && transform_plane(&encoder->components[i + 1], &planes[i]);
        free(planes[i].samples);
    }
    for (int i = 0; done && i < 2; i++) {
        struct component *component = &encoder->components[i + 1];
        done = quantise(encoder, component, encoder->tuning->chroma_lambda, encoder->tuning->chroma_dc_lambda);
        encoder->decoded[i] = malloc((size_t)component->width * component->height);
        done = done && encoder->decoded[i];
        if (done) decode(component, encoder->decoded[i]);
    }
    return done;
}

// The decoded row `y` of Cb (0) or Cr (1) at full resolution, around 0.
static void decoded_row(const struct encoder *encoder, int index, int y, float *buffer, float *row) {
    const struct component *component = &encoder->components[index + 1];
    const uint8_t *decoded = encoder->decoded[index];
    int width = encoder->picture->width;
    if (encoder->components[0].sampling > 1) {
        jpeg_upsampled_row(decoded, component->width, component->height, y, width, encoder->tuning->repeated, buffer,
                           row);
        return;
    }
    for (int x = 0; x < width; x++) row[x] = (float)decoded[(size_t)y * component->width + x] - 128;
}

static bool transform_luma(struct encoder *encoder, float *cells) {
    const struct jpeg_picture *picture = encoder->picture;
    struct component *luma = &encoder->components[0];
    size_t stride = 8 * (size_t)luma->columns, width = (size_t)picture->width;
    // Eight rows of luma, a row each of Cb and Cr, and room to upsample them.
    float *samples = malloc((8 * stride + 3 * width + 2) * sizeof *samples);
    if (!samples) return false;
    float *cb = samples + 8 * stride, *cr = cb + width, *buffer = cr + width;
    for (int row = 0; row < luma->rows; row++) {
        for (int y = 0; y < 8; y++) {
            int source = 8 * row + y < luma->height ? 8 * row + y : luma->height - 1;
            const uint8_t *pixels = picture->pixels + (size_t)source * picture->stride;
            float *line = samples + y * stride;
            jpeg_luma_row(pixels, picture->channels, picture->width, line);
            if (encoder->count > 1) {
                decoded_row(encoder, 0, source, buffer, cb);
                decoded_row(encoder, 1, source, buffer, cr);
                jpeg_correct_light(pixels, picture->channels, picture->width, cb, cr, encoder->tuning->light, line);
            }
            jpeg_extend(line, picture->width, luma->columns);
        }
        jpeg_average_cells(samples, luma->columns, cells + 4 * (size_t)row * luma->columns);
        transform(luma, row, samples, true);
    }
    free(samples);
    return true;
}

static bool encode_luma(struct encoder *encoder) {
    const struct jpeg_tuning *tuning = encoder->tuning;
    struct component *luma = &encoder->components[0];
    float *cells = malloc(4 * jpeg_block_count(luma) * sizeof *cells);
    luma->weights = malloc(jpeg_block_count(luma) * sizeof *luma->weights);
    bool done = cells && luma->weights && transform_luma(encoder, cells) &&
                jpeg_masking(cells, luma->columns, luma->rows, tuning->visible, tuning->masking, luma->weights);
    free(cells);
    done = done && jpeg_keep_texture(luma, tuning);
    if (done) jpeg_keep_means(luma, tuning->means);
    return done && quantise(encoder, luma, tuning->luma_lambda, tuning->luma_dc_lambda);
}

struct jpeg_frame {
    int count;
    bool progressive;
    struct component components[3];
};

void jpeg_release(struct jpeg_frame *frame) {
    for (int i = 0; frame && i < frame->count; i++) {
        free(frame->components[i].blocks);
        free(frame->components[i].nonzero);
    }
    free(frame);
}

static bool encode_components(struct encoder *encoder) {
    bool done = true;
    for (int i = 0; i < encoder->count; i++) done = prepare(encoder, i) && done;
    done = done && (encoder->count == 1 || encode_chroma(encoder));
    done = done && encode_luma(encoder);
    for (int i = 0; i < 2; i++) free(encoder->decoded[i]);
    free(encoder->components[0].weights);
    free(encoder->components[0].sample_weights);
    return done;
}

enum jpeg_status jpeg_quantise(const struct jpeg_picture *picture, const struct jpeg_options *options,
                               struct jpeg_frame **frame) {
    *frame = NULL;
    if (!valid(picture, options)) return JPEG_INVALID;
    struct encoder encoder = {picture, options, options->tuning ? options->tuning : &JPEG_FITTED,
                              picture->channels > 1 ? 3 : 1, {{0}}, {NULL}};
    struct jpeg_frame *made = calloc(1, sizeof *made);
    if (!made) return JPEG_NO_MEMORY;
    bool done = encode_components(&encoder);
    *made = (struct jpeg_frame){.count = encoder.count, .progressive = options->progressive};
    memcpy(made->components, encoder.components, sizeof made->components);
    done = done && (!options->shown || jpeg_show(made->components, made->count, options->shown));
    if (!done) {
        jpeg_release(made);
        return JPEG_NO_MEMORY;
    }
    *frame = made;
    return JPEG_OK;
}

enum jpeg_status jpeg_write(const struct jpeg_frame *frame, uint8_t **bytes, size_t *size_bytes) {
    struct file file = {0};
    if (frame->progressive)
        jpeg_put_progressive(&file, frame->components, frame->count);
    else
        jpeg_put_baseline(&file, frame->components, frame->count);
    *bytes = NULL;
    if (file.failed) {
        free(file.bytes);
        return JPEG_NO_MEMORY;
    }
    *bytes = file.bytes;
    *size_bytes = file.size;
    return JPEG_OK;
}

enum jpeg_status jpeg_encode(const struct jpeg_picture *picture, const struct jpeg_options *options, uint8_t **bytes,
                             size_t *size_bytes) {
    struct jpeg_frame *frame;
    *bytes = NULL;
    *size_bytes = 0;
    enum jpeg_status status = jpeg_quantise(picture, options, &frame);
    if (status == JPEG_OK) status = jpeg_write(frame, bytes, size_bytes);
    jpeg_release(frame);
    return status;
}
