// SIMD: dot product and a*x+y over single floats, four at a time.
#include "kernel.h"

#define N 4096

typedef float Four __attribute__((vector_size(16)));

static Four x[N / 4], y[N / 4];

static NOINLINE void saxpy(float factor) {
    Four a = {factor, factor, factor, factor};
    for (int i = 0; i < N / 4; i++) {
        y[i] = a * x[i] + y[i] * 0.5f;
    }
}

static NOINLINE float dot(void) {
    Four even = {0}, odd = {0};
    for (int i = 0; i < N / 4; i += 2) {
        even += x[i] * y[i];
        odd += x[i + 1] * y[i + 1];
    }
    Four all = even + odd;
    return (all[0] + all[2]) + (all[1] + all[3]);
}

uint64_t kernel(uint32_t work) {
    for (int i = 0; i < N; i++) {
        x[i / 4][i % 4] = (float)(i % 37) / 16 - 1;
        y[i / 4][i % 4] = (float)(i % 23) / 8;
    }
    uint64_t sum = 0;
    for (uint32_t round = 0; round < work; round++) {
        saxpy((float)(round % 9) / 4 - 1);
        sum = fold(sum, bits_of(dot()));
    }
    return sum;
}
