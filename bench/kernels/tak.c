// Calls: Takeuchi's function, three arguments and a deep stack, and Ackermann's.
#include "kernel.h"

static NOINLINE int32_t tak(int32_t x, int32_t y, int32_t z) {
    return y < x ? tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) : z;
}

static NOINLINE uint32_t ackermann(uint32_t m, uint32_t n) {
    if (m == 0) {
        return n + 1;
    }
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

uint64_t kernel(uint32_t work) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < work; i++) {
        sum = fold(sum, (uint64_t)tak(14 + (int32_t)(i % 3), 10, 4));
        sum = fold(sum, ackermann(2, 60 + i % 7));
    }
    return sum;
}
