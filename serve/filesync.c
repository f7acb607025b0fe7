/* serve/filesync.c - the receiver of fsutil's packets. */
#include "filesync.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/root.h"
#include "callerror.h"
#include "ctlmessages.h"
#include "gomode.h"
#include "oldtree.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tools/pattern.h"
#include "tools/vec.h"
#include "tree/place.h"

#define NS_PER_S INT64_C(1000000000)
#define METADATA ".fsutil-metadata" /* what was listed, where that is wanted in place of files */

struct entry {
    char *path;
    mode_t mode; /* as stat(2) has it */
    int64_t mtime_ns;
    bool is_link;  /* to an earlier file: nothing is asked for */
    bool is_told;  /* listed only: it is not there, or not yet */
    bool is_new;   /* nothing of its name was there */
    bool has_come; /* all of it, or nothing comes: it is there from an earlier time, or told */
};

struct incoming { /* a file that comes */
    size_t entry;
    int fd;
};

struct filesync {
    struct grpc_call *call;
    struct budget *budget;
    int root;
    enum filesync_old old;
    bool anew; /* no file is as it was, whatever its time says */
    /* Files that come although METADATA tells of them.  NULL: all come, and nothing is told. */
    struct tenon_patterns *exceptions;
    struct tenon_buf told;
    char *dir; /* the last directory that was opened, NULL: none, and its descriptor */
    int dirfd;
    TENON_VEC(struct entry) entries;
    size_t name_bytes;
    size_t asked_to; /* entries up to here were looked at, and asked for if they are files */
    size_t asked;    /* that are not complete */
    TENON_VEC(struct incoming) incoming;
    bool listed, done;
};

/* ---- what may be said ---------------------------------------------------- */

static bool
is_clean(const char *path)
{
    if (!*path || *path == '/' || !strcmp(path, ".") || strlen(path) >= PATH_MAX)
        return false;
    auto_free char *clean = tenon_path_clean(path);
    return !strcmp(clean, path) && strcmp(path, "..") != 0 && !tenon_has_prefix(path, "../");
}

/* In the order of a walk '/' is before all others: a, a/b, a.b. */
static bool
follows(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (*a == *b)
        return false;
    const int x = !*a ? -1 : *a == '/' ? 0 : (unsigned char)*a;
    const int y = !*b ? -1 : *b == '/' ? 0 : (unsigned char)*b;
    return x < y;
}

/* NULL: it was not listed. */
static struct entry *
find_entry(const struct filesync *f, const char *path)
{
    size_t low = 0, high = f->entries.len;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (!strcmp(f->entries.items[middle].path, path))
            return &f->entries.items[middle];
        if (follows(f->entries.items[middle].path, path))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* A directory that the last one is in, or is, needs no search. */
static bool
has_parent(const struct filesync *f, const char *path)
{
    const char *slash = strrchr(path, '/');
    const struct entry *last = f->entries.len ? &f->entries.items[f->entries.len - 1] : NULL;
    const size_t len = slash ? (size_t)(slash - path) : 0;

    if (slash && last && !strncmp(last->path, path, len) &&
        (last->path[len] == '/' || (!last->path[len] && S_ISDIR(last->mode))))
        return true;
    auto_free char *dir = slash ? tenon_strndup(path, (size_t)(slash - path)) : NULL;
    const struct entry *e = slash ? find_entry(f, dir) : NULL;

    return !slash || (e && S_ISDIR(e->mode));
}

/* ---- entries ------------------------------------------------------------- */

/* The directory of a path, and the last name of it; no link on the way.  The descriptor is f's,
 * until the next. */
static int
open_parent(struct filesync *f, const char *path, const char **name, struct tenon_error *err)
{
    const char *slash = strrchr(path, '/');
    const size_t len = slash ? (size_t)(slash - path) : 0;

    *name = slash ? slash + 1 : path;
    if (f->dir && strlen(f->dir) == len && !memcmp(f->dir, path, len))
        return f->dirfd;
    auto_free char *dir = tenon_strndup(path, len);
    const int fd = tenon_root_open(f->root, len ? dir : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
                                   err);
    if (fd < 0)
        return err->code;
    if (f->dir)
        close(f->dirfd);
    free(f->dir);
    f->dir = tenon_steal(&dir);
    f->dirfd = fd;
    return fd;
}

/* The file that an entry is another name of. */
static int
open_linked(struct filesync *f, const struct ses_stat *st, struct tenon_error *err)
{
    const struct entry *target = is_clean(st->link) ? find_entry(f, st->link) : NULL;

    if (!target || !S_ISREG(target->mode) || target->is_told)
        return tenon_error_set(err, TENON_E_INVALID, "%s is a link to %s, which was not listed",
                               st->path, st->link);
    const char *name;
    const int parent = open_parent(f, st->link, &name, err);
    if (parent < 0)
        return err->code;
    const int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? tenon_error_sys(err, "link %s", st->path) : fd;
}

static int
link_to(int linked, int parent, const struct ses_stat *st, const char *name,
        struct tenon_error *err)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", linked);
    return linkat(AT_FDCWD, path, parent, name, AT_SYMLINK_FOLLOW) < 0
               ? tenon_error_sys(err, "link %s", st->path) : TENON_OK;
}

static int
make_new(int parent, const char *name, const struct ses_stat *st, mode_t mode,
         struct tenon_error *err)
{
    int rc = 0;

    if (S_ISDIR(mode))
        rc = mkdirat(parent, name, 0700);
    else if (S_ISLNK(mode))
        rc = symlinkat(st->link, parent, name);
    else if (S_ISFIFO(mode))
        rc = mkfifoat(parent, name, 0600);
    else if ((rc = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                          0600)) >= 0)
        rc = close(rc);
    return rc < 0 ? tenon_error_sys(err, "make %s", st->path) : TENON_OK;
}

/* Two directories of one name, of which each file has the time of an archive or a commit, would be
 * taken for one another. */
static bool
is_unsure(const struct filesync *f, const struct entry *e)
{
    return f->anew || (f->old == FILESYNC_ANY && e->mtime_ns % NS_PER_S == 0);
}

/* 1: it is there from an earlier time; 0: it is not there. */
static int
keep_old(struct filesync *f, int parent, const char *name, const struct ses_stat *st,
         struct entry *e, const struct stat *linked, struct tenon_error *err)
{
    const struct oldtree_listed listed = {
        .mode = e->mode, .size = st->size, .mtime_ns = e->mtime_ns, .link = st->link,
        .linked = linked, .unsure = is_unsure(f, e),
    };

    const int kept = oldtree_keep(parent, name, &listed, err);
    if (kept == 1 && S_ISREG(e->mode) && !linked) {
        e->has_come = true;
        if (st->size > 0 && budget_take(f->budget, (size_t)st->size, err) < 0)
            return err->code;
    }
    return kept;
}

static int
make_entry(struct filesync *f, const struct ses_stat *st, struct entry *e, struct tenon_error *err)
{
    auto_close int linked = e->is_link ? open_linked(f, st, err) : -1;
    struct stat as = {0};
    const char *name;

    if (err->code)
        return err->code;
    if (e->is_link && fstat(linked, &as) < 0)
        return tenon_error_sys(err, "link %s", st->path);
    const int parent = open_parent(f, st->path, &name, err);
    if (parent < 0)
        return err->code;
    const int kept = keep_old(f, parent, name, st, e, e->is_link ? &as : NULL, err);
    if (kept != 0)
        return kept < 0 ? kept : TENON_OK;
    e->is_new = true;
    return e->is_link ? link_to(linked, parent, st, name, err)
                      : make_new(parent, name, st, e->mode, err);
}

/* Directories that were only told of until now, as nothing in them was wanted. */
static int
make_parents(struct filesync *f, const char *path, struct tenon_error *err)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        auto_free char *dir = tenon_strndup(path, (size_t)(slash - path));
        struct entry *e = find_entry(f, dir);
        const struct ses_stat st = {.path = dir, .link = ""};
        if (!e->is_told)
            continue;
        if (make_entry(f, &st, e, err) < 0)
            return err->code;
        e->is_told = false;
    }
    return TENON_OK;
}

/* Each as the protocol has it, after its length. */
static int
tell(struct filesync *f, const struct ses_stat *st, struct tenon_error *err)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    message_encode(&bytes, &ses_stat_message, st);
    for (unsigned shift = 0; shift < 32; shift += 8)
        tenon_buf_addc(&f->told, (char)(bytes.len >> shift));
    tenon_buf_add(&f->told, tenon_buf_str(&bytes), bytes.len);
    return f->told.len > FILESYNC_NAMES_MAX
               ? tenon_error_set(err, TENON_E_LIMIT, "a list of more than %d MiB",
                                 FILESYNC_NAMES_MAX >> 20) : TENON_OK;
}

/* Does it come?  The list has all but a file that has the list's own name. */
static bool
comes(struct filesync *f, const struct ses_stat *st, struct tenon_error *err)
{
    if (!f->exceptions)
        return true;
    if (!strcmp(st->path, METADATA))
        return false;
    return tell(f, st, err) == 0 && tenon_patterns_match(f->exceptions, st->path);
}

static int
take_stat(struct filesync *f, const struct ses_stat *st, struct tenon_error *err)
{
    const char *last = f->entries.len ? f->entries.items[f->entries.len - 1].path : "";
    struct entry e = {.mode = gomode_to_unix(st->mode), .mtime_ns = st->mtime_ns};

    if (!is_clean(st->path) || !follows(last, st->path) ||
        !has_parent(f, st->path))
        return tenon_error_set(err, TENON_E_INVALID, "\"%s\" cannot be listed after \"%s\"",
                               st->path, last);
    if (!e.mode)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "%s is neither a file, a directory, a "
                               "link nor a FIFO", st->path);
    f->name_bytes += strlen(st->path);
    if (f->entries.len >= FILESYNC_ENTRIES_MAX || f->name_bytes > FILESYNC_NAMES_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "more than %d files, or %d MiB of names",
                               FILESYNC_ENTRIES_MAX, FILESYNC_NAMES_MAX >> 20);
    e.is_link = S_ISREG(e.mode) && *st->link;
    e.is_told = e.has_come = !comes(f, st, err);
    if (!err->code && !e.is_told && make_parents(f, st->path, err) == 0)
        make_entry(f, st, &e, err);
    if (err->code)
        return err->code;
    e.path = tenon_strdup(st->path);
    tenon_vec_push(&f->entries, e);
    return TENON_OK;
}

/* ---- files --------------------------------------------------------------- */

static void
say(struct filesync *f, int type, size_t id)
{
    const struct ses_packet p = {.type = type, .id = (int64_t)id};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    message_encode(&bytes, &ses_packet_message, &p);
    grpc_call_send(f->call, tenon_buf_str(&bytes), bytes.len); /* receiving tells if it is over */
}

/* So many at a time that what we send never waits for what the client sends. */
static void
ask_for_more(struct filesync *f)
{
    for (; f->asked_to < f->entries.len && f->asked < FILESYNC_ASKED_MAX; f->asked_to++) {
        const struct entry *e = &f->entries.items[f->asked_to];
        if (!S_ISREG(e->mode) || e->is_link || e->has_come)
            continue;
        say(f, SES_REQ, f->asked_to);
        f->asked++;
    }
    if (f->listed && !f->done && f->asked == 0 && f->asked_to == f->entries.len) {
        say(f, SES_FIN, 0);
        f->done = true;
    }
}

/* NULL: it was not asked for, or is complete; see err. */
static struct incoming *
find_incoming(struct filesync *f, int64_t id, struct tenon_error *err)
{
    tenon_vec_foreach(in, &f->incoming)
        if ((int64_t)in->entry == id)
            return in;
    const struct entry *e = id >= 0 && (size_t)id < f->asked_to ? &f->entries.items[id] : NULL;
    if (!e || !S_ISREG(e->mode) || e->is_link || e->has_come ||
        f->incoming.len >= FILESYNC_ASKED_MAX) {
        tenon_error_set(err, TENON_E_INVALID, "data of a file that was not asked for");
        return NULL;
    }
    const char *name;
    const int parent = open_parent(f, e->path, &name, err);
    if (parent < 0)
        return NULL;
    struct incoming in = {.entry = (size_t)id};
    in.fd = openat(parent, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (in.fd < 0) {
        tenon_error_sys(err, "open %s", e->path);
        return NULL;
    }
    tenon_vec_push(&f->incoming, in);
    return &f->incoming.items[f->incoming.len - 1];
}

static int
complete(struct filesync *f, struct incoming *in, struct tenon_error *err)
{
    struct entry *e = &f->entries.items[in->entry];
    struct timespec times[2];

    tenon_place_times(e->mtime_ns, times);
    if (fchmod(in->fd, e->mode & 07777) < 0 || futimens(in->fd, times) < 0)
        return tenon_error_sys(err, "complete %s", e->path);
    close(in->fd);
    *in = f->incoming.items[--f->incoming.len];
    e->has_come = true;
    f->asked--;
    return TENON_OK;
}

static int
take_data(struct filesync *f, const struct ses_packet *p, struct tenon_error *err)
{
    struct incoming *in = find_incoming(f, p->id, err);

    if (!in)
        return err->code;
    if (!p->data.len)
        return complete(f, in, err);
    return budget_take(f->budget, p->data.len, err) < 0
               ? err->code : tenon_write_all(in->fd, p->data.data, p->data.len, err);
}

/* ---- all ----------------------------------------------------------------- */

static int
take_packet(struct filesync *f, const struct ses_packet *p, struct tenon_error *err)
{
    int rc = TENON_OK;

    switch (p->type) {
    case SES_STAT:
        if (f->listed)
            return tenon_error_set(err, TENON_E_INVALID, "an entry after the last one");
        f->listed = !p->stat;
        if (p->stat)
            rc = take_stat(f, p->stat, err);
        break;
    case SES_DATA:
        rc = take_data(f, p, err);
        break;
    case SES_FIN:
        return f->done ? TENON_OK
                       : tenon_error_set(err, TENON_E_INVALID, "it ended too early");
    case SES_ERR: {
        auto_free char *said = tenon_strndup(p->data.data, p->data.len);
        return tenon_error_set(err, TENON_E_FAILED, "the client says: %s", said);
    }
    default:
        return tenon_error_set(err, TENON_E_INVALID, "a packet of type %lld",
                               (long long)p->type);
    }
    if (rc == 0)
        ask_for_more(f);
    return rc;
}

static int
receive(struct filesync *f, struct tenon_error *err)
{
    auto_buf struct tenon_buf message = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    const char *why;
    int rc = TENON_OK, got;

    while (rc == 0 && (got = grpc_call_recv(f->call, &message)) == 1) {
        auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
        struct ses_packet p = {0};
        if (message_decode(&arena, &ses_packet_message, message.data, message.len, &p, &why))
            rc = take_packet(f, &p, err);
        else
            rc = tenon_error_set(err, TENON_E_INVALID, "%s", why);
        if (p.type == SES_FIN && rc == 0)
            grpc_call_close_send(f->call);
    }
    if (rc < 0) {
        grpc_call_cancel(f->call);
        return rc;
    }
    grpc_call_status(f->call, &status);
    if (status.code != GRPC_OK)
        return callerror_set(&status, "the client", err);
    return f->done ? TENON_OK : tenon_error_set(err, TENON_E_FAILED, "the client ended too early");
}

static bool
is_there(const void *data, const char *path)
{
    const struct entry *e = find_entry(data, path);

    return e && !e->is_told;
}

/* One directory at a time, however deep they are. */
static int
prune(const struct filesync *f, struct tenon_error *err)
{
    const struct oldtree_list list = {is_there, f};

    if (oldtree_prune(f->root, "", &list, err) < 0)
        return err->code;
    tenon_vec_foreach(e, &f->entries) {
        if (!S_ISDIR(e->mode) || e->is_told || e->is_new)
            continue;
        auto_close int fd = tenon_root_open(f->root, e->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                                            0, err);
        if (fd < 0 || oldtree_prune(fd, e->path, &list, err) < 0)
            return err->code;
    }
    return TENON_OK;
}

static int
finish_entry(int parent, const char *name, const struct entry *e, struct tenon_error *err)
{
    struct timespec times[2];
    struct stat st;

    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return tenon_error_sys(err, "complete %s", e->path);
    tenon_place_times(e->mtime_ns, times);
    const bool same_mode = S_ISLNK(e->mode) || (st.st_mode & 07777) == (e->mode & 07777);
    const bool same_time = st.st_mtim.tv_sec == times[1].tv_sec &&
                           st.st_mtim.tv_nsec == times[1].tv_nsec;
    if ((!same_mode && fchmodat(parent, name, e->mode & 07777, 0) < 0) ||
        (!same_time && utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0))
        return tenon_error_sys(err, "complete %s", e->path);
    return TENON_OK;
}

/* FIFOs and links, and directories, which are as they were once nothing is made in them any more:
 * the inner ones first. */
static int
finish_entries(struct filesync *f, struct tenon_error *err)
{
    for (size_t i = f->entries.len; i-- > 0;) {
        const struct entry *e = &f->entries.items[i];
        const char *name;
        if (S_ISREG(e->mode) || e->is_told)
            continue;
        const int parent = open_parent(f, e->path, &name, err);
        if (parent < 0 || finish_entry(parent, name, e, err) < 0)
            return err->code;
    }
    return TENON_OK;
}

static int
write_told(const struct filesync *f, struct tenon_error *err)
{
    auto_close int fd = openat(f->root, METADATA, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    return fd < 0 ? tenon_error_sys(err, "make " METADATA)
                  : tenon_write_all(fd, tenon_buf_str(&f->told), f->told.len, err);
}

/* The tree is what was listed, and nothing else. */
static int
finish(struct filesync *f, struct tenon_error *err)
{
    if (prune(f, err) < 0 || finish_entries(f, err) < 0)
        return err->code;
    return f->exceptions ? write_told(f, err) : TENON_OK;
}

/* ---- what is wanted ------------------------------------------------------ */

struct headers {
    struct tenon_arena arena;
    TENON_VEC(struct grpc_header) list;
};

static bool
is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* As in a URL's query; metadata is printable ASCII. */
static const char *
escape(struct tenon_arena *a, const char *text)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;

    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || (c && strchr("-_.~", c));
        if (safe)
            tenon_buf_addc(&out, (char)c);
        else
            tenon_buf_addf(&out, "%%%02X", c);
    }
    return tenon_arena_strdup(a, tenon_buf_str(&out));
}

/* All values of a key are escaped, if one has to be. */
static void
add_values(struct headers *h, const char *key, const char *const *values, size_t count)
{
    bool plain = true;

    for (size_t i = 0; i < count; i++)
        plain = plain && is_plain(values[i]);
    for (size_t i = 0; i < count; i++) {
        const char *value = plain ? values[i] : escape(&h->arena, values[i]);
        tenon_vec_push(&h->list, ((struct grpc_header){key, value}));
    }
    if (!plain) {
        auto_free char *name = tenon_asprintf("%s-encoded", key);
        const char *kept = tenon_arena_strdup(&h->arena, name);
        tenon_vec_push(&h->list, ((struct grpc_header){kept, "1"}));
    }
}

static int
add_list(struct headers *h, const char *key, struct json_object *wanted, const char *member,
         struct tenon_error *err)
{
    struct json_object *list = NULL;

    if (!wanted || tenon_json_get_array(wanted, member, &list, err) < 0 || !list)
        return err->code;
    const size_t count = json_object_array_length(list);
    const char **values = tenon_arena_array(&h->arena, count + 1, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (!json_object_is_type(one, json_type_string))
            return tenon_error_set(err, TENON_E_INVALID, "%s: not a list of texts", member);
        values[i] = json_object_get_string(one);
    }
    add_values(h, key, values, count);
    return TENON_OK;
}

/* What of the files is wanted, beside their names. */
static int
take_wishes(struct filesync *f, struct json_object *wanted, struct tenon_error *err)
{
    struct json_object *list = NULL;
    const char *differ = "", *bad;

    if (!wanted || tenon_json_get_str(wanted, "differ", "", &differ, err) < 0 ||
        tenon_json_get_array(wanted, "metadata-except", &list, err) < 0)
        return err->code;
    f->anew = !strcmp(differ, "none") || !strcmp(differ, "content");
    if (!list)
        return TENON_OK;
    const size_t count = json_object_array_length(list);
    auto_free const char **lines = tenon_calloc(count + 1, sizeof *lines);
    for (size_t i = 0; i < count; i++) {
        lines[i] = json_object_get_string(json_object_array_get_idx(list, i));
        if (!lines[i])
            return tenon_error_set(err, TENON_E_INVALID, "metadata-except: not a list of texts");
    }
    f->exceptions = tenon_patterns_compile(lines, count, &bad);
    return f->exceptions ? TENON_OK
                         : tenon_error_set(err, TENON_E_INVALID, "invalid pattern \"%s\"", bad);
}

static void
release(struct filesync *f)
{
    tenon_vec_foreach(in, &f->incoming)
        close(in->fd);
    tenon_vec_foreach(e, &f->entries)
        free(e->path);
    tenon_vec_release(&f->incoming);
    tenon_vec_release(&f->entries);
    tenon_buf_release(&f->told);
    tenon_patterns_free(f->exceptions);
    if (f->dir)
        close(f->dirfd);
    free(f->dir);
}

int
filesync_receive(struct callset *asked, struct grpc_conn *conn, const char *name,
                 struct json_object *wanted, struct budget *budget, int dirfd,
                 enum filesync_old old, struct tenon_error *err)
{
    struct headers h = {.arena = TENON_ARENA_INIT};
    struct filesync f = {.root = dirfd, .budget = budget, .old = old};

    add_values(&h, "dir-name", &name, 1);
    if (take_wishes(&f, wanted, err) == 0 &&
        add_list(&h, "include-patterns", wanted, "include", err) == 0 &&
        add_list(&h, "exclude-patterns", wanted, "exclude", err) == 0 &&
        add_list(&h, "followpaths", wanted, "follow", err) == 0) {
        f.call = callset_start(asked, conn, FILESYNC_METHOD, h.list.items, h.list.len);
        if (receive(&f, err) == 0)
            finish(&f, err);
        callset_free(asked, f.call);
    }
    if (err->code)
        tenon_error_context(err, "receive the directory \"%s\"", name);
    release(&f);
    tenon_vec_release(&h.list);
    tenon_arena_release(&h.arena);
    return err->code;
}
