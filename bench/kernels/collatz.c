// Integer: the longest Collatz chain below a bound, in 64 bits; branches that no one predicts.
#include "kernel.h"

static NOINLINE uint32_t chain(uint64_t n) {
    uint32_t steps = 0;
    while (n != 1) {
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
        steps++;
    }
    return steps;
}

uint64_t kernel(uint32_t work) {
    uint32_t longest = 0;
    uint64_t sum = 0;
    for (uint32_t start = 1; start <= work; start++) {
        uint32_t steps = chain(start);
        if (steps > longest) {
            longest = steps;
            sum = fold(sum, start);
        }
        sum += steps;
    }
    return sum;
}
