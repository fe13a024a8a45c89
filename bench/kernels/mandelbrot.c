// Float: escape times over a part of the plane; a tight loop that leaves early.
#include "kernel.h"

#define SIDE 128
#define STEPS_MAX 200

static NOINLINE uint32_t escape(double re, double im) {
    double x = 0, y = 0;
    uint32_t step = 0;
    while (step < STEPS_MAX && x * x + y * y <= 4) {
        double next = x * x - y * y + re;
        y = 2 * x * y + im;
        x = next;
        step++;
    }
    return step;
}

uint64_t kernel(uint32_t work) {
    uint64_t sum = 0;
    for (uint32_t frame = 0; frame < work; frame++) {
        double scale = 2.5 / (1 + frame);
        for (int row = 0; row < SIDE; row++) {
            for (int column = 0; column < SIDE; column++) {
                double re = -0.75 + scale * (column - SIDE / 2) / SIDE;
                double im = 0.1 + scale * (row - SIDE / 2) / SIDE;
                sum += escape(re, im);
            }
        }
        sum = fold(sum, frame);
    }
    return sum;
}
