// Answers HTTP requests: every request has an instance of its own, which begins with empty memory.

#include <string.h>

#include "app.h"

// Texts of components are not closed by a zero.
static bool same(const app_string_t *text, const char *other) {
    return text->len == strlen(other) && memcmp(text->ptr, other, text->len) == 0;
}
