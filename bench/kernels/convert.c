// Float: conversions between integers and floats of all widths, rounding, minimum and maximum.
#include <math.h>

#include "kernel.h"

uint64_t kernel(uint32_t work) {
    uint64_t sum = 0, seed = 362436069;
    double low = 1e18, high = -1e18;
    for (uint32_t i = 0; i < work; i++) {
        uint64_t bits = draw(&seed);
        double a = (double)(int64_t)bits, b = (double)(uint32_t)bits;
        float c = (float)(int32_t)(bits >> 32), d = (float)(uint16_t)bits;
        double whole = floor(a / 3) + ceil(b * 0.75) - trunc(c / 7) + rint(d / 9.0f);
        low = fmin(low, whole);
        high = fmax(high, whole);
        sum += (uint64_t)(int64_t)(whole / 1024) + (uint32_t)(int32_t)(c / 4) + (uint32_t)fabsf(d);
        sum ^= bits_of(copysign(sqrt(b), a));
    }
    return fold(fold(sum, bits_of(low)), bits_of(high));
}
