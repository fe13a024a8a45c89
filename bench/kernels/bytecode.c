// Indirect branches: an interpreter for a small stack machine runs a program that counts primes.
#include "kernel.h"

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LESS, JUMP, JUMP_IF_ZERO, DUP, DROP, SWAP, HALT };

// n = local 0, count = local 1, i = local 2, d = local 3
static const int32_t PROGRAM[] = {
    PUSH, 2, STORE, 2, PUSH, 0, STORE, 1,
    // 8: while i < n
    LOAD, 2, LOAD, 0, LESS, JUMP_IF_ZERO, 63,
    PUSH, 2, STORE, 3,
    // 19: while d * d < i + 1
    LOAD, 3, DUP, MUL, LOAD, 2, PUSH, 1, ADD, LESS, JUMP_IF_ZERO, 47,
    LOAD, 2, LOAD, 3, MOD, JUMP_IF_ZERO, 54,
    LOAD, 3, PUSH, 1, ADD, STORE, 3, JUMP, 19,
    // 47: no divisor, so one prime more
    LOAD, 1, PUSH, 1, ADD, STORE, 1,
    // 54: next
    LOAD, 2, PUSH, 1, ADD, STORE, 2, JUMP, 8,
    // 63
    HALT,
};

static NOINLINE int32_t interpret(const int32_t *code, int32_t n, uint64_t *executed) {
    int32_t stack[256] = {0}, locals[4] = {n, 0, 0, 0};
    int32_t *top = stack + 1;
    uint64_t steps = 0;
    for (const int32_t *pc = code;; steps++) {
        switch (*pc++) {
        case PUSH: *++top = *pc++; break;
        case LOAD: *++top = locals[*pc++]; break;
        case STORE: locals[*pc++] = *top--; break;
        case ADD: top--; *top += top[1]; break;
        case SUB: top--; *top -= top[1]; break;
        case MUL: top--; *top *= top[1]; break;
        case MOD: top--; *top %= top[1]; break;
        case LESS: top--; *top = *top < top[1]; break;
        case JUMP: pc = code + *pc; break;
        case JUMP_IF_ZERO: pc = *top-- == 0 ? code + *pc : pc + 1; break;
        case DUP: top++; *top = top[-1]; break;
        case DROP: top--; break;
        case SWAP: { int32_t held = *top; *top = top[-1]; top[-1] = held; break; }
        default: *executed += steps; return locals[1];
        }
    }
}

uint64_t kernel(uint32_t work) {
    uint64_t sum = 0, executed = 0;
    for (uint32_t i = 0; i < work; i++) {
        sum = fold(sum, (uint64_t)interpret(PROGRAM, 500 + (int32_t)(i % 100), &executed));
    }
    return fold(sum, executed);
}
