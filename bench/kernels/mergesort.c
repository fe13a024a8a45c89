// Sorting: a stable merge sort of records through a comparison function given by pointer.
#include "kernel.h"

#define N 8192

typedef struct {
    uint32_t key, order;
    double weight;
} Record;

typedef int (*Compare)(const Record *, const Record *);

static int by_key(const Record *a, const Record *b) {
    return a->key < b->key ? -1 : a->key > b->key;
}

static int by_weight(const Record *a, const Record *b) {
    return a->weight < b->weight ? -1 : a->weight > b->weight;
}

static NOINLINE void sort(Record *a, Record *spare, uint32_t n, Compare compare) {
    if (n < 2) {
        return;
    }
    uint32_t half = n / 2;
    sort(a, spare, half, compare);
    sort(a + half, spare, n - half, compare);
    memcpy(spare, a, half * sizeof *a);
    uint32_t left = 0, right = half, out = 0;
    while (left < half && right < n) {
        a[out++] = compare(&a[right], &spare[left]) < 0 ? a[right++] : spare[left++];
    }
    memcpy(a + out, spare + left, (half - left) * sizeof *a);
}

uint64_t kernel(uint32_t work) {
    Record *records = allocate(N * sizeof *records), *spare = allocate(N * sizeof *spare);
    uint64_t seed = 66260701500u, sum = 0;
    for (uint32_t round = 0; round < work; round++) {
        for (uint32_t i = 0; i < N; i++) {
            uint64_t bits = draw(&seed);
            records[i] = (Record){(uint32_t)bits & 0x3ff, i, (double)(bits >> 40) / 256};
        }
        sort(records, spare, N, round % 2 == 0 ? by_key : by_weight);
        for (uint32_t i = 0; i < N; i += 64) {
            sum = fold(sum, records[i].order);
        }
    }
    free(records);
    free(spare);
    return sum;
}
