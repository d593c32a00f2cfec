// Texture that quantisation would lose: few blocks of it decide a score, and people miss it.
#ifndef JPEG_TEXTURE_H
#define JPEG_TEXTURE_H

#include <stdbool.h>

#include "component.h"
#include "tuning.h"

// Fills `sample_weights` of a component that is not quantised, and raises `weights` where texture is faint. False if
// memory is short.
bool jpeg_keep_texture(struct component *component, const struct jpeg_tuning *tuning);

#endif
