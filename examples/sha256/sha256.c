// Prints the SHA-256 of each named file, or of standard input: `sha256 [FILE…]`.
//
// The algorithm is FIPS 180-4's; the output has the shape of the usual checksum tools, so that the
// two can be compared line by line.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    uint32_t state[8];
    uint8_t block[64];
    uint64_t bytes;
} Sha256;

static const uint32_t FIRST_STATE[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void schedule(const uint8_t *block, uint32_t w[64]) {
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
}

static void compress(Sha256 *hash, const uint8_t *block) {
    uint32_t w[64], s[8];
    schedule(block, w);
    memcpy(s, hash->state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t one = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                       ((e & s[5]) ^ (~e & s[6])) + ROUND[i] + w[i];
        uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                       ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++) {
        hash->state[i] += s[i];
    }
}

static void update(Sha256 *hash, const uint8_t *data, size_t length) {
    size_t held = hash->bytes % 64;
    hash->bytes += length;
    while (held + length >= 64) {
        memcpy(hash->block + held, data, 64 - held);
        compress(hash, hash->block);
        data += 64 - held;
        length -= 64 - held;
        held = 0;
    }
    memcpy(hash->block + held, data, length);
}

static void finish(Sha256 *hash) {
    uint64_t bits = hash->bytes * 8;
    uint8_t tail[72] = {0x80};
    size_t zeros = (119 - hash->bytes % 64) % 64;
    for (int i = 0; i < 8; i++) {
        tail[1 + zeros + i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    update(hash, tail, zeros + 9);
}

static int hash_stream(FILE *stream, const char *name) {
    static uint8_t buffer[65536];
    Sha256 hash = {.bytes = 0};
    memcpy(hash.state, FIRST_STATE, sizeof FIRST_STATE);
    size_t length;
    while ((length = fread(buffer, 1, sizeof buffer, stream)) > 0) {
        update(&hash, buffer, length);
    }
    if (ferror(stream)) {
        fprintf(stderr, "sha256: %s: %s\n", name, strerror(errno));
        return 1;
    }
    finish(&hash);
    for (int i = 0; i < 8; i++) {
        printf("%08x", hash.state[i]);
    }
    printf("  %s\n", name);
    return 0;
}

int main(int count, char **arguments) {
    if (count == 1) {
        return hash_stream(stdin, "-");
    }
    int failed = 0;
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(arguments[i], "rb");
        if (file == NULL) {
            fprintf(stderr, "sha256: %s: %s\n", arguments[i], strerror(errno));
            failed = 1;
            continue;
        }
        failed |= hash_stream(file, arguments[i]);
        fclose(file);
    }
    return failed;
}
