// Compression: an LZ77 packer with a hash of the last places, its unpacker, and a comparison.
#include "kernel.h"

#define BYTES 65536
#define HASHES 4096
#define MATCH_MIN 4
#define MATCH_MAX 131

static uint8_t plain[BYTES + 8], packed[BYTES * 2], again[BYTES + 8];

static inline uint32_t hash_at(const uint8_t *at) {
    uint32_t four;
    memcpy(&four, at, sizeof four);
    return four * 2654435761u >> 20;
}

// A token below 128 is a run of literals; above, a match: length, then two bytes of distance.
static NOINLINE uint32_t pack(void) {
    static uint32_t last[HASHES];
    memset(last, 0, sizeof last);
    uint32_t out = 0, literals = 0, at = 0;
    while (at < BYTES) {
        uint32_t hash = hash_at(plain + at) % HASHES, from = last[hash], length = 0;
        last[hash] = at + 1;
        if (from != 0 && at - --from < 65536 && at + MATCH_MAX < BYTES) {
            while (length < MATCH_MAX && plain[from + length] == plain[at + length]) {
                length++;
            }
        }
        if (length >= MATCH_MIN) {
            packed[out++] = (uint8_t)(128 + length - MATCH_MIN);
            packed[out++] = (uint8_t)(at - from);
            packed[out++] = (uint8_t)((at - from) >> 8);
            at += length;
            literals = 0;
            continue;
        }
        if (literals == 0 || packed[out - literals - 1] == 127) {
            packed[out++] = 0;
            literals = 0;
        } else {
            packed[out - literals - 1]++;
        }
        packed[out++] = plain[at++];
        literals++;
    }
    return out;
}

static NOINLINE uint32_t unpack(uint32_t length) {
    uint32_t in = 0, out = 0;
    while (in < length) {
        uint32_t token = packed[in++];
        if (token < 128) {
            memcpy(again + out, packed + in, token + 1);
            in += token + 1;
            out += token + 1;
            continue;
        }
        uint32_t distance = packed[in] | (uint32_t)packed[in + 1] << 8;
        in += 2;
        for (uint32_t i = 0; i < token - 128 + MATCH_MIN; i++, out++) {
            again[out] = again[out - distance];
        }
    }
    return out;
}

uint64_t kernel(uint32_t work) {
    uint64_t seed = 17320508075u, sum = 0;
    for (uint32_t round = 0; round < work; round++) {
        for (uint32_t at = 0; at < BYTES;) {
            uint64_t bits = draw(&seed);
            uint32_t length = 3 + (uint32_t)(bits & 31);
            uint32_t from = at < 64 || bits >> 63 ? at : (uint32_t)(bits >> 8) % (at - 40);
            for (uint32_t i = 0; i < length && at < BYTES; i++, at++) {
                plain[at] = from == at - i ? (uint8_t)(bits >> i) : plain[from + i];
            }
        }
        uint32_t length = pack();
        sum = fold(sum, length);
        sum = fold(sum, unpack(length));
        sum += (uint64_t)(memcmp(plain, again, BYTES) != 0);
    }
    return sum;
}
