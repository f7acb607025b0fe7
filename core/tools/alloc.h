/* tools/alloc.h - small memory that never fails, and strings made in one step.
 *
 * These abort when memory is out (docs/style.md, "Memory"): sizes that come from
 * outside are checked against a named limit before they get here. */
#ifndef TENON_TOOLS_ALLOC_H
#define TENON_TOOLS_ALLOC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

void *tenon_malloc(size_t size);
void *tenon_calloc(size_t count, size_t size);
void *tenon_realloc(void *p, size_t size);
/* realloc of count * size bytes; aborts when the product overflows. */
void *tenon_reallocarray(void *p, size_t count, size_t size);
void *tenon_memdup(const void *p, size_t len); /* adds a NUL after the bytes */
char *tenon_strdup(const char *s);             /* NULL gives NULL */
char *tenon_strndup(const char *s, size_t len);
char *tenon_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *tenon_vasprintf(const char *fmt, va_list ap)
    __attribute__((format(printf, 1, 0)));

#define tenon_new0(T) ((T *)tenon_calloc(1, sizeof(T)))

/* A promise between our own functions; kept in release builds. */
#define tenon_assert(e)                                                       \
    ((e) ? (void)0 : tenon_assert_failed(#e, __FILE__, __LINE__))
void tenon_assert_failed(const char *expr, const char *file, int line)
    __attribute__((noreturn));

#define tenon_countof(a) (sizeof(a) / sizeof((a)[0]))

bool tenon_streq(const char *a, const char *b); /* NULLs equal each other only */
bool tenon_has_prefix(const char *s, const char *prefix);
bool tenon_has_suffix(const char *s, const char *suffix);

/* NULL-terminated string lists on the heap. */
void tenon_strv_free(char **v);
size_t tenon_strv_len(char *const *v);
char **tenon_strv_dup(const char *const *v);
void tenon_strv_push(char ***v, char *taken); /* takes the string over */
/* For qsort and bsearch over strings: by their bytes, in any locale. */
int tenon_by_text(const void *a, const void *b);

#endif
