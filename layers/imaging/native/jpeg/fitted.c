// Written by bench/fit_jpeg.py.
#include "tuning.h"

const struct jpeg_tuning JPEG_FITTED = {
    .luma_lambda = 0.06f,
    .chroma_lambda = 0.08755f,
    .luma_dc_lambda = 0.2f,
    .chroma_dc_lambda = 0.07831f,
    .sharpness = 0.5161f,
    .repeated = 0.2858f,
    .light = 1.000f,
    .visible = 440.939f,
    .masking = 0.7525f,
    .texture = 0.4f,
    .faint = 4.500f,
    .means = 0.5f,
    .curves = {
        {{1.722f, 2.799f, 3.438f, 4.044f, 4.168f, 4.644f, 5.004f, 5.809f},
         {3.138f, 3.824f, 4.392f, 4.952f, 5.140f, 5.984f, 6.286f, 7.790f}},
        {{1.826f, 2.625f, 3.324f, 3.850f, 3.995f, 4.384f, 5.168f, 6.111f},
         {3.300f, 4.101f, 4.133f, 4.751f, 4.902f, 5.304f, 5.972f, 6.653f}},
        {{2.803f, 3.403f, 3.286f, 3.839f, 3.871f, 4.597f, 4.989f, 6.915f},
         {3.668f, 4.374f, 4.122f, 4.596f, 4.829f, 5.344f, 5.550f, 8.162f}},
    },
};
