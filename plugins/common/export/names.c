/* common/export/names.c - see names.h. */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/vec.h"

/* A list of names, each of which may be several. */
typedef TENON_VEC(const char *) name_list;

static void
split(const struct tenon_host *host, struct tenon_ctx *ctx, const char *text, name_list *list)
{
    char *rest = host->ctx->strdup(ctx, text);
    for (char *one = strsep(&rest, ","); one; one = strsep(&rest, ","))
        if (*one)
            tenon_vec_push(list, one);
}

static const char *const *
finish(const struct tenon_host *host, struct tenon_ctx *ctx, name_list *list)
{
    const char **out = host->ctx->alloc(ctx, (list->len + 1) * sizeof *out);
    if (list->len)
        memcpy(out, list->items, list->len * sizeof *out);
    tenon_vec_release(list);
    return out;
}

const char *const *
export_given_names(const struct tenon_host *host, struct tenon_ctx *ctx,
                   const struct tenon_values *options)
{
    name_list list = {0};
    const char *given;
    for (size_t i = 0; (given = host->values->get_nth(options, "name", i)); i++)
        split(host, ctx, given, &list);
    return finish(host, ctx, &list);
}

/* What the frontend calls it. */
static const char *const *
result_names(const struct tenon_host *host, struct tenon_ctx *ctx, const struct tenon_result *r)
{
    name_list list = {0};
    size_t len = 0;
    const char *text = host->result->get(r, "image.name", &len);
    auto_free char *copy = text ? tenon_strndup(text, len) : NULL;
    if (copy)
        split(host, ctx, copy, &list);
    return finish(host, ctx, &list);
}

const char *const *
export_names_as_given(const struct tenon_host *host, struct tenon_ctx *ctx,
                      const struct tenon_values *options, const struct tenon_result *r)
{
    const char *const *given = export_given_names(host, ctx, options);
    const bool is_any = given[0] && !given[1] && !strcmp(given[0], "*");
    return is_any && r ? result_names(host, ctx, r) : given;
}

const char *const *
export_names(const struct tenon_host *host, struct tenon_ctx *ctx,
             const struct tenon_values *options, const struct tenon_result *r,
             struct tenon_error *err)
{
    const char *const *given = export_names_as_given(host, ctx, options, r);
    if (!r && given[0] && !given[1] && !strcmp(given[0], "*"))
        return given; /* whatever it will be */
    size_t count = 0;
    while (given[count])
        count++;
    const char **out = host->ctx->alloc(ctx, (count + 1) * sizeof *out);
    for (size_t i = 0; i < count; i++)
        if (!(out[i] = host->image->normalize(ctx, given[i], err)))
            return NULL;
    return out;
}

int
export_respond(const struct tenon_host *host, struct tenon_ctx *ctx,
                  struct tenon_result *r, const struct tenon_image *image,
                  const char *const *names, struct tenon_error *err)
{
    (void)ctx;
    auto_buf struct tenon_buf joined = TENON_BUF_INIT;
    for (; *names; names++) {
        if (joined.len)
            tenon_buf_addc(&joined, ',');
        tenon_buf_adds(&joined, *names);
    }
    int rc = host->result->respond(r, "containerimage.digest", image->digest, false, err);
    if (rc == 0 && image->config_digest)
        rc = host->result->respond(r, "containerimage.config.digest", image->config_digest, false,
                                   err);
    if (rc == 0 && image->descriptor_json)
        rc = host->result->respond(r, "containerimage.descriptor", image->descriptor_json, true,
                                   err);
    if (rc == 0 && joined.len)
        rc = host->result->respond(r, "image.name", tenon_buf_str(&joined), false, err);
    return rc;
}
