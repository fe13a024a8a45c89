// Integer: 64-bit shifts, rotations, multiplications and bit counts in registers, no memory.
#include "kernel.h"

static inline uint64_t rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }

uint64_t kernel(uint32_t work) {
    uint64_t a = 0x243f6a8885a308d3u, b = 0x13198a2e03707344u, c = 0xa4093822299f31d0u, sum = 0;
    for (uint32_t i = 0; i < work; i++) {
        a ^= a << 13;
        a ^= a >> 7;
        a ^= a << 17;
        b = rotate(b, 24) * 5 + a;
        c = rotate(c ^ b, 37) + (a * b >> 32);
        sum += (uint64_t)__builtin_popcountll(c) + (uint64_t)__builtin_ctzll(b | 1u << 20);
        sum ^= (uint64_t)__builtin_clzll(a | 1) << (i & 31);
    }
    return fold(fold(fold(sum, a), b), c);
}
