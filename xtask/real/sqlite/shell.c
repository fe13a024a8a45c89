// A small SQL shell over the SQLite amalgamation: `shell DATABASE [SQL…]`.
//
// It runs the SQL of its arguments, or of standard input when there are none, and prints each row
// as `a|b|c`. The database is a path below a preopened folder, or `:memory:`.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

// Standard input is read whole; scripts of the checks are a few KiB.
#define SCRIPT_BYTES_MAX (1u << 20)

static int print_row(void *unused, int columns, char **values, char **names) {
    (void)unused;
    (void)names;
    for (int i = 0; i < columns; i++) {
        printf("%s%s", i == 0 ? "" : "|", values[i] == NULL ? "NULL" : values[i]);
    }
    putchar('\n');
    return 0;
}

static int execute(sqlite3 *database, const char *sql) {
    char *message = NULL;
    int code = sqlite3_exec(database, sql, print_row, NULL, &message);
    if (code != SQLITE_OK) {
        printf("error %d: %s\n", code, message);
        sqlite3_free(message);
    }
    return code;
}

static char *read_script(void) {
    char *text = malloc(SCRIPT_BYTES_MAX + 1);
    if (text == NULL) {
        return NULL;
    }
    text[fread(text, 1, SCRIPT_BYTES_MAX, stdin)] = '\0';
    return text;
}

int main(int count, char **arguments) {
    if (count < 2) {
        fprintf(stderr, "usage: shell DATABASE [SQL...]\n");
        return 2;
    }
    sqlite3 *database = NULL;
    if (sqlite3_open(arguments[1], &database) != SQLITE_OK) {
        printf("cannot open %s: %s\n", arguments[1], sqlite3_errmsg(database));
        return 1;
    }
    int code = SQLITE_OK;
    for (int i = 2; i < count && code == SQLITE_OK; i++) {
        code = execute(database, arguments[i]);
    }
    if (count == 2) {
        char *script = read_script();
        code = script == NULL ? SQLITE_NOMEM : execute(database, script);
        free(script);
    }
    if (sqlite3_close(database) != SQLITE_OK) {
        code = SQLITE_BUSY;
    }
    return code == SQLITE_OK ? 0 : 1;
}
