// Memory: the sieve of Eratosthenes, strided byte stores and a scan.
#include "kernel.h"

#define LIMIT (1u << 20)

uint64_t kernel(uint32_t work) {
    uint8_t *composite = allocate(LIMIT);
    uint64_t sum = 0;
    for (uint32_t round = 0; round < work; round++) {
        memset(composite, 0, LIMIT);
        for (uint32_t i = 2; i * i < LIMIT; i++) {
            if (composite[i] != 0) {
                continue;
            }
            for (uint32_t j = i * i; j < LIMIT; j += i) {
                composite[j] = 1;
            }
        }
        uint32_t primes = 0;
        for (uint32_t i = 2 + round; i < LIMIT; i++) {
            primes += composite[i] == 0;
        }
        sum = fold(sum, primes);
    }
    free(composite);
    return sum;
}
