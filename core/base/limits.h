/* base/limits.h - how much of what is hostile a build takes: the table of limits that the
 * configuration's "limits" names, and the error of what is more. */
#ifndef TENON_BASE_LIMITS_H
#define TENON_BASE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define TENON_LIMIT_NONE UINT64_MAX
#define TENON_LIMIT_MOST (UINT64_C(1) << 60) /* that a configuration can say as a number */

enum tenon_limit {
    TENON_LIMIT_UNPACKED,    /* bytes of a layer, an archive or a commit, holes counted */
    TENON_LIMIT_HOLES,       /* bytes of those that are in no archive: sparse files */
    TENON_LIMIT_ENTRIES,     /* files, links and directories of a layer or an archive */
    TENON_LIMIT_RATIO,       /* unpacked bytes for one that is read ... */
    TENON_LIMIT_RATIO_FROM,  /* ... looked at from so many unpacked bytes on */
    TENON_LIMIT_WINDOW,      /* memory that a zstd stream may ask for */
    TENON_LIMIT_GIT_ENTRIES, /* files, links and directories of a commit and its submodules */
    TENON_LIMIT_GIT_FILE,    /* bytes of one file of a commit, which is in memory */
    TENON_LIMIT_GIT_OBJECTS, /* objects that a git server sends at once */
    TENON_LIMIT_GIT_PACK,    /* bytes that it sends */
    TENON_LIMIT_DOWNLOAD,    /* bytes of a file or a blob that a server sends */
    TENON_LIMIT_STEP_LOG,    /* bytes kept of what one step prints */
    TENON_LIMIT_LOGS,        /* bytes kept of what all steps of a build print; more is little */
    TENON_LIMITS
};

/* How each is named, its default and its smallest and largest value. */
struct tenon_limit_kind {
    const char *name;
    bool is_size; /* bytes; else a number */
    uint64_t preset, least, most;
};
extern const struct tenon_limit_kind tenon_limit_kinds[TENON_LIMITS];

struct tenon_limits {
    uint64_t value[TENON_LIMITS]; /* 0: the default; TENON_LIMIT_NONE */
};

/* l NULL: the defaults. */
uint64_t tenon_limit(const struct tenon_limits *l, enum tenon_limit which);
/* The limit of that name; negative: there is none. */
int tenon_limit_find(const char *name);
/* LIMIT: what is more (the text), than which limit, which value that has, and what allows it. */
int tenon_limit_exceeded(const struct tenon_limits *l, enum tenon_limit which,
                         struct tenon_error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int tenon_limit_vexceeded(const struct tenon_limits *l, enum tenon_limit which,
                          struct tenon_error *err, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

/* `out` bytes came of the `in` that were read so far: is that within size and ratio? */
int tenon_limit_unpacked(const struct tenon_limits *l, uint64_t in, uint64_t out,
                         struct tenon_error *err);

#endif
