// What every kernel shares: `KERNEL WORK` does work that grows with its argument and prints a
// checksum. The checksum depends on nothing but the argument, so that it is the same natively and
// in every engine. Integers have fixed widths, because pointers differ between the two; floating
// point uses only operations that IEEE 754 defines to the bit.
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Defined by each kernel.
uint64_t kernel(uint32_t work);

// Keeps a function from being merged into its caller, where the call is what is measured.
#define NOINLINE __attribute__((noinline))

// Folds a value into a checksum; order matters.
static inline uint64_t fold(uint64_t sum, uint64_t value) {
    sum = (sum ^ value) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 29;
}

static inline uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// A seeded generator for inputs (xorshift64, Marsaglia).
static inline uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: %s WORK\n", arguments[0]);
        return 2;
    }
    printf("%016llx\n", (unsigned long long)kernel((uint32_t)strtoul(arguments[1], NULL, 10)));
    return 0;
}

#endif
