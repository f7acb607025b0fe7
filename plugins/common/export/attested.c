/* common/export/attested.c - see attested.h. */
#include "attested.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/comma.h"
#include "tools/vec.h"
#include "walk.h"

struct subjects {
    const struct tenon_host *host;
    struct tenon_ctx *ctx;
    TENON_VEC(struct tenon_subject) list;
};

static int
add_subject(void *data, const struct export_entry *e, struct tenon_error *err)
{
    struct subjects *s = data;
    char digest[72];
    if (!S_ISREG(e->st->st_mode))
        return TENON_OK;
    auto_close int fd = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return s->host->error->set(err, TENON_E_FAILED, errno, "open /%s", e->path);
    size_t len = (size_t)e->st->st_size;
    void *text = len ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (text == MAP_FAILED)
        return s->host->error->set(err, TENON_E_FAILED, errno, "read /%s", e->path);
    s->host->blobs->digest(text ? text : "", len, digest);
    if (text)
        munmap(text, len);
    const char **digests = s->host->ctx->alloc(s->ctx, 2 * sizeof *digests);
    digests[0] = s->host->ctx->strdup(s->ctx, digest);
    const struct tenon_subject one = { .kind = TENON_SUBJECT_RAW, .digests = digests,
                                       .name = s->host->ctx->strdup(s->ctx, e->path) };
    tenon_vec_push(&s->list, one);
    return TENON_OK;
}

static bool
is_inline_only(const struct tenon_attestation *a)
{
    for (const char *const *m = a->metadata; m && *m; m++)
        if (!strcmp(*m, "inline-only=true"))
            return true;
    return false;
}

/* Reading all files takes time: only when there is something to say about them. */
static bool
has_any(const struct tenon_host *host, const struct tenon_result *r, const char *platform)
{
    const struct tenon_attestation *a;
    for (size_t i = 0; (a = host->result->attestation(r, platform, i)); i++)
        if (!is_inline_only(a))
            return true;
    return false;
}

/* "provenance.json", of a platform "provenance.linux_arm64.json". */
static char *
name_of(const char *path, const char *prefix, const char *platform)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    if (!platform)
        return tenon_asprintf("%s%s", prefix, base);
    auto_free char *dir = export_platform_dir(platform);
    const char *dot = strrchr(base, '.');
    size_t stem = dot ? (size_t)(dot - base) : strlen(base);
    return tenon_asprintf("%s%.*s.%s%s", prefix, (int)stem, base, dir, base + stem);
}

static int
put_all(const struct tenon_host *host, const struct tenon_statement *list, size_t count,
        const char *prefix, const char *platform, export_statement *put, void *data,
        struct tenon_error *err)
{
    auto_strv char **seen = NULL;
    int rc = TENON_OK;
    for (size_t i = 0; i < count && rc == 0; i++) {
        auto_free char *name = name_of(list[i].path, prefix, platform);
        if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
            return host->error->set(err, TENON_E_INVALID, 0,
                                    "attestation \"%s\" is no name of a file", name);
        for (char **s = seen; s && *s; s++)
            if (!strcmp(*s, name))
                return host->error->set(err, TENON_E_INVALID, 0,
                                        "duplicate attestation path name %s", name);
        rc = put(data, name, list[i].data, list[i].len, err);
        tenon_strv_push(&seen, tenon_steal(&name));
    }
    return rc;
}

int
export_attested(const struct tenon_host *host, struct tenon_ctx *ctx, struct tenon_result *r,
                size_t i, int tree, const char *prefix, bool shared, export_statement *put,
                void *data, struct tenon_error *err)
{
    const char *platform = host->result->platform(r, i);
    struct subjects s = { .host = host, .ctx = ctx };
    const struct tenon_statement *list;
    size_t count;
    if (!has_any(host, r, platform))
        return TENON_OK;
    int rc = export_walk(host, ctx, tree, add_subject, &s, err);
    if (rc == 0)
        rc = host->result->statements(ctx, r, i, s.list.items, s.list.len, &list, &count, err);
    if (rc == 0)
        rc = put_all(host, list, count, prefix ? prefix : "", shared ? platform : NULL, put, data,
                     err);
    tenon_vec_release(&s.list);
    return rc;
}
