/* common/llbbridge/reading.c - ReadFile, ReadDir, StatFile: of references, and of containers. */
#include "reading.h"

#include <string.h>
#include <sys/stat.h>

#include "containers.h"
#include "llbbridge.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tools/pattern.h"

/* Where they are: of a reference, or of what is mounted in a container. */
struct place {
    struct tenon_ref *ref;
    struct gateway_container *container;
    const char *target;
};

/* False: see s->err. */
static bool
place_find(struct serving *s, bool in_container, const char *name, int64_t mount,
           struct place *out)
{
    *out = (struct place){0};
    if (!in_container)
        return (out->ref = serving_find_ref(s, name)) != NULL;
    out->container = containers_find(s, name);
    if (out->container)
        out->target = containers_target(s, out->container, mount);
    return out->target != NULL;
}

static void
place_leave(struct serving *s, const struct place *p)
{
    if (p->container)
        containers_leave(s->gw, p->container);
}

static int
place_read_file(struct serving *s, const struct place *p, const char *path,
                struct message_bytes *out)
{
    const struct tenon_bridge *b = s->gw->bridge;

    if (p->ref && b->evaluate(s->ctx, p->ref, s->err) < 0)
        return s->gw->host->error->code(s->err);
    if (!serving_gather(s))
        return TENON_E_CANCELLED;
    return p->ref ? b->read_file(s->ctx, p->ref, path, 0, &out->data, &out->len, s->err)
                  : b->container_read_file(s->ctx, p->container->container, p->target, path, 0,
                                           &out->data, &out->len, s->err);
}

static int
place_read_dir(struct serving *s, const struct place *p, const char *path,
               const struct tenon_stat *const **entries, size_t *count)
{
    const struct tenon_bridge *b = s->gw->bridge;

    if (p->ref && b->evaluate(s->ctx, p->ref, s->err) < 0)
        return s->gw->host->error->code(s->err);
    if (!serving_gather(s))
        return TENON_E_CANCELLED;
    return p->ref ? b->read_dir(s->ctx, p->ref, path, entries, count, s->err)
                  : b->container_read_dir(s->ctx, p->container->container, p->target, path,
                                          entries, count, s->err);
}

static int
place_stat(struct serving *s, const struct place *p, const char *path, struct tenon_stat *out)
{
    const struct tenon_bridge *b = s->gw->bridge;

    return p->ref ? b->stat(s->ctx, p->ref, path, out, s->err)
                  : b->container_stat(s->ctx, p->container->container, p->target, path, out,
                                      s->err);
}

static int
place_stat_more(struct serving *s, const struct place *p, const char *path, struct gw_stat *out)
{
    const struct tenon_bridge *b = s->gw->bridge;
    struct tenon_stat_more more = {.struct_size = sizeof more};
    const int rc =
        p->ref ? b->stat_more(s->ctx, p->ref, path, &more, s->err)
               : b->container_stat_more(s->ctx, p->container->container, p->target, path, &more,
                                        s->err);

    if (rc < 0)
        return rc;
    struct gw_blob *blobs = tenon_arena_array(&s->arena, more.xattr_count + 1, sizeof *blobs);
    for (size_t i = 0; i < more.xattr_count; i++) {
        const struct tenon_xattr *x = &more.xattrs[i];
        blobs[i] = (struct gw_blob){x->name, {x->value, x->len}};
    }
    out->dev_major = more.dev_major;
    out->dev_minor = more.dev_minor;
    out->xattrs = (struct message_list){blobs, more.xattr_count};
    return TENON_OK;
}

/* The same of an entry of a directory; one that has gone meanwhile stays without, and so does one
 * whose attributes cannot be read: the list is of names.  bytes: of the attributes so far. */
static int
place_entry_more(struct serving *s, const struct place *p, const char *dir, struct gw_stat *out,
                 size_t *bytes)
{
    auto_free char *path = tenon_path_join(dir, out->path);
    const int rc = place_stat_more(s, p, path, out);
    const struct gw_blob *blobs = out->xattrs.items;

    if (rc == TENON_E_CANCELLED)
        return rc;
    if (rc < 0)
        s->gw->host->error->clear(s->err);
    for (size_t i = 0; i < out->xattrs.len; i++)
        *bytes += strlen(blobs[i].key) + blobs[i].value.len;
    return *bytes <= GATEWAY_ATTRIBUTES_MAX
               ? TENON_OK
               : s->gw->host->error->set(s->err, TENON_E_LIMIT, 0,
                                         "directory %s: more than %d bytes of extended attributes",
                                         dir, GATEWAY_ATTRIBUTES_MAX);
}

static void
read_file_in(struct gateway *gw, struct grpc_call *call, bool in_container)
{
    struct gw_read_file request = {0};
    struct place place;
    struct serving s;

    if (!serving_begin(&s, gw, call, &gw_read_file_message, &request))
        return;
    struct gw_file file = {0};
    if (place_find(&s, in_container, request.ref, request.mount, &place) &&
        place_read_file(&s, &place, request.path, &file.data) == 0) {
        const struct gw_range *r = request.range;
        if (r) {
            const size_t at = r->offset < 0                            ? 0
                              : (uint64_t)r->offset > file.data.len ? file.data.len
                                                                    : (size_t)r->offset;
            file.data.data = (const char *)file.data.data + at;
            file.data.len -= at;
            if (r->length > 0 && (uint64_t)r->length < file.data.len)
                file.data.len = (size_t)r->length;
        }
        serving_answer(&s, &gw_file_message, &file);
    }
    place_leave(&s, &place);
    serving_done(&s);
}

void
reading_file(void *user, struct grpc_call *call)
{
    read_file_in(user, call, false);
}

void
reading_file_container(void *user, struct grpc_call *call)
{
    read_file_in(user, call, true);
}

/* Go's os.FileMode: the nine bits, and its own for the rest. */
static int64_t
go_mode(uint32_t mode)
{
    static const struct {
        uint32_t type, bits;
    } types[] = {
        {S_IFDIR, UINT32_C(1) << 31},
        {S_IFLNK, UINT32_C(1) << 27},
        {S_IFBLK, UINT32_C(1) << 26},
        {S_IFIFO, UINT32_C(1) << 25},
        {S_IFSOCK, UINT32_C(1) << 24},
        {S_IFCHR, UINT32_C(1) << 26 | UINT32_C(1) << 21},
    };
    uint32_t m = mode & 0777;

    for (size_t i = 0; i < tenon_countof(types); i++) {
        if ((mode & S_IFMT) == types[i].type)
            m |= types[i].bits;
    }
    m |= mode & S_ISUID ? UINT32_C(1) << 23 : 0;
    m |= mode & S_ISGID ? UINT32_C(1) << 22 : 0;
    m |= mode & S_ISVTX ? UINT32_C(1) << 20 : 0;
    return m;
}

static struct gw_stat
make_stat(const struct tenon_stat *st)
{
    const char *slash = strrchr(st->path, '/');

    return (struct gw_stat){
        .path = slash ? slash + 1 : st->path,
        .mode = go_mode(st->mode),
        .uid = st->uid,
        .gid = st->gid,
        .size = st->size,
        .mtime_ns = st->mtime_ns,
        .linkname = st->linkname,
    };
}

static void
read_dir_in(struct gateway *gw, struct grpc_call *call, bool in_container)
{
    struct gw_read_dir request = {0};
    struct place place;
    struct serving s;

    if (!serving_begin(&s, gw, call, &gw_read_dir_message, &request))
        return;
    const struct tenon_stat *const *entries;
    size_t count, kept = 0, bytes = 0;
    if (place_find(&s, in_container, request.ref, request.mount, &place) &&
        place_read_dir(&s, &place, request.path, &entries, &count) == 0) {
        struct gw_stat *stats = tenon_arena_array(&s.arena, count + 1, sizeof *stats);
        bool bad = false;
        for (size_t i = 0; i < count; i++) {
            struct gw_stat st = make_stat(entries[i]);
            if (*request.pattern && !tenon_glob_match(request.pattern, st.path, &bad))
                continue;
            if (place_entry_more(&s, &place, request.path, &st, &bytes) < 0)
                break;
            stats[kept++] = st;
        }
        const struct gw_dir dir = {.entries = {stats, kept}};
        if (bad)
            s.gw->host->error->set(s.err, TENON_E_INVALID, 0, "malformed pattern \"%s\"",
                                   request.pattern);
        else if (s.gw->host->error->code(s.err) == 0)
            serving_answer(&s, &gw_dir_message, &dir);
    }
    place_leave(&s, &place);
    serving_done(&s);
}

void
reading_dir(void *user, struct grpc_call *call)
{
    read_dir_in(user, call, false);
}

void
reading_dir_container(void *user, struct grpc_call *call)
{
    read_dir_in(user, call, true);
}

static void
stat_file_in(struct gateway *gw, struct grpc_call *call, bool in_container)
{
    struct gw_stat_file request = {0};
    struct place place;
    struct serving s;

    if (!serving_begin(&s, gw, call, &gw_stat_file_message, &request))
        return;
    struct tenon_stat st = { .struct_size = sizeof st };
    if (place_find(&s, in_container, request.ref, request.mount, &place) &&
        place_stat(&s, &place, request.path, &st) == 0) {
        struct gw_stat stat = make_stat(&st);
        const struct gw_stat_answer a = {.stat = &stat};
        if (place_stat_more(&s, &place, request.path, &stat) == 0)
            serving_answer(&s, &gw_stat_answer_message, &a);
    }
    place_leave(&s, &place);
    serving_done(&s);
}

void
reading_stat(void *user, struct grpc_call *call)
{
    stat_file_in(user, call, false);
}

void
reading_stat_container(void *user, struct grpc_call *call)
{
    stat_file_in(user, call, true);
}
