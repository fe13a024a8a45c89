// Memory: copies of many lengths, by the bulk instructions and word by word, with overlap.
#include "kernel.h"

#define BYTES (1u << 18)

static NOINLINE void copy_words(uint64_t *restrict to, const uint64_t *restrict from, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        to[i] = from[i] + i;
    }
}

uint64_t kernel(uint32_t work) {
    uint8_t *a = allocate(BYTES), *b = allocate(BYTES);
    uint64_t seed = 88172645463325252u, sum = 0;
    for (uint32_t i = 0; i < BYTES; i++) {
        a[i] = (uint8_t)draw(&seed);
        b[i] = 0;
    }
    for (uint32_t round = 0; round < work; round++) {
        copy_words((uint64_t *)b, (const uint64_t *)a, BYTES / 8);
        for (uint32_t at = 0; at + 512 < BYTES; at += 512) {
            uint32_t length = (uint32_t)draw(&seed) % 256;
            memcpy(a + at, b + BYTES - 512 - at, length);
            memmove(a + at + 3, a + at, length);
            memset(b + at, (int)length, 16 + length % 64);
        }
        sum = fold(sum, a[round * 97 % BYTES] | (uint64_t)b[round * 89 % BYTES] << 8);
    }
    for (uint32_t i = 0; i < BYTES; i += 8) {
        sum = fold(sum, *(uint64_t *)(a + i));
    }
    free(a);
    free(b);
    return sum;
}
