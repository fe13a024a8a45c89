// Float: five bodies under gravity, one step after another; square roots and divisions.
#include <math.h>

#include "kernel.h"

#define BODIES 5

typedef struct {
    double x, y, z, vx, vy, vz, mass;
} Body;

static Body bodies[BODIES] = {
    {0, 0, 0, 0, 0, 0, 40.0},
    {5.0, -1.25, -0.125, 0.625, 2.75, -0.0625, 0.0375},
    {8.5, 4.125, -0.5, -1.0, 1.75, 0.03125, 0.0125},
    {13.0, -15.25, -0.25, 1.0625, 0.875, -0.015625, 0.0017},
    {15.5, -26.0, 0.1875, 0.96875, 0.59375, -0.03125, 0.002},
};

static NOINLINE void step(double dt) {
    for (int i = 0; i < BODIES; i++) {
        Body *a = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            Body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            double square = dx * dx + dy * dy + dz * dz;
            double strength = dt / (square * sqrt(square));
            a->vx -= dx * b->mass * strength;
            a->vy -= dy * b->mass * strength;
            a->vz -= dz * b->mass * strength;
            b->vx += dx * a->mass * strength;
            b->vy += dy * a->mass * strength;
            b->vz += dz * a->mass * strength;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        Body *a = &bodies[i];
        a->x += dt * a->vx;
        a->y += dt * a->vy;
        a->z += dt * a->vz;
    }
}

uint64_t kernel(uint32_t work) {
    for (uint32_t i = 0; i < work; i++) {
        step(0.01);
    }
    uint64_t sum = 0;
    for (int i = 0; i < BODIES; i++) {
        sum = fold(fold(sum, bits_of(bodies[i].x)), bits_of(bodies[i].vz));
    }
    return sum;
}
