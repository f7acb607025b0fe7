/* language/language.h - what the files of the language half share among themselves; not
 * with the half that makes graphs. */
#ifndef DF_LANGUAGE_H
#define DF_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "instructions.h"
#include "parser.h"

/* ---- text.c ---- */

/* A growing list of strings in an arena. */
struct df_list {
    char **items;
    size_t len, cap;
};
void df_list_add(struct df_arena *a, struct df_list *l, char *s);

/* One UTF-8 character at p (p < end): its width; a byte that starts none
 * counts as one, U+FFFD. */
size_t df_rune(const char *p, const char *end, uint32_t *rune);
/* The text itself when it is UTF-8, else a copy with U+FFFD for each byte that
 * is not; *len is updated. */
const char *df_utf8(struct df_arena *a, const char *text, size_t *len);
bool df_is_letter(uint32_t rune); /* Go's unicode.IsLetter, the common scripts */
bool df_is_digit(uint32_t rune);

/* ---- json.c ---- */

enum df_json { DF_JSON_NO, DF_JSON_MIXED, DF_JSON_NUL, DF_JSON_STRINGS };
/* An array of strings?  NO: not a JSON array at all; MIXED: one with other
 * things in it; NUL: one of the strings holds a NUL. */
enum df_json df_json_strings(struct df_arena *a, const char *text,
                             struct df_list *out);

/* ---- nodes.c ---- */

/* The words of one logical line; false with a problem at `lines`. */
bool df_node_parse(struct df_arena *a, const char *line, char escape,
                   struct df_lines lines, struct df_node *out,
                   struct df_problems *problems);

/* ---- flags.c ---- */

enum df_flag_type { DF_FLAG_BOOL, DF_FLAG_STRING, DF_FLAG_STRINGS };
struct df_flag {
    const char *name;
    enum df_flag_type type;
    const char *value; /* STRING; BOOL: "true" or "false" */
    struct df_list values;
    bool used;
};
/* Read the flags of a node into the table; NULL, or what is wrong. */
const char *df_flags_parse(struct df_arena *a, const struct df_node *node,
                           struct df_flag *flags, size_t count);

/* ---- mounts.c ---- */

/* What can be said of a --mount before its variables are known; NULL when it
 * is fine. */
const char *df_mount_precheck(struct df_arena *a, const char *text);

/* ---- stagelint.c ---- */

void df_lint_stages(struct df_arena *a, const struct df_instructions *all,
                    struct df_linter *lint);

/* ---- run.c ---- */

/* NULL when the value is one BuildKit knows, or has variables. */
const char *df_run_network_problem(struct df_arena *a, const char *value);
const char *df_run_security_problem(struct df_arena *a, const char *value);

#endif
