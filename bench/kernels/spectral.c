// Float: the spectral norm of an infinite matrix by the power method; integer to double, division.
#include <math.h>

#include "kernel.h"

#define N 160

static double u[N], v[N], w[N];

static inline double element(int i, int j) {
    return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
}

static NOINLINE void times(const double *from, double *to) {
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++) {
            sum += element(i, j) * from[j];
        }
        to[i] = sum;
    }
}

static NOINLINE void times_transposed(const double *from, double *to) {
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++) {
            sum += element(j, i) * from[j];
        }
        to[i] = sum;
    }
}

uint64_t kernel(uint32_t work) {
    for (int i = 0; i < N; i++) {
        u[i] = 1;
    }
    for (uint32_t round = 0; round < work; round++) {
        times(u, w);
        times_transposed(w, v);
        times(v, w);
        times_transposed(w, u);
    }
    double uv = 0, vv = 0;
    for (int i = 0; i < N; i++) {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    return fold(bits_of(sqrt(uv / vv)), work);
}
