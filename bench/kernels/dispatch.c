// Indirect calls: a list of objects of eight kinds, each with its own table of functions.
#include "kernel.h"

#define OBJECTS 1024

typedef struct Shape Shape;
typedef struct {
    uint32_t (*area)(const Shape *);
    void (*grow)(Shape *, uint32_t);
} Methods;
struct Shape {
    const Methods *methods;
    uint32_t a, b;
};

#define KIND(name, area_of, grown)                                                             \
    static uint32_t name##_area(const Shape *s) { return area_of; }                            \
    static void name##_grow(Shape *s, uint32_t by) { grown; }                                  \
    static const Methods name = {name##_area, name##_grow};

KIND(square, s->a * s->a, s->a += by)
KIND(rectangle, s->a * s->b, (s->a += by, s->b ^= by))
KIND(triangle, s->a * s->b / 2, (s->b += by, s->a++))
KIND(ring, 3 * (s->a * s->a - s->b), (s->a -= by, s->b += 2))
KIND(line, s->a + s->b, s->b = s->a + by)
KIND(point, 1 + (s->a & 1), s->a += by * 3)
KIND(cross, s->a * 5 ^ s->b, s->a = s->b * by)
KIND(star, (s->a << 2) + s->b, (s->a ^= s->b, s->b += by))

static const Methods *const KINDS[8] = {
    &square, &rectangle, &triangle, &ring, &line, &point, &cross, &star,
};

uint64_t kernel(uint32_t work) {
    static Shape shapes[OBJECTS];
    uint64_t seed = 123456789, sum = 0;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        uint64_t bits = draw(&seed);
        shapes[i] = (Shape){KINDS[bits >> 40 & 7], (uint32_t)bits & 0xff, (uint32_t)(bits >> 8) & 0xff};
    }
    for (uint32_t round = 0; round < work; round++) {
        for (uint32_t i = 0; i < OBJECTS; i++) {
            Shape *shape = &shapes[i];
            sum += shape->methods->area(shape);
            shape->methods->grow(shape, round & 15);
        }
        sum = fold(sum, round);
    }
    return sum;
}
