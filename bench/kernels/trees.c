// Allocation: builds binary trees with `malloc`, walks and frees them.
#include "kernel.h"

typedef struct Tree {
    struct Tree *left, *right;
    uint32_t value;
} Tree;

static NOINLINE Tree *build(uint32_t depth, uint32_t value) {
    Tree *tree = allocate(sizeof *tree);
    *tree = (Tree){NULL, NULL, value};
    if (depth > 0) {
        tree->left = build(depth - 1, value * 2);
        tree->right = build(depth - 1, value * 2 + 1);
    }
    return tree;
}

static NOINLINE uint64_t walk(const Tree *tree) {
    return tree == NULL ? 0 : tree->value + 3 * walk(tree->left) + 5 * walk(tree->right);
}

static NOINLINE void drop(Tree *tree) {
    if (tree != NULL) {
        drop(tree->left);
        drop(tree->right);
        free(tree);
    }
}

uint64_t kernel(uint32_t work) {
    uint64_t sum = 0;
    Tree *kept = build(12, 1);
    for (uint32_t round = 0; round < work; round++) {
        Tree *tree = build(6 + round % 5, round);
        sum = fold(sum, walk(tree));
        drop(tree);
    }
    sum = fold(sum, walk(kept));
    drop(kept);
    return sum;
}
