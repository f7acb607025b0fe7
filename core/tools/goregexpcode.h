/* tools/goregexpcode.h - the program that an expression of goregexp.h is: between what writes it
 * and what runs it. */
#ifndef TENON_TOOLS_GOREGEXPCODE_H
#define TENON_TOOLS_GOREGEXPCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/goregexp.h"
#include "tools/vec.h"

/* Jumps are relative, so that a piece of the program can be moved and repeated. */
enum op {
    OP_RUNE,
    OP_ANY, /* '.' */
    OP_CLASS,
    OP_SPLIT, /* a, and when that fails b */
    OP_JUMP,
    OP_SAVE, /* the place: group a/2, its begin or its end */
    OP_TEXT_BEGIN, OP_TEXT_END, OP_LINE_BEGIN, OP_LINE_END, OP_WORD, OP_NOT_WORD,
    OP_MATCH,
};

enum { FOLD = 1u << 0, LINES = 1u << 1, DOT_NL = 1u << 2, LAZY = 1u << 3 };

struct instruction {
    enum op op;
    unsigned flags;
    bool negated;
    uint32_t rune;
    int32_t a, b;          /* of SPLIT and JUMP: relative */
    uint32_t first, count; /* of CLASS: ranges */
};

struct range {
    uint32_t lo, hi;
};

struct tenon_goregexp {
    TENON_VEC(struct instruction) code;
    TENON_VEC(struct range) ranges;
    size_t groups;
    char *names[TENON_GOREGEXP_GROUPS]; /* NULL: the group has none */
};

/* Of ASCII, as in Go's \w without the "_". */
static inline bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

#endif
