// Sorting: quicksort with insertion at the ends, over 32-bit keys; swaps and compares in place.
#include "kernel.h"

#define N 20000
#define SMALL 12

static void insertion(uint32_t *a, int32_t n) {
    for (int32_t i = 1; i < n; i++) {
        uint32_t key = a[i];
        int32_t j = i;
        for (; j > 0 && a[j - 1] > key; j--) {
            a[j] = a[j - 1];
        }
        a[j] = key;
    }
}

static uint32_t median(uint32_t a, uint32_t b, uint32_t c) {
    if (a < b) {
        return b < c ? b : (a < c ? c : a);
    }
    return a < c ? a : (b < c ? c : b);
}

static NOINLINE void sort(uint32_t *a, int32_t n) {
    while (n > SMALL) {
        uint32_t pivot = median(a[0], a[n / 2], a[n - 1]);
        int32_t low = 0, high = n - 1;
        while (low <= high) {
            while (a[low] < pivot) {
                low++;
            }
            while (a[high] > pivot) {
                high--;
            }
            if (low <= high) {
                uint32_t held = a[low];
                a[low++] = a[high];
                a[high--] = held;
            }
        }
        if (high + 1 < n - low) {
            sort(a, high + 1);
            a += low;
            n -= low;
        } else {
            sort(a + low, n - low);
            n = high + 1;
        }
    }
    insertion(a, n);
}

uint64_t kernel(uint32_t work) {
    uint32_t *keys = allocate(N * sizeof *keys);
    uint64_t seed = 57721566490u, sum = 0;
    for (uint32_t round = 0; round < work; round++) {
        for (uint32_t i = 0; i < N; i++) {
            keys[i] = (uint32_t)draw(&seed) >> round % 16;
        }
        sort(keys, N);
        for (uint32_t i = 1; i < N; i++) {
            sum += keys[i - 1] > keys[i];
        }
        sum = fold(sum, keys[round * 101 % N]);
    }
    free(keys);
    return sum;
}
