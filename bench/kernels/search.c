// Strings: searches by skipping (Boyer, Moore and Horspool), letter by letter, and for the
// longest word. No library function helps, because hosts write those in machine code.
#include "kernel.h"

#define BYTES 65536

static char text[BYTES + 1];

static NOINLINE uint32_t horspool(const char *needle, uint32_t length) {
    uint32_t skip[256], found = 0;
    for (int i = 0; i < 256; i++) {
        skip[i] = length;
    }
    for (uint32_t i = 0; i + 1 < length; i++) {
        skip[(uint8_t)needle[i]] = length - 1 - i;
    }
    for (uint32_t at = 0; at + length <= BYTES; at += skip[(uint8_t)text[at + length - 1]]) {
        uint32_t same = length;
        while (same > 0 && text[at + same - 1] == needle[same - 1]) {
            same--;
        }
        found += same == 0;
    }
    return found;
}

static NOINLINE uint32_t letters(const char *needle, uint32_t length) {
    uint32_t found = 0;
    for (const char *at = text; *at != '\0'; at++) {
        uint32_t same = 0;
        while (same < length && at[same] == needle[same]) {
            same++;
        }
        found += same == length;
    }
    return found;
}

static NOINLINE uint32_t words(void) {
    uint32_t longest = 0, length = 0;
    for (const char *at = text; *at != '\0'; at++) {
        length = *at == ' ' ? 0 : length + 1;
        longest = length > longest ? length : longest;
    }
    return longest;
}

uint64_t kernel(uint32_t work) {
    static const char ALPHABET[] = "eeeettaaooiinns rrhlduc mfpgwyb vkxj qz  ";
    uint64_t seed = 14142135623u, sum = 0;
    for (uint32_t i = 0; i < BYTES; i++) {
        text[i] = ALPHABET[draw(&seed) % (sizeof ALPHABET - 1)];
    }
    for (uint32_t round = 0; round < work; round++) {
        const char *needle = text + draw(&seed) % (BYTES - 32);
        uint32_t length = 3 + round % 6;
        sum = fold(sum, horspool(needle, length) * 1000003u + letters(needle, length) + words());
    }
    return sum;
}
