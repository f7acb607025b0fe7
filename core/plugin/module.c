/* plugin/module.c - see module.h. */
#include "plugin/module.h"

#include <dlfcn.h>
#include <ltdl.h>
#include <pthread.h>
#include <string.h>

#include "base/ownership.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/path.h"

static pthread_mutex_t ltdl_lock = PTHREAD_MUTEX_INITIALIZER;

int
tenon_module_vet(const char *path, const char *trusted_dir,
                 struct tenon_error *err)
{
    bool is_trusted = trusted_dir && tenon_path_is_below(path, trusted_dir);
    return tenon_vet_file(path, "plugin refused", is_trusted, err);
}

static int
start_ltdl(struct tenon_error *err)
{
    static bool started; /* under ltdl_lock */
    if (started)
        return TENON_OK;
    if (lt_dlinit() != 0)
        return tenon_error_set(err, TENON_E_FAILED, "start libltdl: %s",
                               lt_dlerror());
    started = true;
    return TENON_OK;
}

/* libltdl says "file not found" for an undefined symbol; the loader itself
 * knows the reason. */
static int
explain_failure(const char *path, const char *said, struct tenon_error *err)
{
    auto_free char *keep = tenon_strdup(said ? said : "unknown reason");
    void *again = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *reason = again ? keep : dlerror();
    return tenon_error_set(err, TENON_E_FAILED, "load plugin %s: %s", path,
                           reason ? reason : keep);
}

int
tenon_module_open(const char *path, const char *symbol,
                  const struct tenon_plugin **out, struct tenon_error *err)
{
    typedef const struct tenon_plugin *query_fn(void);
    int rc = TENON_OK;

    pthread_mutex_lock(&ltdl_lock);
    lt_dladvise advise = NULL;
    lt_dlhandle handle = NULL;
    if (start_ltdl(err) < 0)
        goto done;
    if (lt_dladvise_init(&advise) == 0 && lt_dladvise_local(&advise) == 0 &&
        lt_dladvise_resident(&advise) == 0)
        handle = lt_dlopenadvise(path, advise);
    if (!handle) {
        explain_failure(path, lt_dlerror(), err);
        goto done;
    }
    /* lt_dlsym looks up KIND-NAME_LTX_... by the module's own name, with the
     * hyphens kept in some versions: ask for the full symbol. */
    void *address = lt_dlsym(handle, symbol);
    if (!address)
        address = lt_dlsym(handle, "tenon_plugin_query");
    if (!address) {
        tenon_error_set(err, TENON_E_INVALID,
                        "load plugin %s: it does not export %s", path, symbol);
        goto done;
    }
    query_fn *query;
    memcpy(&query, &address, sizeof query);
    *out = query();
    if (!*out)
        tenon_error_set(err, TENON_E_INVALID,
                        "load plugin %s: its query function gave nothing", path);
done:
    rc = err->code;
    if (advise)
        lt_dladvise_destroy(&advise);
    pthread_mutex_unlock(&ltdl_lock);
    return rc;
}
