/* base/lazylib.c - a shared library that is loaded when it is first needed. */
#include "lazylib.h"

#include <dlfcn.h>

static int
resolve(struct tenon_lazylib *l, void *handle, struct tenon_error *err)
{
    for (const struct tenon_lazylib_symbol *s = l->symbols; s->name; s++) {
        *s->at = dlsym(handle, s->name);
        if (!*s->at)
            return tenon_error_set(err, TENON_E_UNSUPPORTED, "%s has no \"%s\"", l->soname,
                                   s->name);
    }
    return 0;
}

static int
load(struct tenon_lazylib *l, struct tenon_error *err)
{
    void *handle = dlopen(l->soname, RTLD_LAZY | RTLD_LOCAL);
    if (!handle)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "load a library: %s", dlerror());
    if (resolve(l, handle, err) < 0) {
        dlclose(handle);
        return err->code;
    }
    if (l->ready)
        l->ready();
    l->handle = handle;
    return 0;
}

int
tenon_lazylib_load(struct tenon_lazylib *l, struct tenon_error *err)
{
    pthread_mutex_lock(&l->lock);
    int rc = l->handle ? 0 : load(l, err);
    pthread_mutex_unlock(&l->lock);
    return rc;
}
