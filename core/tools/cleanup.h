/* tools/cleanup.h - scoped release of what a function holds (docs/style.md, "Release,
 * loops, switch").
 *
 * Declare with an initialiser at first use, one per line; hand over with
 * tenon_steal() or tenon_steal_fd().  Cleanup functions preserve errno. */
#ifndef TENON_TOOLS_CLEANUP_H
#define TENON_TOOLS_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Defines the static function that __attribute__((cleanup)) wants, for a type
 * that is released through a pointer: TENON_DEFINE_AUTO(foo, struct foo *,
 * foo_free).  The name of the attribute is then up to the header:
 *   #define auto_foo __attribute__((cleanup(tenon_auto_foo)))                */
#define TENON_DEFINE_AUTO(name, type, release)                                \
    __attribute__((unused)) static inline void tenon_auto_##name(type *p_)    \
    {                                                                         \
        int saved_ = errno;                                                   \
        release(*p_);                                                         \
        errno = saved_;                                                       \
    }                                                                         \
    typedef int tenon_auto_##name##_needs_semicolon_

/* The same for a struct that the caller owns and `release` takes by address. */
#define TENON_DEFINE_AUTO_STRUCT(name, type, release)                         \
    __attribute__((unused)) static inline void tenon_auto_##name(type *p_)    \
    {                                                                         \
        int saved_ = errno;                                                   \
        release(p_);                                                          \
        errno = saved_;                                                       \
    }                                                                         \
    typedef int tenon_auto_##name##_needs_semicolon_

#define tenon_steal(pp)                                                       \
    ({                                                                        \
        __auto_type steal_p_ = (pp);                                          \
        __auto_type steal_v_ = *steal_p_;                                     \
        *steal_p_ = NULL;                                                     \
        steal_v_;                                                             \
    })

static inline int
tenon_steal_fd(int *fd)
{
    int value = *fd;
    *fd = -1;
    return value;
}

static inline void
tenon_auto_free(void *pp)
{
    int saved = errno;
    free(*(void **)pp);
    errno = saved;
}
#define auto_free __attribute__((cleanup(tenon_auto_free)))

static inline void
tenon_auto_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    errno = saved;
}
#define auto_close __attribute__((cleanup(tenon_auto_close)))

static inline void
tenon_auto_dir(DIR **dir)
{
    int saved = errno;
    if (*dir)
        closedir(*dir);
    errno = saved;
}
#define auto_dir __attribute__((cleanup(tenon_auto_dir)))

#endif
