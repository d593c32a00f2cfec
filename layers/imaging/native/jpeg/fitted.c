// Written by bench/fit_jpeg.py.
#include "tuning.h"

const struct jpeg_tuning JPEG_FITTED = {
    .luma_lambda = 0.04197f,
    .chroma_lambda = 0.0958f,
    .dc_lambda = 0.07481f,
    .sharpness = 0.4716f,
    .repeated = 0.3127f,
    .light = 1.000f,
    .visible = 440.939f,
    .masking = 0.8f,
    .curves = {
        {{1.722f, 2.669f, 3.340f, 4.294f, 4.054f, 4.591f, 4.927f, 5.640f},
         {3.138f, 3.694f, 4.392f, 5.352f, 5.010f, 5.815f, 6.416f, 7.768f}},
        {{1.826f, 2.625f, 3.289f, 3.850f, 3.991f, 4.384f, 5.168f, 6.111f},
         {3.350f, 4.101f, 4.130f, 4.674f, 4.902f, 5.304f, 5.972f, 6.788f}},
        {{2.673f, 3.322f, 3.236f, 3.839f, 3.871f, 4.597f, 4.859f, 6.915f},
         {3.538f, 4.215f, 3.953f, 4.579f, 4.915f, 5.346f, 5.550f, 8.162f}},
    },
};
