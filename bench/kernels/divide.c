// Integer: division and remainder of both widths and signs: greatest common divisors and powers.
#include "kernel.h"

static NOINLINE uint64_t divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static NOINLINE uint32_t power(uint32_t base, uint32_t exponent, uint32_t modulus) {
    uint64_t result = 1, square = base % modulus;
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1) {
            result = result * square % modulus;
        }
        square = square * square % modulus;
    }
    return (uint32_t)result;
}

uint64_t kernel(uint32_t work) {
    uint64_t seed = 521288629, sum = 0;
    for (uint32_t i = 0; i < work; i++) {
        uint64_t a = draw(&seed) >> 8, b = draw(&seed) >> 24;
        sum = fold(sum, divisor(a, b | 1));
        sum += power((uint32_t)a, (uint32_t)b, (uint32_t)seed | 1);
        sum += (uint64_t)((int32_t)a / ((int32_t)(b & 0xffff) + 1)) + (uint64_t)((int64_t)seed % 1000);
    }
    return sum;
}
