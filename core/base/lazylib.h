/* base/lazylib.h - a shared library that is loaded when it is first needed.
 *
 * What a large library brings along (of other libraries, relocations, tables) is a
 * good part of what a build that has nothing to do costs. A library goes this way when
 * many runs of the command do without it; see image/libarchive.h. */
#ifndef TENON_BASE_LAZYLIB_H
#define TENON_BASE_LAZYLIB_H

#include <pthread.h>
#include <stdint.h>

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

/* What tools that look for dependencies find of it in the program, in the way of the "ELF dlopen
 * metadata" of UAPI (a note of the owner FDO, whose text is JSON). Both arguments are literals. */
#define TENON_LAZYLIB_NOTE(soname_, why)                                                           \
    static const struct {                                                                          \
        uint32_t owner_size, text_size, type;                                                      \
        char owner[4];                                                                             \
        char text[sizeof(TENON_LAZYLIB_TEXT(soname_, why))] __attribute__((aligned(4)));           \
    } lazylib_note __attribute__((used, section(".note.dlopen"), aligned(4))) = {                  \
        4, sizeof lazylib_note.text, 0x407c0c0aU, "FDO", TENON_LAZYLIB_TEXT(soname_, why)}
#define TENON_LAZYLIB_TEXT(soname_, why)                                                           \
    "[{\"description\":\"" why "\",\"priority\":\"required\",\"soname\":[\"" soname_ "\"]}]"

/* 0 when it is there; the first call loads it.  UNSUPPORTED names what is missing.
 * Any thread. */
int tenon_lazylib_load(struct tenon_lazylib *l, struct tenon_error *err);

#endif
