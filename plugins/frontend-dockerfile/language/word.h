/* language/word.h - quotes, escapes and ${...} in the words of a build file.
 *
 * The language is BuildKit's: a small subset of the shell's with its own
 * rules for escapes; see the reference in dockerfile(5) of BuildKit. */
#ifndef DF_WORD_H
#define DF_WORD_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

/* How deep ${a:-${b:-...}} may nest. */
#define DF_WORD_DEPTH_MAX 100
/* What all expansions in one arena may take together: bytes of values and steps of
 * matching patterns.  Enough for anything sensible, and a bound for a file that was
 * made to be slow: ${a//?/${a//?/...}} multiplies with each level. */
#define DF_WORD_WORK_MAX ((size_t)16 << 20)
/* And this much more for each byte of the texts that are expanded. */
#define DF_WORD_WORK_PER_BYTE 16

static inline bool
df_work_left(const struct df_arena *a)
{
    return a->work <= a->work_given + DF_WORD_WORK_MAX;
}

/* Where values come from. */
struct df_env {
    /* The value of the variable, or NULL when it is not set.  Stays the
     * environment's; must live as long as the call that asked. */
    const char *(*get)(void *data, const char *name);
    /* The i-th name or "", NULL after the last.  For suggestions; may be
     * NULL. */
    const char *(*name_at)(void *data, size_t i);
    void *data;
};

enum df_word_flags {
    DF_WORD_RAW_QUOTES = 1 << 0,  /* keep the quote characters */
    DF_WORD_RAW_ESCAPES = 1 << 1, /* keep the escape characters */
    DF_WORD_SKIP_QUOTES = 1 << 2, /* quotes are ordinary (here-documents) */
    DF_WORD_SKIP_UNSET = 1 << 3,  /* leave "$x" of an unset x as it is */
    DF_WORD_JUDGE = 1 << 4,       /* but fail for an unknown modifier */
};

/* Names, each once, in order of first use. */
struct df_names {
    const char **items;
    size_t len;
};

struct df_word {
    char *text; /* the word with everything replaced, NUL-terminated */
    size_t len;
    char *const *words; /* the same, split at blanks that were not quoted */
    size_t words_len;
    struct df_names matched;   /* variables that were set */
    struct df_names unmatched; /* variables that were not */
};

/* Expand text[0..len).  escape is '\\' or '`'.
 * False with *message (the arena's) when it is malformed or a ${x:?} fired:
 * "failed to process \"...\": ..."; *out has the variables that were met up to
 * there, and nothing else. */
bool df_word_expand(struct df_arena *a, char escape, unsigned flags,
                    const char *text, size_t len, const struct df_env *env,
                    struct df_word *out, const char **message);

/* The nearest name of the environment for a name that is not set, or NULL
 * (as BuildKit suggests: at most two edits away). */
const char *df_word_suggest(struct df_arena *a, const char *name,
                            const struct df_env *env);

#endif
