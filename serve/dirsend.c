/* serve/dirsend.c - the sender of fsutil's packets. */
#include "dirsend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <uthash.h>

#include "base/io.h"
#include "base/root.h"
#include "callerror.h"
#include "ctlmessages.h"
#include "gomode.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/vec.h"

#define NS_PER_S INT64_C(1000000000)

enum { PIECE = 32 * 1024 };

struct linked { /* a file with other names */
    struct { dev_t dev; ino_t ino; } key;
    char *path; /* the first of them */
    UT_hash_handle hh;
};

struct dirsend {
    struct grpc_call *call;
    int root;
    TENON_VEC(char *) files; /* by the number of the entry; NULL: it is none that has data */
    struct linked *linked;
    bool done;
};

static int
say(struct dirsend *d, const struct ses_packet *p, struct tenon_error *err)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};

    message_encode(&bytes, &ses_packet_message, p);
    if (grpc_call_send(d->call, tenon_buf_str(&bytes), bytes.len) == 0)
        return TENON_OK;
    grpc_call_status(d->call, &status);
    return callerror_set(&status, "the client", err);
}

/* ---- the list ------------------------------------------------------------ */

/* The name that the file had before, or NULL: this is the first. */
static const char *
earlier_name(struct dirsend *d, const struct stat *st, const char *path)
{
    struct linked *l, *found;

    if (!S_ISREG(st->st_mode) || st->st_nlink < 2)
        return NULL;
    l = tenon_new0(struct linked); /* no bytes between its members may differ */
    l->key.dev = st->st_dev;
    l->key.ino = st->st_ino;
    HASH_FIND(hh, d->linked, &l->key, sizeof l->key, found);
    if (found) {
        free(l);
        return found->path;
    }
    l->path = tenon_strdup(path);
    HASH_ADD(hh, d->linked, key, sizeof l->key, l);
    return NULL;
}

static void
forget_linked(struct dirsend *d)
{
    struct linked *l, *next;

    HASH_ITER(hh, d->linked, l, next) {
        HASH_DEL(d->linked, l);
        free(l->path);
        free(l);
    }
}

static int
list_entry(struct dirsend *d, int dirfd, const char *name, const char *path,
           const struct stat *st, struct tenon_error *err)
{
    char target[PATH_MAX] = "";
    const char *earlier = earlier_name(d, st, path);
    const bool has_data = S_ISREG(st->st_mode) && !earlier;
    const struct ses_stat out = {
        .path = path, .mode = gomode_of_unix(st->st_mode), .uid = st->st_uid, .gid = st->st_gid,
        .size = has_data ? st->st_size : 0,
        .mtime_ns = st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec,
        .link = earlier ? earlier : target,
        .dev_major = major(st->st_rdev), .dev_minor = minor(st->st_rdev),
    };
    const struct ses_packet p = {.type = SES_STAT, .stat = &out};

    if (S_ISLNK(st->st_mode) && readlinkat(dirfd, name, target, sizeof target - 1) < 0)
        return tenon_error_sys(err, "read link %s", path);
    tenon_vec_push(&d->files, has_data ? tenon_strdup(path) : NULL);
    return say(d, &p, err);
}

/* In the order of a walk: names of one directory sorted, and what is inside of each after it. */
static int
list_dir(struct dirsend *d, int dirfd, const char *prefix, struct tenon_error *err)
{
    auto_strv char **names = NULL;

    if (tenon_dir_names(dirfd, &names, err) < 0)
        return err->code;
    for (char **n = names; n && *n; n++) {
        auto_free char *path = tenon_asprintf("%s%s", prefix, *n);
        auto_free char *below = tenon_asprintf("%s/", path);
        struct stat st;
        if (fstatat(dirfd, *n, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return tenon_error_sys(err, "stat %s", path);
        if (list_entry(d, dirfd, *n, path, &st, err) < 0)
            return err->code;
        if (!S_ISDIR(st.st_mode))
            continue;
        auto_close int inner = openat(dirfd, *n, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner < 0)
            return tenon_error_sys(err, "open %s", path);
        if (list_dir(d, inner, below, err) < 0)
            return err->code;
    }
    return TENON_OK;
}

/* ---- files --------------------------------------------------------------- */

static int
send_file(struct dirsend *d, int64_t id, struct tenon_error *err)
{
    const char *path = id >= 0 && (size_t)id < d->files.len ? d->files.items[id] : NULL;
    char piece[PIECE];
    ssize_t n;

    if (!path)
        return tenon_error_set(err, TENON_E_INVALID, "the client asks for what is no file");
    auto_close int fd = tenon_root_open(d->root, path, O_RDONLY | O_NOFOLLOW, 0, err);
    if (fd < 0)
        return err->code;
    while ((n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)) {
        const struct ses_packet p = {.type = SES_DATA, .id = id, .data = {piece, (size_t)n}};
        if (n > 0 && say(d, &p, err) < 0)
            return err->code;
    }
    if (n < 0)
        return tenon_error_sys(err, "read %s", path);
    const struct ses_packet end = {.type = SES_DATA, .id = id};
    return say(d, &end, err);
}

static int
take_packet(struct dirsend *d, const struct ses_packet *p, struct tenon_error *err)
{
    const struct ses_packet fin = {.type = SES_FIN};

    if (p->type == SES_REQ)
        return send_file(d, p->id, err);
    if (p->type == SES_ERR) {
        auto_free char *said = tenon_strndup(p->data.data, p->data.len);
        return tenon_error_set(err, TENON_E_FAILED, "the client says: %s", said);
    }
    if (p->type != SES_FIN)
        return tenon_error_set(err, TENON_E_INVALID, "a packet of type %lld", (long long)p->type);
    d->done = true;
    if (say(d, &fin, err) == 0)
        grpc_call_close_send(d->call);
    return err->code;
}

static int
serve_files(struct dirsend *d, struct tenon_error *err)
{
    auto_buf struct tenon_buf message = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    const char *why;

    while (!err->code && grpc_call_recv(d->call, &message) == 1) {
        auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
        struct ses_packet p = {0};
        if (message_decode(&arena, &ses_packet_message, message.data, message.len, &p, &why))
            take_packet(d, &p, err);
        else
            tenon_error_set(err, TENON_E_INVALID, "%s", why);
    }
    if (err->code)
        return err->code;
    grpc_call_status(d->call, &status);
    if (status.code != GRPC_OK)
        return callerror_set(&status, "the client", err);
    return d->done ? TENON_OK : tenon_error_set(err, TENON_E_FAILED, "the client ended too early");
}

int
dirsend_send(struct callset *asked, struct grpc_conn *conn, const char *method,
             const char *exporter, int dirfd, struct tenon_error *err)
{
    const struct grpc_header headers[] = {
        {"buildkit-attachable-exporter-id", exporter},
        /* All platforms in one call: clients that remove what does not come insist on it. */
        {"buildkit-exporter-multi-platform", "1"},
    };
    const struct ses_packet end = {.type = SES_STAT};
    struct dirsend d = {.root = dirfd};

    d.call = callset_start(asked, conn, method, headers, tenon_countof(headers));
    if (list_dir(&d, dirfd, "", err) == 0 && say(&d, &end, err) == 0)
        serve_files(&d, err);
    if (err->code)
        tenon_error_context(err, "send the result to the client");
    callset_free(asked, d.call);
    tenon_vec_foreach(f, &d.files)
        free(*f);
    tenon_vec_release(&d.files);
    forget_linked(&d);
    return err->code;
}
