/* language/parser.h - from the bytes of a build file to its instructions' words.
 *
 * The first of two steps: lines, directives, continuations, comments,
 * here-documents and flags.  What the words mean is instructions.h. */
#ifndef DF_PARSER_H
#define DF_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

/* The longest physical line in bytes, without its newline. */
#define DF_LINE_MAX 65535

/* Physical lines of the file, counted from 1, both inclusive; 0 when what it
 * belongs to is nowhere in the file. */
struct df_lines {
    size_t first, last;
};

/* What went wrong, and where.  Strings are the arena's. */
struct df_problem {
    const char *message; /* as BuildKit words it; a suggestion is included */
    const char *hint;    /* what to do about it, or NULL */
    struct df_lines lines;
};

/* The first is the one that BuildKit stops at. */
struct df_problems {
    struct df_problem *items;
    size_t len, cap;
};

/* Appends; the text goes to the arena. */
void df_problem_add(struct df_arena *a, struct df_problems *list,
                    struct df_lines lines, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

struct df_heredoc {
    const char *name; /* the terminator, quotes removed */
    unsigned fd;      /* 0 when none was written */
    bool expand;      /* no part of the word was quoted */
    bool chomp;       /* "<<-" */
    const char *content; /* as in the file, with its line ends */
    size_t len;          /* may hold NULs */
};

enum df_directive_kind { DF_DIRECTIVE_SYNTAX, DF_DIRECTIVE_ESCAPE, DF_DIRECTIVE_CHECK };

/* One logical line. */
struct df_node {
    const char *value;    /* the keyword as written ("RUN", "run") */
    const char *original; /* the logical line: continuations joined, comments out */
    char *const *flags;   /* "--mount=type=cache,...", quotes removed */
    size_t flags_len;
    /* The arguments.  ENV and LABEL: key, value, key, value... as words with
     * their quotes.  HEALTHCHECK: the type first.  RUN and friends: the whole
     * text as one, or the elements of the JSON array.  ONBUILD: keyword and
     * arguments of the trigger. */
    char *const *args;
    size_t args_len;
    bool json;        /* the arguments came from a JSON array */
    bool legacy_pair; /* ENV or LABEL as "key rest of line" */
    const struct df_node *sub; /* ONBUILD's trigger, or NULL */
    const struct df_heredoc *heredocs;
    size_t heredocs_len;
    char *const *comments; /* the block right above, without '#' and blanks */
    size_t comments_len;
    struct df_lines lines;
};

struct df_file {
    const struct df_node *nodes;
    size_t len;
    char escape; /* '\\' or '`' */
    /* Logical lines with an empty line inside their continuation; the line is
     * where the logical line ends.  For NoEmptyContinuation. */
    const struct df_lines *empty_continuations;
    size_t empty_continuations_len;
};

/* Parse a whole file.  NULL with at least one problem when it is not a build
 * file; an empty text is "file with no instructions", too (that the file is
 * empty, "the Dockerfile cannot be empty", is for the caller to say). */
const struct df_file *df_file_parse(struct df_arena *a, const char *text,
                                    size_t len, struct df_problems *problems);
/* The same, but whatever could be read is returned also when there are
 * problems: to look for more of them in it. */
const struct df_file *df_file_read(struct df_arena *a, const char *text,
                                   size_t len, struct df_problems *problems);

struct df_directive {
    const char *value;   /* up to the first blank */
    const char *cmdline; /* all of it */
    struct df_lines lines;
};

/* Find "# syntax = ..." in any of the forms other languages may use: '#',
 * "//", or a JSON object with the key "syntax"; a first line "#!..." is
 * skipped.  False when there is none. */
bool df_syntax_detect(struct df_arena *a, const char *text, size_t len,
                      struct df_directive *out);
/* Find a directive ("check", "syntax", "escape") in the '#' form only. */
bool df_directive_find(struct df_arena *a, const char *text, size_t len,
                       const char *key, struct df_directive *out);

/* The here-document a single word announces ("<<EOF", "3<<-'X'"), or false.
 * Fills all but the content. */
bool df_heredoc_from_word(struct df_arena *a, const char *word,
                          struct df_heredoc *out);
/* The content with the leading tabs of each line removed; *len is updated. */
const char *df_heredoc_chomp(struct df_arena *a, const char *content, size_t *len);

/* ---- small things shared by the files of this plugin ---- */

/* Go's unicode.IsSpace at p (p < end): the width of the blank, else 0. */
size_t df_space(const char *p, const char *end);
char *df_trim(struct df_arena *a, const char *s); /* strings.TrimSpace */
char *df_lower(struct df_arena *a, const char *s); /* ASCII */
char *df_upper(struct df_arena *a, const char *s);
char *df_quote(struct df_arena *a, const char *s); /* Go's %q */
/* Go's encoding/csv of one record; NULL with *why when malformed. */
char **df_csv_fields(struct df_arena *a, const char *s, size_t *count,
                     const char **why);
/* The option nearest to word when at most two edits away (and not equal to
 * one), as BuildKit suggests; else NULL. */
const char *df_suggest(struct df_arena *a, const char *word,
                       const char *const *options, bool case_sensitive);
/* " (did you mean NAME?)", with `before` before the name; "" without one. */
const char *df_did_you_mean(struct df_arena *a, const char *before, const char *name);

#endif
