// Powers that are the same on every machine; libm's differ between libraries and processors.
#ifndef DARKROOM_POWER_H
#define DARKROOM_POWER_H

// Returns base ** exponent within a relative error of 1e-13. The base must be positive and finite, and the
// result must be a normal number.
double power(double base, double exponent);

#endif
