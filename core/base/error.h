/* base/error.h - one error object, set once, prefixed upward (docs/style.md, "Errors").
 *
 * Fallible functions return 0 or a useful non-negative number, or a negative
 * enum tenon_status (tenon-plugin.h), and take `struct tenon_error *err` last.
 * err is never NULL.  All setters return the code, so `return tenon_error_...`
 * is the idiom.  An object belongs to one thread at a time. */
#ifndef TENON_BASE_ERROR_H
#define TENON_BASE_ERROR_H

#include <stdarg.h>
#include <stdint.h>

#include "tools/cleanup.h"
#include "tenon-plugin.h"

/* A typed detail that travels with an error, BuildKit's Status.details:
 * type such as "errdefs.Vertex", and a JSON value as text. */
struct tenon_error_detail {
    char *type;
    char *json;
    struct tenon_error_detail *next;
};

struct tenon_error {
    int code;      /* 0: nothing set */
    int sys;       /* errno, or 0 */
    char *message; /* "outer: inner: cause" */
    char *hint;    /* what the user can do, or NULL; each line is one */
    char *file;    /* place in the build file, or NULL */
    uint32_t line; /* 1.., 0 unknown */
    uint32_t end_line; /* last line of the range; 0: the same as line */
    struct tenon_error_detail *details; /* innermost first */
};
#define TENON_ERROR_INIT {0}

void tenon_error_release(struct tenon_error *err); /* and makes it empty */
TENON_DEFINE_AUTO_STRUCT(error, struct tenon_error, tenon_error_release);
#define auto_error __attribute__((cleanup(tenon_auto_error)))

int tenon_error_set(struct tenon_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Code from errno, message "<fmt>: <strerror>". */
int tenon_error_sys(struct tenon_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with the errno given. */
int tenon_error_errno(struct tenon_error *err, int sys, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The general form, for the host table: sys 0 adds no strerror. */
int tenon_error_vset(struct tenon_error *err, int code, int sys,
                     const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));
int tenon_error_context(struct tenon_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int tenon_error_vcontext(struct tenon_error *err, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
int tenon_error_hint(struct tenon_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int tenon_error_vhint(struct tenon_error *err, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Keeps the first (innermost) place. */
int tenon_error_at(struct tenon_error *err, const char *file, uint32_t line,
                   uint32_t end_line);
int tenon_error_detail(struct tenon_error *err, const char *type,
                       const char *json);
/* Moves *from over *to (which is released first); from becomes empty. */
int tenon_error_move(struct tenon_error *to, struct tenon_error *from);
int tenon_error_copy(struct tenon_error *to, const struct tenon_error *from);
/* The status that goes with an errno. */
int tenon_status_from_errno(int sys);
const char *tenon_status_name(int code); /* "not found" */

#endif
