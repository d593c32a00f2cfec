// Written by bench/fit_jpeg.py.
#include "tuning.h"

const struct jpeg_tuning JPEG_FITTED = {
    .luma_lambda = 0.04f,
    .chroma_lambda = 0.08f,
    .dc_lambda = 0.0625f,
    .sharpness = 0.6f,
    .repeated = 0.3f,
    .light = 1,
    .visible = 500,
    .masking = 0.8f,
    .curves = {
        {{1.722f, 2.536f, 3.340f, 4.022f, 3.907f, 4.256f, 4.744f, 5.240f},
         {3.138f, 3.485f, 4.508f, 5.392f, 5.109f, 5.907f, 6.728f, 7.508f}},
        {{1.644f, 2.700f, 3.104f, 3.689f, 3.991f, 4.626f, 5.368f, 6.111f},
         {3.150f, 3.919f, 4.087f, 4.573f, 4.902f, 5.274f, 5.825f, 6.714f}},
        {{2.406f, 2.926f, 3.087f, 3.379f, 3.689f, 4.194f, 4.459f, 6.833f},
         {3.018f, 3.755f, 3.897f, 4.300f, 4.655f, 5.146f, 5.350f, 7.762f}},
    },
};
