// Hashing: SipHash-2-4 (Aumasson and Bernstein) of short keys; 64-bit rotations and additions.
#include "kernel.h"

#define KEYS 512

static inline uint64_t rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }

static inline void mix(uint64_t v[4]) {
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

static NOINLINE uint64_t siphash(const uint8_t *data, uint32_t length, uint64_t k0, uint64_t k1) {
    uint64_t v[4] = {
        k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
        k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u,
    };
    uint64_t last = (uint64_t)length << 56, word;
    for (; length >= 8; data += 8, length -= 8) {
        memcpy(&word, data, 8);
        v[3] ^= word;
        mix(v), mix(v);
        v[0] ^= word;
    }
    for (uint32_t i = 0; i < length; i++) {
        last |= (uint64_t)data[i] << 8 * i;
    }
    v[3] ^= last;
    mix(v), mix(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    mix(v), mix(v), mix(v), mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t kernel(uint32_t work) {
    static uint8_t text[KEYS + 64];
    uint64_t seed = 27182818284u, sum = 0;
    for (uint32_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)draw(&seed);
    }
    for (uint32_t round = 0; round < work; round++) {
        for (uint32_t key = 0; key < KEYS; key++) {
            sum ^= siphash(text + key, (key + round) % 41, sum, round);
        }
    }
    return sum;
}
