// Dynamic programming: the edit distance of two texts, one row at a time.
#include "kernel.h"

#define LENGTH 400

static uint8_t left[LENGTH], right[LENGTH];
static uint32_t row[LENGTH + 1];

static NOINLINE uint32_t distance(void) {
    for (uint32_t j = 0; j <= LENGTH; j++) {
        row[j] = j;
    }
    for (uint32_t i = 0; i < LENGTH; i++) {
        uint32_t diagonal = row[0];
        row[0] = i + 1;
        for (uint32_t j = 0; j < LENGTH; j++) {
            uint32_t change = diagonal + (left[i] != right[j]);
            uint32_t step = 1 + (row[j] < row[j + 1] ? row[j] : row[j + 1]);
            diagonal = row[j + 1];
            row[j + 1] = change < step ? change : step;
        }
    }
    return row[LENGTH];
}

uint64_t kernel(uint32_t work) {
    uint64_t seed = 22360679774u, sum = 0;
    for (uint32_t round = 0; round < work; round++) {
        for (uint32_t i = 0; i < LENGTH; i++) {
            left[i] = (uint8_t)(draw(&seed) & 3);
            right[i] = (uint8_t)(seed >> 20 & 3);
        }
        sum = fold(sum, distance());
    }
    return sum;
}
