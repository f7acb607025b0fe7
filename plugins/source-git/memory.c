/* source-git/memory.c - how much memory libgit2 may take for one object.
 *
 * It holds each object and all that its deltas stand on as a whole, from the moment when a pack
 * arrives, and asks nobody: a pack of some megabytes may say gigabytes. So its allocations are
 * ours; while a worker fetches, those of its thread have a ceiling. */
#include <git2/sys/alloc.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"

/* What is not an object, but grows with their number. */
#define BESIDE ((size_t)64 << 20)

static __thread struct gs_conn *fetching; /* of this thread, while it does */

void
gs_memory_begin(struct gs_conn *conn)
{
    fetching = conn;
}

void
gs_memory_end(void)
{
    fetching = NULL;
}

static bool
too_large(size_t n)
{
    if (!fetching || n <= BESIDE || n - BESIDE <= fetching->object_bytes)
        return false;
    fetching->refused_bytes = n;
    return true;
}

/* What was not there, as libgit2's own allocator says it. */
static void *
given(void *p)
{
    if (!p)
        git_error_set_oom();
    return p;
}

static void *
get(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return given(too_large(n) ? NULL : malloc(n));
}

static void *
grow(void *old, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return given(too_large(n) ? NULL : realloc(old, n));
}

#ifdef HAVE_GIT_ALLOCATOR_GCALLOC /* until libgit2 1.7 */
static void *
get_zeroed(size_t n, size_t size, const char *file, int line)
{
    size_t all;
    (void)file, (void)line;
    return given(__builtin_mul_overflow(n, size, &all) || too_large(all) ? NULL
                                                                         : calloc(n, size));
}

static void *
grow_array(void *old, size_t n, size_t size, const char *file, int line)
{
    size_t all;
    (void)file, (void)line;
    return given(__builtin_mul_overflow(n, size, &all) || too_large(all) ? NULL
                                                                         : realloc(old, all));
}

static void *
get_array(size_t n, size_t size, const char *file, int line)
{
    return grow_array(NULL, n, size, file, line);
}

/* len bytes, and a NUL. */
static char *
copy(const char *s, size_t len)
{
    char *p = len < SIZE_MAX ? get(len + 1, NULL, 0) : given(NULL);
    if (p) {
        memcpy(p, s, len);
        p[len] = '\0';
    }
    return p;
}

static char *
copy_text(const char *s, const char *file, int line)
{
    (void)file, (void)line;
    return copy(s, strlen(s));
}

static char *
copy_some_text(const char *s, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return copy(s, strnlen(s, n));
}

static char *
copy_bytes(const char *s, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return copy(s, n);
}
#endif

int
gs_memory_init(void)
{
    git_allocator a = {
        .gmalloc = get,
        .grealloc = grow,
        .gfree = free,
#ifdef HAVE_GIT_ALLOCATOR_GCALLOC
        .gcalloc = get_zeroed,
        .greallocarray = grow_array,
        .gmallocarray = get_array,
        .gstrdup = copy_text,
        .gstrndup = copy_some_text,
        .gsubstrdup = copy_bytes,
#endif
    };
    return git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &a);
}
