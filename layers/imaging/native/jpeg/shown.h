// The pixels that libjpeg-turbo decodes from a frame, with its default settings: those that most people will see.
#ifndef JPEG_SHOWN_H
#define JPEG_SHOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "component.h"

// Writes grey pixels of one byte, or RGB of four bytes, of which the last is 255. False if memory is short.
bool jpeg_show(const struct component *components, int count, uint8_t *pixels);

#endif
