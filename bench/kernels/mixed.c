// A mix like an embedded program's: a linked list, a small integer matrix, a state machine over
// text, and a checksum that ties them together.
#include "kernel.h"

#define NODES 200
#define SIDE 12

typedef struct Node {
    struct Node *next;
    int16_t value, order;
} Node;

static Node nodes[NODES];
static int16_t a[SIDE][SIDE], b[SIDE][SIDE];
static int32_t c[SIDE][SIDE];

static NOINLINE uint16_t crc16(uint16_t crc, uint16_t value) {
    for (int bit = 0; bit < 16; bit++, value >>= 1) {
        crc = (uint16_t)((crc ^ value) & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
    }
    return crc;
}

static Node *reverse(Node *list) {
    Node *done = NULL;
    while (list != NULL) {
        Node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static const Node *find(const Node *list, int16_t value) {
    while (list != NULL && list->value != value) {
        list = list->next;
    }
    return list;
}

static NOINLINE uint16_t lists(uint16_t crc, uint32_t round) {
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[i] = (Node){i + 1 < NODES ? &nodes[i + 1] : NULL, (int16_t)(i * 31 % 97), (int16_t)i};
    }
    Node *list = reverse(nodes);
    for (int16_t wanted = 0; wanted < 20; wanted++) {
        const Node *found = find(list, (int16_t)((wanted * 7 + (int16_t)round) % 110));
        crc = crc16(crc, found == NULL ? 0xffff : (uint16_t)found->order);
    }
    return crc16(crc, (uint16_t)reverse(list)->value);
}

static NOINLINE uint16_t matrix(uint16_t crc, int16_t seed) {
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            a[i][j] = (int16_t)(seed + i * j);
            b[i][j] = (int16_t)(seed ^ (i - j));
        }
    }
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            int32_t sum = 0;
            for (int k = 0; k < SIDE; k++) {
                sum += (a[i][k] * b[k][j]) >> 2 & 0x3ff;
            }
            c[i][j] = sum;
        }
    }
    return crc16(crc, (uint16_t)(c[3][7] + c[9][2] * 5));
}

enum { START, SIGN, DIGITS, POINT, EXPONENT, BAD, STATES };

static NOINLINE uint16_t machine(uint16_t crc, const char *at) {
    uint16_t visits[STATES] = {0};
    for (int state = START; *at != '\0'; at++) {
        char c = *at;
        int digit = c >= '0' && c <= '9';
        if (c == ',') {
            state = START;
        } else {
            switch (state) {
            case START: state = digit ? DIGITS : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : BAD; break;
            case SIGN: state = digit ? DIGITS : c == '.' ? POINT : BAD; break;
            case DIGITS: state = digit ? DIGITS : c == '.' ? POINT : c == 'e' ? EXPONENT : BAD; break;
            case POINT: state = digit ? POINT : c == 'e' ? EXPONENT : BAD; break;
            case EXPONENT: state = digit || c == '-' ? EXPONENT : BAD; break;
            default: break;
            }
        }
        visits[state]++;
    }
    for (int i = 0; i < STATES; i++) {
        crc = crc16(crc, visits[i]);
    }
    return crc;
}

uint64_t kernel(uint32_t work) {
    char text[] = "5012,1234.5,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.5e3,-.123e-2,T0.3e-1F,1x2";
    uint16_t crc = 0;
    uint64_t sum = 0;
    for (uint32_t round = 0; round < work; round++) {
        crc = lists(crc, round % 64);
        crc = matrix(crc, (int16_t)(crc & 0xff));
        text[round % 60] ^= (char)(round & 1);
        crc = machine(crc, text);
        text[round % 60] ^= (char)(round & 1);
        sum = fold(sum, crc);
    }
    return sum;
}
