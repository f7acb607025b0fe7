/* cli/buildlock.c - see buildlock.h. */
#include "buildlock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "containerengine.h"
#include "destination.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/path.h"

enum { LOCK_FILE_MAX = 16 << 20 };

static bool
is_url(const char *text)
{
    return strstr(text, "://") || tenon_has_prefix(text, "git@") ||
           tenon_has_prefix(text, "github.com/");
}

char *
build_lock_path(const struct build_flags *f, struct tenon_error *err)
{
    if (f->lock_file)
        return tenon_strdup(f->lock_file);
    if (f->file && strcmp(f->file, "-") && !is_url(f->file) &&
        (!is_url(f->context) || *f->file == '/'))
        return tenon_asprintf("%s.lock", f->file);
    if (!f->file && strcmp(f->context, "-") && !is_url(f->context)) {
        auto_free char *upper = tenon_path_join(f->context, "Dockerfile");
        auto_free char *lower = tenon_path_join(f->context, "dockerfile");
        const bool is_lower = access(upper, F_OK) < 0 && access(lower, F_OK) == 0;
        return tenon_asprintf("%s.lock", is_lower ? lower : upper);
    }
    tenon_error_set(err, TENON_E_INVALID, "a lock file stands beside the build file, which is not "
                    "of this machine");
    tenon_error_hint(err, "--lock-file FILE says where it is");
    return NULL;
}

int
build_lock_read(const char *path, struct tenon_lockfile **out, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(path, LOCK_FILE_MAX, &text, err) < 0) {
        tenon_error_context(err, "--locked");
        return tenon_error_hint(err, "tenon lock, with the flags of this build, makes it");
    }
    return tenon_lockfile_parse(tenon_buf_str(&text), text.len, path, out, err);
}

int
build_lock_write(const char *path, struct tenon_lockfile *l, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct destination d;
    tenon_lockfile_text(l, &text);
    if (destination_open(path, &d, err) < 0)
        return tenon_error_context(err, "write the lock file");
    if (tenon_write_all(d.fd, text.data, text.len, err) < 0) {
        destination_abort(&d);
        return tenon_error_context(err, "write the lock file %s", path);
    }
    return destination_commit(&d, err);
}

static bool
pushes(char *const *pairs)
{
    bool push = false;
    for (char *const *p = pairs; p && *p; p++)
        if (tenon_has_prefix(*p, "push="))
            tenon_parse_bool(*p + strlen("push="), &push);
    return push;
}

/* Into an engine that is asked over the network. */
static bool
loads_elsewhere(void)
{
    auto_container_engine struct container_engine e = {0};
    auto_error struct tenon_error told = TENON_ERROR_INIT; /* when it is to be loaded */
    return container_engine_find(&e, &told) == TENON_OK && !e.socket && !e.program;
}

int
build_offline_check(const struct build_flags *f, const struct build_outputs *outputs,
                    const struct build_caches *cache_to, struct tenon_error *err)
{
    static const char how[] = "build with --offline into the store or a file, and push later";
    if (f->pull) {
        tenon_error_set(err, TENON_E_INVALID, "--offline and --pull: the registry's images cannot "
                        "be had offline");
        return tenon_error_hint(err, "--offline alone takes those of the store");
    }
    for (size_t i = 0; i < outputs->count; i++)
        if (pushes(outputs->exports[i].pairs)) {
            tenon_error_set(err, TENON_E_INVALID, "--offline: an image cannot be pushed offline");
            return tenon_error_hint(err, "%s", how);
        }
    if (build_outputs_load(outputs) && loads_elsewhere()) {
        tenon_error_set(err, TENON_E_INVALID, "--offline: an image cannot be loaded into an engine "
                        "of another machine offline");
        return tenon_error_hint(err, "%s", how);
    }
    for (size_t i = 0; i < cache_to->count; i++)
        if (!strcmp(cache_to->list[i].type, "registry"))
            return tenon_error_set(err, TENON_E_INVALID, "--offline: a cache cannot be written to "
                                   "a registry offline");
    return TENON_OK;
}
