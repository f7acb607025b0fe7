/* scanner-packages/found.c - see found.h. */
#include "found.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

enum { FILE_MAX = 64 << 20, FIELD_MAX = 4096, PACKAGES_MAX = 200000, BYTES_MAX = 64 << 20 };

/* As package URLs have it: what is not in the list is "%XX". */
static void
escape(struct tenon_buf *b, const char *s)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-_.~";
    for (; *s; s++)
        if (strchr(plain, *s))
            tenon_buf_addc(b, *s);
        else
            tenon_buf_addf(b, "%%%02X", (unsigned char)*s);
}

static char *
make_purl(const char *type, const char *space, const char *name, const char *version,
          const char *const *qualifiers)
{
    struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_addf(&b, "pkg:%s/", type);
    for (const char *at = space; at && *at;) { /* each part by itself */
        size_t len = strcspn(at, "/");
        auto_free char *part = tenon_strndup(at, len);
        escape(&b, part);
        tenon_buf_addc(&b, '/');
        at += len + (at[len] == '/');
    }
    escape(&b, name);
    tenon_buf_addc(&b, '@');
    escape(&b, version);
    for (size_t i = 0; qualifiers && qualifiers[i]; i++) {
        const char *eq = strchr(qualifiers[i], '=');
        tenon_buf_addf(&b, "%c%.*s=", i ? '&' : '?', (int)(eq - qualifiers[i]), qualifiers[i]);
        escape(&b, eq + 1);
    }
    return tenon_buf_steal(&b);
}

static bool
is_long(const char *field)
{
    return field && strlen(field) > FIELD_MAX;
}

static size_t
size_of(const struct found_package *p)
{
    const char *const texts[] = { p->name, p->version, p->license, p->supplier, p->purl, p->where };
    size_t size = 0;
    for (size_t i = 0; i < tenon_countof(texts); i++)
        size += texts[i] ? strlen(texts[i]) : 0;
    return size;
}

static void
take(struct scan *s, const struct found_package *p)
{
    s->bytes += size_of(p);
    tenon_vec_push(&s->list, *p);
    if (s->list.len < PACKAGES_MAX && s->bytes < BYTES_MAX)
        return;
    s->full = true;
    s->host->progress->log(s->ctx, 4,
                           "more packages than are put into a bill of materials: what comes "
                           "behind the first %zu is left out",
                           s->list.len);
}

void
found_add(struct scan *s, const char *type, const char *space, const char *name,
          const char *version, const char *const *qualifiers, const char *license,
          const char *supplier, const char *where)
{
    if (s->full || !name || !*name || !version || !*version || is_long(name) || is_long(version) ||
        is_long(space) || is_long(where))
        return;
    for (size_t i = 0; qualifiers && qualifiers[i]; i++)
        if (is_long(qualifiers[i]))
            return;
    const struct found_package p = {
        .name = space && !strcmp(type, "npm") && *space ? tenon_asprintf("%s/%s", space, name)
                                                        : tenon_strdup(name),
        .version = tenon_strdup(version),
        .license = is_long(license) ? NULL : tenon_strdup(license),
        .supplier = is_long(supplier) ? NULL : tenon_strdup(supplier),
        .purl = make_purl(type, space, name, version, qualifiers),
        .where = tenon_strdup(where),
    };
    take(s, &p);
}

void
found_release(struct scan *s)
{
    tenon_vec_foreach(p, &s->list) {
        free(p->name);
        free(p->version);
        free(p->license);
        free(p->supplier);
        free(p->purl);
        free(p->where);
    }
    tenon_vec_release(&s->list);
    free(s->os_id);
    free(s->os_version);
}

int64_t
found_size(struct scan *s, const char *path)
{
    struct tenon_error *ignored = s->host->error->create(s->ctx);
    struct stat st;
    auto_close int fd = s->host->files->open_in(s->ctx, s->root, path, O_PATH, 0, ignored);
    s->host->error->clear(ignored);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
}

bool
found_read(struct scan *s, const char *path, struct tenon_buf *out)
{
    struct tenon_error *ignored = s->host->error->create(s->ctx);
    struct stat st;
    /* not to wait for what is no file */
    auto_close int fd =
        s->host->files->open_in(s->ctx, s->root, path, O_RDONLY | O_NONBLOCK, 0, ignored);
    s->host->error->clear(ignored);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
        return false;
    char chunk[16384];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        tenon_buf_add(out, chunk, (size_t)n);
    }
}
