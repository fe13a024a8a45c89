// SIMD: a 3×3 blur of a grey picture, eight pixels at a time widened to sixteen bits, and a
// sharpening of sixteen at a time.
#include "kernel.h"

#define WIDTH 256
#define HEIGHT 128

typedef uint8_t Bytes __attribute__((vector_size(16)));
typedef uint8_t Eight __attribute__((vector_size(8)));
typedef uint16_t Words __attribute__((vector_size(16)));

static uint8_t picture[HEIGHT + 2][WIDTH + 32], blurred[HEIGHT + 2][WIDTH + 32];

static inline Words load(const uint8_t *at) {
    Eight bytes;
    memcpy(&bytes, at, sizeof bytes);
    return __builtin_convertvector(bytes, Words);
}

static NOINLINE void blur(void) {
    for (int row = 1; row <= HEIGHT; row++) {
        for (int column = 16; column < WIDTH + 16; column += 8) {
            Words sum = {0};
            for (int down = -1; down <= 1; down++) {
                const uint8_t *at = &picture[row + down][column];
                Words line = load(at - 1) + load(at) * 2 + load(at + 1);
                sum += down == 0 ? line * 2 : line;
            }
            Eight result = __builtin_convertvector((sum + 8) >> 4, Eight);
            memcpy(&blurred[row][column], &result, sizeof result);
        }
    }
}

static NOINLINE void sharpen(void) {
    for (int row = 1; row <= HEIGHT; row++) {
        for (int column = 16; column < WIDTH + 16; column += 16) {
            Bytes old, soft;
            memcpy(&old, &picture[row][column], sizeof old);
            memcpy(&soft, &blurred[row][column], sizeof soft);
            Bytes brighter = (Bytes)(old > soft);
            Bytes result = (brighter & (old - (old - soft) / 4)) | (~brighter & (old + (soft - old) / 2));
            memcpy(&picture[row][column], &result, sizeof result);
        }
    }
}

uint64_t kernel(uint32_t work) {
    uint64_t seed = 987654321, sum = 0;
    for (int row = 0; row < HEIGHT + 2; row++) {
        for (int column = 0; column < WIDTH + 32; column++) {
            picture[row][column] = (uint8_t)draw(&seed);
        }
    }
    for (uint32_t round = 0; round < work; round++) {
        blur();
        sharpen();
        picture[1 + round % HEIGHT][16 + round * 7 % WIDTH] ^= 0xff;
        sum = fold(sum, picture[1 + round * 3 % HEIGHT][16 + round % WIDTH]);
    }
    return sum;
}
