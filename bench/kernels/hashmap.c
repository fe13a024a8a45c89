// Memory: an open-addressed table of 64-bit keys: insertions, hits, misses and removals.
#include "kernel.h"

#define SLOTS (1u << 16)
#define KEYS 30000

typedef struct {
    uint64_t key, value;
} Slot;

static NOINLINE Slot *find(Slot *slots, uint64_t key) {
    uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 48);
    while (slots[at].key != 0 && slots[at].key != key) {
        at = (at + 1) & (SLOTS - 1);
    }
    return &slots[at];
}

uint64_t kernel(uint32_t work) {
    Slot *slots = allocate(SLOTS * sizeof(Slot));
    uint64_t sum = 0;
    for (uint32_t round = 0; round < work; round++) {
        memset(slots, 0, SLOTS * sizeof(Slot));
        uint64_t seed = 1000 + round;
        for (uint32_t i = 0; i < KEYS; i++) {
            Slot *slot = find(slots, draw(&seed) >> 20 | 1);
            slot->key = slot->key == 0 ? seed >> 20 | 1 : slot->key;
            slot->value += i;
        }
        seed = 1000 + round;
        for (uint32_t i = 0; i < KEYS; i++) {
            uint64_t bits = draw(&seed);
            sum += find(slots, bits >> 20 | 1)->value;
            sum ^= find(slots, bits >> 19 | 1)->value << 3;
        }
        sum = fold(sum, round);
    }
    free(slots);
    return sum;
}
