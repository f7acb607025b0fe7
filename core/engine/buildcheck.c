/* engine/buildcheck.c - what can be known before the first step: nobody wants to learn of a typo
 * in a name after an hour of building. */
#include <string.h>

#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/vec.h"
#include "context/session.h"
#include "engine/attesters.h"
#include "engine/compatibility.h"
#include "engine/remotecache.h"
#include "engine/host_image.h"

/* Of BuildKit's options of a frontend. */
static const char *
option(const struct tenon_build_request *req, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *o = req->options; o && *o; o++)
        if (!strncmp(*o, name, len) && (*o)[len] == '=')
            return *o + len + 1;
    return NULL;
}

/* 0: as many as the build file and this machine say. */
static uint64_t
count_platforms(const struct tenon_build_request *req)
{
    const char *text = option(req, "platform");
    auto_strv char **list = text ? tenon_comma_fields(text, NULL) : NULL;
    return tenon_strv_len(list);
}

/* One platform may be asked to have an index, too. */
static bool
makes_index(const struct tenon_build_request *req, uint64_t platforms)
{
    static const char *const names[] = { "build-arg:BUILDKIT_MULTI_PLATFORM", "multi-platform" };
    bool wanted = false;
    for (size_t i = 0; i < tenon_countof(names) && !wanted; i++) {
        const char *text = option(req, names[i]);
        if (text && !tenon_parse_bool(text, &wanted))
            wanted = true; /* the frontend refuses the word */
    }
    return wanted || platforms > 1;
}

/* What a driver makes is seen when it is there. */
static bool
may_make_index(const struct tenon_build_request *req, uint64_t platforms)
{
    return req->driver || makes_index(req, platforms);
}

/* Will there be an index for what is said of the image?  Not for what is inline-only, but where the
 * exporter says so. */
static bool
is_attested(const struct tenon_build_request *req, const struct tenon_values *v)
{
    const bool inline_too = tenon_values_declared(v, "attestation-inline") &&
                            tenon_values_bool(v, "attestation-inline");
    for (size_t i = 0; i < req->attest_count; i++) {
        bool is_inline = false;
        for (char *const *p = req->attests[i].pairs; p && *p; p++)
            is_inline = is_inline || tenon_streq(*p, "inline-only=true");
        if (inline_too || !is_inline)
            return true;
    }
    return false;
}

/* TENON_IMAGE_PARAMS, which the core reads. */
static bool
has_image_params(const struct tenon_values *v)
{
    static const char *const names[] = { "annotation", "compression", "compression-level",
                                         "source-date-epoch" };
    for (size_t i = 0; i < tenon_countof(names); i++)
        if (!tenon_values_declared(v, names[i]))
            return false;
    return true;
}

/* Of an exporter that has no check of its own and says what its destination is. */
static int
check_place(struct tenon_build *b, const struct tenon_exporter_ops *ops,
            const struct tenon_values *values, struct tenon_error *err)
{
    const struct tenon_session *s = b->engine->session;
    const bool file = ops->flags & TENON_EXPORTER_FILE, dir = ops->flags & TENON_EXPORTER_DIR;
    if (file == dir || !tenon_values_declared(values, "dest"))
        return TENON_OK;
    const char *dest = tenon_values_string(values, "dest");
    if (!dest || !*dest)
        return tenon_error_set(err, TENON_E_INVALID, "dest %s is required",
                               file ? "file" : "directory");
    return s && s->sink_check
               ? s->sink_check(s->data, dest, file ? TENON_SINK_FILE : TENON_SINK_DIR, err)
               : TENON_OK;
}

static int
check_export(struct tenon_build *b, const struct tenon_build_request *req,
             const struct tenon_export *x, uint64_t platforms, struct tenon_error *err)
{
    struct tenon_module *m;
    if (tenon_plugins_get(b->engine->plugins, TENON_KIND_EXPORTER, x->type, &m, err) < 0)
        return err->code;
    auto_free char *what = tenon_asprintf("output type %s", x->type);
    auto_values struct tenon_values *values = NULL;
    if (tenon_values_parse(m->plugin.options, m->plugin.param_size,
                           (const char *const *)x->pairs, what, &values, err) < 0)
        return err->code;
    const struct tenon_exporter_ops *ops = m->plugin.ops.exporter;
    if (has_image_params(values) &&
        tenon_host_image_check(values, may_make_index(req, platforms) || is_attested(req, values),
                               err) < 0)
        return tenon_error_context(err, "%s", what);
    if (has_image_params(values) &&
        tenon_compatibility_check_compression(req->compatibility, x->type,
                                              tenon_values_string(values, "compression"),
                                              err) < 0)
        return err->code;
    tenon_values_warn(values, what);
    if (!ops->check)
        return check_place(b, ops, values, err);
    auto_ctx struct tenon_ctx *ctx = tenon_ctx_new(b->engine, NULL, b->engine->cancel, NULL);
    tenon_module_enter(m, "check");
    int rc = ops->check(m->self, ctx, values, platforms, err);
    tenon_module_leave(m);
    return tenon_module_check(m, "check", rc, err);
}

int
tenon_build_check_exports(struct tenon_build *b, const struct tenon_build_request *req,
                          size_t first, struct tenon_error *err)
{
    const uint64_t platforms = count_platforms(req);
    for (size_t i = first; i < req->export_count; i++)
        if (check_export(b, req, &req->exports[i], platforms, err) < 0)
            return err->code;
    return TENON_OK;
}

int
tenon_build_check(struct tenon_build *b, const struct tenon_build_request *req,
                  struct tenon_error *err)
{
    if (tenon_compatibility_check(req->compatibility, err) < 0 ||
        tenon_build_check_exports(b, req, 0, err) < 0 || tenon_attesters_check(b, req, err) < 0)
        return err->code;
    return tenon_caches_check(b, req, err);
}
