// The least that a program can do with its output: one line.
#include <stdio.h>

int main(void) {
    puts("hello, world");
    return 0;
}
