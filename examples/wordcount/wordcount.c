// Counts the lines, words and bytes of a text and lists its most frequent words.
//
// `wordcount [FILE…]` reads the named files, or standard input when there are none. A word is a run
// of letters, digits and apostrophes, compared without regard to case. The table of words is open
// addressed and grows by doubling, so that a lookup stays short whatever the text is.

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Longer words are cut here: no language's dictionary has one.
#define WORD_BYTES_MAX 63
#define TOP_WORDS 10
#define FIRST_SLOTS 1024

typedef struct {
    char *text;
    uint32_t hash;
    uint64_t count;
} Word;

typedef struct {
    Word *slots;
    size_t slot_count; // a power of two
    size_t used;
} Table;

typedef struct {
    uint64_t lines, words, bytes;
} Totals;

static void fail(const char *what) {
    fprintf(stderr, "wordcount: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint32_t hash_of(const char *text) {
    uint32_t hash = 2166136261u; // FNV-1a
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    }
    return hash;
}

static Word *slot_of(const Table *table, const char *text, uint32_t hash) {
    size_t mask = table->slot_count - 1;
    size_t at = hash & mask;
    while (table->slots[at].text != NULL && strcmp(table->slots[at].text, text) != 0) {
        at = (at + 1) & mask;
    }
    return &table->slots[at];
}

static void grow(Table *table) {
    Table larger = {.slot_count = table->slot_count == 0 ? FIRST_SLOTS : table->slot_count * 2,
                    .used = table->used};
    larger.slots = calloc(larger.slot_count, sizeof(Word));
    if (larger.slots == NULL) {
        fail("the table of words");
    }
    for (size_t i = 0; i < table->slot_count; i++) {
        if (table->slots[i].text != NULL) {
            *slot_of(&larger, table->slots[i].text, table->slots[i].hash) = table->slots[i];
        }
    }
    free(table->slots);
    *table = larger;
}

static void add_word(Table *table, const char *text) {
    if (table->used * 2 >= table->slot_count) {
        grow(table);
    }
    uint32_t hash = hash_of(text);
    Word *word = slot_of(table, text, hash);
    if (word->text == NULL) {
        word->text = strdup(text);
        word->hash = hash;
        table->used++;
    }
    word->count++;
}

static void count_stream(FILE *stream, Table *table, Totals *totals) {
    char word[WORD_BYTES_MAX + 1];
    size_t length = 0;
    for (;;) {
        int c = getc(stream);
        if (c != EOF && (isalnum(c) || c == '\'' || c >= 0x80)) {
            totals->bytes++;
            if (length < WORD_BYTES_MAX) {
                word[length++] = (char)tolower(c);
            }
            continue;
        }
        if (length > 0) {
            word[length] = '\0';
            add_word(table, word);
            totals->words++;
            length = 0;
        }
        if (c == EOF) {
            return;
        }
        totals->bytes++;
        totals->lines += c == '\n';
    }
}

static int by_count(const void *left, const void *right) {
    const Word *a = left, *b = right;
    if (a->count != b->count) {
        return a->count < b->count ? 1 : -1;
    }
    return strcmp(a->text, b->text);
}

static void print_top(Table *table) {
    size_t kept = 0;
    for (size_t i = 0; i < table->slot_count; i++) {
        if (table->slots[i].text != NULL) {
            table->slots[kept++] = table->slots[i];
        }
    }
    qsort(table->slots, kept, sizeof(Word), by_count);
    for (size_t i = 0; i < kept && i < TOP_WORDS; i++) {
        printf("%7llu  %s\n", (unsigned long long)table->slots[i].count, table->slots[i].text);
    }
}

int main(int count, char **arguments) {
    Table table = {0};
    Totals totals = {0};
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(arguments[i], "r");
        if (file == NULL) {
            fail(arguments[i]);
        }
        count_stream(file, &table, &totals);
        fclose(file);
    }
    if (count == 1) {
        count_stream(stdin, &table, &totals);
    }
    printf("%llu lines, %llu words (%zu different), %llu bytes\n",
           (unsigned long long)totals.lines, (unsigned long long)totals.words, table.used,
           (unsigned long long)totals.bytes);
    print_top(&table);
    return 0;
}
