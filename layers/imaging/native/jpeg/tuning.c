#include "tuning.h"

// False for NaN.
static bool between(float value, float least, float most) { return value >= least && value <= most; }

bool jpeg_valid_tuning(const struct jpeg_tuning *tuning) {
    bool valid = between(tuning->luma_lambda, 0, 100) && between(tuning->chroma_lambda, 0, 100) &&
                 between(tuning->luma_dc_lambda, 0, 100) && between(tuning->chroma_dc_lambda, 0, 100) &&
                 between(tuning->sharpness, 0, 2) &&
                 between(tuning->repeated, 0, 1) && between(tuning->light, 0, 2) &&
                 between(tuning->visible, 1e-3f, 1e6f) && between(tuning->masking, 0, 4) &&
                 between(tuning->texture, 0, 100) && between(tuning->faint, 0, 100) &&
                 between(tuning->means, 0, 2);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < JPEG_KNOTS; i++)
            valid = valid && between(tuning->curves[c].at_85[i], -16, 16) &&
                    between(tuning->curves[c].at_60[i], -16, 16);
    return valid;
}
