// Integer: CRC-32 by table, one dependent load a byte, and bit by bit.
#include "kernel.h"

#define BYTES 65536

static uint32_t table[256];

static uint32_t one(uint32_t crc) {
    for (int bit = 0; bit < 8; bit++) {
        crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return crc;
}

uint64_t kernel(uint32_t work) {
    uint8_t *data = allocate(BYTES);
    uint64_t seed = 2463534242u, sum = 0;
    for (uint32_t i = 0; i < BYTES; i++) {
        data[i] = (uint8_t)draw(&seed);
    }
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = one(i);
    }
    for (uint32_t round = 0; round < work; round++) {
        uint32_t crc = ~round;
        for (uint32_t i = 0; i < BYTES; i++) {
            crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
        }
        for (uint32_t i = 0; i < BYTES / 32; i++) {
            crc = one(crc ^ data[i]);
        }
        sum = fold(sum, crc);
    }
    free(data);
    return sum;
}
