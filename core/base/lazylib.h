/* base/lazylib.h - a shared library that is loaded when it is first needed.
 *
 * What a large library brings along (of other libraries, relocations, tables) is a
 * good part of what a build that has nothing to do costs. A library goes this way when
 * many runs of the command do without it; see image/libarchive.h. */
#ifndef TENON_BASE_LAZYLIB_H
#define TENON_BASE_LAZYLIB_H

#include <pthread.h>

#include "base/error.h"

/* A function and where its address goes: a pointer to a pointer to it. */
struct tenon_lazylib_symbol {
    const char *name;
    void **at;
};

/* One static object a library. */
struct tenon_lazylib {
    const char *soname;
    const struct tenon_lazylib_symbol *symbols; /* ends with name NULL */
    void (*ready)(void);                        /* called once after it; or NULL */
    pthread_mutex_t lock;
    void *handle; /* stays open */
};

/* 0 when it is there; the first call loads it.  UNSUPPORTED names what is missing.
 * Any thread. */
int tenon_lazylib_load(struct tenon_lazylib *l, struct tenon_error *err);

#endif
