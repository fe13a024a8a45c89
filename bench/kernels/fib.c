// Calls: Fibonacci by double recursion, one small frame after another.
#include "kernel.h"

static NOINLINE uint32_t fib(uint32_t n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

uint64_t kernel(uint32_t work) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < work; i++) {
        sum = fold(sum, fib(20 + i % 5));
    }
    return sum;
}
