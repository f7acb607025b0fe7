/* common/export/layout.c - see layout.h. */
#include "layout.h"
#include "archive.h"
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/jsontext.h"
#include "tools/ociindex.h"
#include "tools/vec.h"

#define INDEX_MAX ((size_t)8 << 20)

static const char layout_file[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

/* "v1" of "host:5000/repo:v1"; the part after the last ':' of the last
 * component. */
static const char *
tag_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *colon = strrchr(slash ? slash : name, ':');
    return colon ? colon + 1 : "latest";
}

static struct json_object *
descriptor(const struct tenon_image *image)
{
    if (image->descriptor_json)
        return json_tokener_parse(image->descriptor_json);
    struct json_object *d = json_object_new_object();
    json_object_object_add(d, "mediaType", json_object_new_string(image->media_type));
    json_object_object_add(d, "digest", json_object_new_string(image->digest));
    json_object_object_add(d, "size", json_object_new_int64(image->size));
    return d;
}

static struct json_object *
entry_for(const struct export_layout *l, const char *name, bool dir)
{
    struct json_object *d = descriptor(l->image);
    if (!d || (!name && !dir))
        return d;
    struct json_object *a = NULL;
    if (!json_object_object_get_ex(d, "annotations", &a)) {
        a = json_object_new_object();
        json_object_object_add(d, "annotations", a);
    }
    if (name)
        json_object_object_add(a, "io.containerd.image.name", json_object_new_string(name));
    /* A directory is an index others add to: its nameless image is "latest". */
    const char *tag = name ? tag_of(name) : l->tag ? l->tag : "latest";
    json_object_object_add(a, TENON_OCI_REF_NAME, json_object_new_string(tag));
    return d;
}

static bool
has_tag(struct json_object *entry, const char *tag)
{
    const char *name = tenon_oci_ref_name(entry);
    return name && !strcmp(name, tag);
}

/* What index.json has under other tags.  One that cannot be read has none. */
static void
keep_entries(int dirfd, const char *tag, struct json_object *list)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct json_object *old = NULL, *entries = NULL;
    auto_close int fd = openat(dirfd, "index.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char chunk[4096];
    for (ssize_t n; fd >= 0 && text.len < INDEX_MAX && (n = read(fd, chunk, sizeof chunk)) > 0;)
        tenon_buf_add(&text, chunk, (size_t)n);
    if (text.len && text.len < INDEX_MAX)
        old = json_tokener_parse(tenon_buf_str(&text));
    if (json_object_get_type(old) == json_type_object &&
        json_object_object_get_ex(old, "manifests", &entries) &&
        json_object_get_type(entries) == json_type_array)
        for (size_t i = 0; i < json_object_array_length(entries); i++) {
            struct json_object *e = json_object_array_get_idx(entries, i);
            if (json_object_get_type(e) == json_type_object && !has_tag(e, tag))
                json_object_array_add(list, json_object_get(e));
        }
    json_object_put(old);
}

/* dirfd -1: of a tar. */
static void
write_index(const struct export_layout *l, int dirfd, struct tenon_buf *out)
{
    const bool dir = dirfd >= 0;
    struct json_object *index = json_object_new_object();
    struct json_object *list = json_object_new_array();
    json_object_object_add(index, "schemaVersion", json_object_new_int(2));
    json_object_object_add(index, "mediaType",
                           json_object_new_string("application/vnd.oci.image.index.v1+json"));
    json_object_object_add(index, "manifests", list);
    if (dir && l->tag)
        keep_entries(dirfd, l->tag, list);
    if (!l->names || !l->names[0])
        json_object_array_add(list, entry_for(l, NULL, dir));
    for (const char *const *n = l->names; n && *n; n++)
        json_object_array_add(list, entry_for(l, *n, dir));
    tenon_json_write(out, index, true);
    json_object_put(index);
}

/* ---- blobs in a fixed order ---------------------------------------------------- */

struct blob {
    char *digest;
    int64_t size;
};
struct blobs {
    TENON_VEC(struct blob) list;
};

static int
collect(void *data, const struct tenon_descriptor *d, struct tenon_error *err)
{
    struct blobs *b = data;
    (void)err;
    tenon_vec_foreach(have, &b->list)
        if (!strcmp(have->digest, d->digest))
            return TENON_OK;
    struct blob one = { tenon_strdup(d->digest), d->size };
    tenon_vec_push(&b->list, one);
    return TENON_OK;
}

static int
by_digest(const void *a, const void *b)
{
    return strcmp(((const struct blob *)a)->digest, ((const struct blob *)b)->digest);
}

static void
blobs_release(struct blobs *b)
{
    tenon_vec_foreach(one, &b->list)
        free(one->digest);
    tenon_vec_release(&b->list);
}

static int
list_blobs(const struct export_layout *l, struct blobs *out, struct tenon_error *err)
{
    int rc = l->host->image->walk(l->ctx, l->image->digest, collect, out, err);
    if (rc == 0 && out->list.len)
        qsort(out->list.items, out->list.len, sizeof *out->list.items, by_digest);
    return rc;
}

/* ---- as a tar --------------------------------------------------------------------- */

static int
add_header(struct export_archive *a, const char *name, bool is_dir, uint64_t size,
           struct tenon_error *err)
{
    const struct tenon_tar_entry e = {
        .type = is_dir ? TENON_TAR_DIR : TENON_TAR_FILE, .name = name,
        .mode = is_dir ? 0755 : 0644, .size = size,
    };
    return export_archive_entry(a, &e, err);
}

static int
add_bytes(struct export_archive *a, const char *name, const void *data, size_t len,
          struct tenon_error *err)
{
    int rc = add_header(a, name, false, len, err);
    return rc == 0 ? export_archive_bytes(a, data, len, err) : rc;
}

static int
add_blob(const struct export_layout *l, struct export_archive *a, const struct blob *b,
         struct tenon_error *err)
{
    int64_t size;
    auto_close int fd = l->host->blobs->open(l->ctx, b->digest, &size, err);
    if (fd < 0)
        return fd;
    auto_free char *name = tenon_asprintf("blobs/sha256/%s", strchr(b->digest, ':') + 1);
    auto_free char *what = tenon_asprintf("blob %s", b->digest);
    int rc = add_header(a, name, false, (uint64_t)size, err);
    return rc == 0 ? export_archive_copy(a, fd, (uint64_t)size, what, err) : rc;
}

/* The same image gives the same bytes: entries in a fixed order, no times. */
static int
layout_tar(const struct export_layout *l, int fd, struct tenon_error *err)
{
    struct blobs blobs = {0};
    auto_buf struct tenon_buf index = TENON_BUF_INIT;
    struct export_archive a = { .host = l->host, .ctx = l->ctx, .fd = fd };
    write_index(l, -1, &index);
    int rc = list_blobs(l, &blobs, err);
    if (rc == 0)
        rc = add_header(&a, "blobs/", true, 0, err);
    if (rc == 0)
        rc = add_header(&a, "blobs/sha256/", true, 0, err);
    for (size_t i = 0; rc == 0 && i < blobs.list.len; i++)
        rc = add_blob(l, &a, &blobs.list.items[i], err);
    if (rc == 0)
        rc = add_bytes(&a, "index.json", index.data, index.len, err);
    if (rc == 0 && l->extra_name)
        rc = add_bytes(&a, l->extra_name, l->extra, l->extra_len, err);
    if (rc == 0)
        rc = add_bytes(&a, "oci-layout", layout_file, strlen(layout_file), err);
    if (rc == 0)
        rc = export_archive_end(&a, err);
    export_archive_release(&a);
    blobs_release(&blobs);
    return rc;
}

/* ---- as a directory ------------------------------------------------------ */

enum { CHUNK = 1 << 20 };

/* 0, or an errno. */
static int
write_whole(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int
copy_whole(const struct export_layout *l, int from, int to)
{
    auto_free char *chunk = tenon_malloc(CHUNK);
    for (;;) {
        if (l->host->ctx->cancelled(l->ctx))
            return ECANCELED;
        ssize_t n = read(from, chunk, CHUNK);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        int sys = n < 0 ? errno : write_whole(to, chunk, (size_t)n);
        if (sys)
            return sys;
    }
}

static int
put_file(const struct export_layout *l, int dirfd, const char *name,
         int from, const void *data, size_t len, struct tenon_error *err)
{
    auto_free char *temp = tenon_asprintf("%s.tmp%ld", name, (long)getpid());
    auto_close int fd =
        openat(dirfd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return l->host->error->set(err, TENON_E_FAILED, errno, "create %s", name);
    int sys = from >= 0 ? copy_whole(l, from, fd) : write_whole(fd, data, len);
    /* What a network disk could not keep shows at the end. */
    if (close(tenon_steal_fd(&fd)) < 0 && !sys)
        sys = errno;
    if (!sys && renameat(dirfd, temp, dirfd, name) < 0)
        sys = errno;
    if (!sys)
        return TENON_OK;
    unlinkat(dirfd, temp, 0);
    return sys == ECANCELED
               ? l->host->error->set(err, TENON_E_CANCELLED, 0, "export was cancelled")
               : l->host->error->set(err, TENON_E_FAILED, sys, "write %s", name);
}

/* False: it has no name there. */
static bool
put_link(int dirfd, const char *name, int blob)
{
    char self[40], path[PATH_MAX];
    struct stat there, is;
    snprintf(self, sizeof self, "/proc/self/fd/%d", blob);
    ssize_t n = readlink(self, path, sizeof path - 1);
    if (n <= 0)
        return false;
    path[n] = '\0';
    return stat(path, &there) == 0 && fstat(blob, &is) == 0 && there.st_ino == is.st_ino &&
           there.st_dev == is.st_dev && symlinkat(path, dirfd, name) == 0;
}

int
export_layout_dir(const struct export_layout *l, int dirfd, struct tenon_error *err)
{
    struct blobs blobs = {0};
    int rc = list_blobs(l, &blobs, err);
    if (rc == 0 && ((mkdirat(dirfd, "blobs", 0755) < 0 && errno != EEXIST) ||
                    (mkdirat(dirfd, "blobs/sha256", 0755) < 0 && errno != EEXIST)))
        rc = l->host->error->set(err, TENON_E_FAILED, errno, "make blobs/sha256");
    for (size_t i = 0; rc == 0 && i < blobs.list.len; i++) {
        const struct blob *b = &blobs.list.items[i];
        auto_free char *name = tenon_asprintf("blobs/sha256/%s", strchr(b->digest, ':') + 1);
        struct stat st;
        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            st.st_size == b->size)
            continue;
        int64_t size;
        auto_close int from = l->host->blobs->open(l->ctx, b->digest, &size, err);
        rc = from < 0 ? from
             : l->has_links && put_link(dirfd, name, from)
                 ? TENON_OK
                 : put_file(l, dirfd, name, from, NULL, 0, err);
    }
    if (rc == 0)
        rc = put_file(l, dirfd, "oci-layout", -1, layout_file, strlen(layout_file), err);
    if (rc == 0 && l->extra_name)
        rc = put_file(l, dirfd, l->extra_name, -1, l->extra, l->extra_len, err);
    if (rc == 0) {
        auto_buf struct tenon_buf index = TENON_BUF_INIT;
        write_index(l, dirfd, &index);
        rc = put_file(l, dirfd, "index.json", -1, index.data, index.len, err);
    }
    blobs_release(&blobs);
    return rc;
}

int
export_layout_export(const struct export_layout *l, struct tenon_result *r,
                        const char *dest, bool tar, struct tenon_error *err)
{
    const struct tenon_host *host = l->host;
    int rc = export_respond(host, l->ctx, r, l->image, l->names, err);
    if (rc < 0)
        return rc;
    if (tar) { /* who takes it is told of the image, too */
        int fd = host->sink->open(l->ctx, dest, err);
        if (fd < 0)
            return fd;
        struct stat st;
        host->progress->status(l->ctx, "sending tarball", 0, 0);
        /* an engine of this machine takes a layout, and reads of it what it lacks */
        struct export_layout linked = *l;
        linked.has_links = true;
        rc = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? export_layout_dir(&linked, fd, err)
                                                        : layout_tar(l, fd, err);
        if (rc == 0)
            rc = host->sink->commit(l->ctx, fd, err);
        host->progress->status_done(l->ctx, "sending tarball");
    } else {
        int dir = host->sink->dir(l->ctx, dest, err);
        rc = dir < 0 ? dir : export_layout_dir(l, dir, err);
    }
    return rc < 0 && dest ? host->error->context(err, "export to %s", dest) : rc;
}

int
export_layout_check(const struct tenon_host *host, struct tenon_ctx *ctx,
                       const struct tenon_values *options, const char *type,
                       bool takes_engine, struct tenon_error *err)
{
    const char *dest = host->values->get_string(options, "dest");
    const bool tar = host->values->get_bool(options, "tar");
    const bool engine = takes_engine && tar && !dest;
    if (!engine && (!dest || !*dest)) {
        host->error->set(err, TENON_E_INVALID, 0, "output type %s: dest is missing", type);
        host->error->hint(err, tar ? "-o type=%s,dest=FILE" : "-o type=%s,tar=false,dest=DIR",
                          type);
        return TENON_E_INVALID;
    }
    if (!export_names(host, ctx, options, NULL, err))
        return host->error->context(err, "output type %s", type);
    int rc = host->sink->check(ctx, dest, engine ? TENON_SINK_ENGINE
                                         : tar  ? TENON_SINK_FILE
                                                : TENON_SINK_DIR, err);
    return rc < 0 ? host->error->context(err, "output type %s", type) : TENON_OK;
}
