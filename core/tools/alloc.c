/* tools/alloc.c - memory that never fails, and strings made in one step. */
#include "tools/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void __attribute__((noreturn))
out_of_memory(void)
{
    fputs("tenon: out of memory\n", stderr);
    abort();
}

void *
tenon_malloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *
tenon_calloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *
tenon_realloc(void *p, size_t size)
{
    void *moved = realloc(p, size ? size : 1);
    if (!moved)
        out_of_memory();
    return moved;
}

void *
tenon_reallocarray(void *p, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory();
    return tenon_realloc(p, total);
}

void *
tenon_memdup(const void *p, size_t len)
{
    size_t size;
    if (__builtin_add_overflow(len, 1, &size))
        out_of_memory();
    char *copy = tenon_malloc(size);
    if (len)
        memcpy(copy, p, len);
    copy[len] = '\0';
    return copy;
}

char *
tenon_strdup(const char *s)
{
    return s ? tenon_memdup(s, strlen(s)) : NULL;
}

char *
tenon_strndup(const char *s, size_t len)
{
    return s ? tenon_memdup(s, strnlen(s, len)) : NULL;
}

char *
tenon_vasprintf(const char *fmt, va_list ap)
{
    char *s;
    if (vasprintf(&s, fmt, ap) < 0)
        out_of_memory();
    return s;
}

char *
tenon_asprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = tenon_vasprintf(fmt, ap);
    va_end(ap);
    return s;
}

void
tenon_assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "tenon: %s:%d: broken promise: %s\n", file, line, expr);
    abort();
}

bool
tenon_streq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool
tenon_has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
tenon_has_suffix(const char *s, const char *suffix)
{
    size_t len = strlen(s), suffix_len = strlen(suffix);
    return len >= suffix_len &&
           memcmp(s + len - suffix_len, suffix, suffix_len) == 0;
}

void
tenon_strv_free(char **v)
{
    if (!v)
        return;
    for (size_t i = 0; v[i]; i++)
        free(v[i]);
    free(v);
}

size_t
tenon_strv_len(char *const *v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    return n;
}

char **
tenon_strv_dup(const char *const *v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    char **copy = tenon_calloc(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = tenon_strdup(v[i]);
    return copy;
}

void
tenon_strv_push(char ***v, char *taken)
{
    size_t n = tenon_strv_len(*v);
    /* The list may come from anywhere, so its capacity is not known; realloc()
     * in place is cheap. */
    *v = tenon_reallocarray(*v, n + 2, sizeof **v);
    (*v)[n] = taken;
    (*v)[n + 1] = NULL;
}

int
tenon_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}
