#ifndef DARKROOM_FACES_WEIGHTS_H
#define DARKROOM_FACES_WEIGHTS_H

// The weights of YuNet in the order of their use, from yunet.bin; bench/convert_yunet.py wrote that file.
extern const float YUNET[];

#endif
