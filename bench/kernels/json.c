// Parsing: writes a JSON document into memory, then cuts it into tokens and adds up what it says.
#include "kernel.h"

#define BYTES_MAX (1u << 16)
#define DEPTH_MAX 32

static char text[BYTES_MAX + 64];
static const char *at;

static uint32_t write_document(uint64_t seed) {
    char *out = text;
    *out++ = '[';
    for (uint32_t i = 0; out < text + BYTES_MAX - 200; i++) {
        uint64_t bits = draw(&seed);
        out += sprintf(out, "%s{\"id\": %u, \"name\": \"bird \\\"%u\\\" \\u00e9\", \"tags\": [%s, null, -%u.%ue%u],\n  ",
                       i == 0 ? "" : ", ", i, (uint32_t)bits & 0xffff, bits & 1 ? "true" : "false",
                       (uint32_t)(bits >> 16) & 0xfff, (uint32_t)(bits >> 28) & 0xfff, (uint32_t)(bits >> 40) & 7);
        out += sprintf(out, "\"deep\": {\"a\": {\"b\": [[], {}, [%u]]}}}", (uint32_t)(bits >> 44));
    }
    memcpy(out, "]", 2);
    return (uint32_t)(out - text) + 1;
}

static inline void skip_space(void) {
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') {
        at++;
    }
}

static uint64_t string(void) {
    uint64_t hash = 14695981039346656037u;
    for (at++; *at != '"'; at++) {
        if (*at == '\\') {
            at++;
        }
        hash = (hash ^ (uint8_t)*at) * 1099511628211u;
    }
    at++;
    return hash;
}

static uint64_t number(void) {
    uint64_t digits = 0;
    int negative = *at == '-';
    for (at += negative; (*at >= '0' && *at <= '9') || *at == '.' || *at == 'e'; at++) {
        digits = *at >= '0' ? digits * 10 + (uint64_t)(*at - '0') : digits ^ (uint8_t)*at;
    }
    return negative ? -digits : digits;
}

static NOINLINE uint64_t value(int depth) {
    skip_space();
    uint64_t sum = (uint64_t)depth;
    char open = *at;
    switch (open) {
    case '"': return string();
    case 't': at += 4; return 1;
    case 'f': at += 5; return 2;
    case 'n': at += 4; return 3;
    case '[':
    case '{':
        at++;
        for (skip_space(); *at != open + 2 && depth < DEPTH_MAX; skip_space()) {
            at += *at == ',';
            skip_space();
            if (open == '{') {
                sum = fold(sum, string());
                skip_space();
                at++;
            }
            sum = fold(sum, value(depth + 1));
        }
        at++;
        return sum;
    default: return number();
    }
}

uint64_t kernel(uint32_t work) {
    uint64_t sum = write_document(16180339887u);
    for (uint32_t round = 0; round < work; round++) {
        at = text;
        sum = fold(sum, value(0));
    }
    return sum;
}
