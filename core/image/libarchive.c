/* image/libarchive.c - see libarchive.h. */
#include "image/libarchive.h"

#include "base/lazylib.h"

struct tenon_archive_functions tenon_archive;

static const struct tenon_lazylib_symbol symbols[] = {
#define X(name) { "archive_" #name, (void **)&tenon_archive.name##_ },
    TENON_ARCHIVE_FUNCTIONS(X)
#undef X
    { NULL, NULL },
};
static struct tenon_lazylib library = {
    .soname = TENON_ARCHIVE_SONAME,
    .symbols = symbols,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

TENON_LAZYLIB_NOTE(TENON_ARCHIVE_SONAME, "layers and archives");

int
tenon_libarchive(struct tenon_error *err)
{
    return tenon_lazylib_load(&library, err);
}
