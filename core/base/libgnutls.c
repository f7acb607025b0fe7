/* base/libgnutls.c - see libgnutls.h. */
#include "base/libgnutls.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/lazylib.h"

static struct tenon_gnutls_functions tenon_gnutls_table;

static const struct tenon_lazylib_symbol symbols[] = {
#define X(name) { "gnutls_" #name, (void **)&tenon_gnutls_table.name##_ },
    TENON_GNUTLS_FUNCTIONS(X)
#undef X
    { "gnutls_free", (void **)&tenon_gnutls_table.free_ },
    { NULL, NULL },
};

static struct tenon_lazylib library = {
    .soname = TENON_GNUTLS_SONAME,
    .symbols = symbols,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

TENON_LAZYLIB_NOTE(TENON_GNUTLS_SONAME, "TLS and signatures");

int
tenon_gnutls_try(struct tenon_error *err)
{
    return tenon_lazylib_load(&library, err);
}

const struct tenon_gnutls_functions *
tenon_gnutls(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    if (tenon_gnutls_try(&err) < 0) {
        fprintf(stderr, "tenon: TLS and signatures need gnutls: %s\n", err.message);
        abort();
    }
    return &tenon_gnutls_table;
}
