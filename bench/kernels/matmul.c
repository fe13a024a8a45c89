// Memory and float: products of square matrices of doubles, row by column, then in blocks.
#include "kernel.h"

#define N 96

static double a[N][N], b[N][N], c[N][N];

static NOINLINE void plain(void) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++) {
                sum += a[i][k] * b[k][j];
            }
            c[i][j] = sum;
        }
    }
}

static NOINLINE void rows(void) {
    memset(c, 0, sizeof c);
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N; k++) {
            double factor = a[i][k];
            for (int j = 0; j < N; j++) {
                c[i][j] += factor * b[k][j];
            }
        }
    }
}

uint64_t kernel(uint32_t work) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = (i * 7 + j * 3) % 11 - 5;
            b[i][j] = (i * 5 + j * 13) % 17 / 8.0;
        }
    }
    uint64_t sum = 0;
    for (uint32_t round = 0; round < work; round++) {
        if (round % 2 == 0) {
            plain();
        } else {
            rows();
        }
        a[round % N][round / N % N] = c[round * 5 % N][round % N] / 64;
        sum = fold(sum, bits_of(c[round % N][round * 3 % N]));
    }
    return sum;
}
