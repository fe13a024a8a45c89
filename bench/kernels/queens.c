// Calls and bits: counts the placements of N queens by backtracking over bit sets.
#include "kernel.h"

static uint32_t all;

static NOINLINE uint64_t place(uint32_t columns, uint32_t left, uint32_t right) {
    if (columns == all) {
        return 1;
    }
    uint64_t found = 0;
    for (uint32_t free = all & ~(columns | left | right); free != 0; free &= free - 1) {
        uint32_t queen = free & -free;
        found += place(columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return found;
}

uint64_t kernel(uint32_t work) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < work; i++) {
        all = (1u << (8 + i % 3)) - 1;
        sum = fold(sum, place(0, 0, 0));
    }
    return sum;
}
