// The encoder's fitted constants.
#ifndef JPEG_TUNING_H
#define JPEG_TUNING_H

#include <stdbool.h>

enum { JPEG_KNOTS = 8 };

// One quantisation table: the logarithm (base 2) of its steps at JPEG_DISTANCES, at qualities of 85 and 60.
struct jpeg_curve {
    float at_85[JPEG_KNOTS], at_60[JPEG_KNOTS];
};

struct jpeg_tuning {
    // Cost of a bit in squared quantisation steps.
    float luma_lambda, chroma_lambda, luma_dc_lambda, chroma_dc_lambda;
    // Sharpening of 4:2:0 chroma, and the weight of decoders that repeat samples; see chroma.h.
    float sharpness, repeated;
    // Share of the correction of luma; see light.h.
    float light;
    // Masking of luma: the variance at which an error is half as visible, and an exponent; see masking.h.
    float visible, masking;
    // Added weights of errors: where much texture would be lost, and where it is faint; see texture.h.
    float texture, faint;
    // Share of the correction of the lowest AC coefficients of luma; see means.h.
    float means;
    struct jpeg_curve curves[3]; // luma, Cb, Cr
};

// Distances of a frequency from the DC coefficient: sqrt(row ** 2 + column ** 2).
extern const float JPEG_DISTANCES[JPEG_KNOTS];

// Written by bench/fit_jpeg.py into fitted.c.
extern const struct jpeg_tuning JPEG_FITTED;

// True if all constants are in the ranges for which the encoder's arithmetic is defined.
bool jpeg_valid_tuning(const struct jpeg_tuning *tuning);

#endif
