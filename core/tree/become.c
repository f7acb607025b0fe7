/* tree/become.c - one tree becomes another: what differs, and nothing else, is written.  In an
 * overlay its upper directory is the difference then, whiteouts and all. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/cancel.h"
#include "base/io.h"
#include "tools/alloc.h"
#include "tree/place.h"
#include "tree/view.h"

struct becoming {
    int root; /* written to; `have` is what was there */
    struct tenon_view *have, *want;
    struct tenon_cancel *cancel;
    struct tenon_error *err;
};

static bool
same_owner_and_mode(const struct tenon_entry *a, const struct tenon_entry *b)
{
    return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

/* 1: the same, 0: not. */
static int
same_attributes(struct becoming *b, const struct tenon_entry *have, const struct tenon_entry *want)
{
    auto_buf struct tenon_buf x = TENON_BUF_INIT, y = TENON_BUF_INIT;
    auto_close int from = tenon_view_open_path(b->want, want, b->err);
    if (from < 0)
        return from;
    auto_close int to = tenon_view_open_path(b->have, have, b->err);
    if (to < 0)
        return to;
    tenon_xattr_read_copied(b->want, from, &x);
    tenon_xattr_read_copied(b->have, to, &y);
    return x.len == y.len && (!x.len || memcmp(x.data, y.data, x.len) == 0);
}

/* 1: the same, 0: not.  Neither is a directory alone. */
static int
same_leaf(struct becoming *b, struct tenon_entry *have, struct tenon_entry *want)
{
    const struct tenon_digest *x, *y;

    /* In two overlays over one layer it is one file. */
    if (have->ino == want->ino && have->ctime_ns == want->ctime_ns && have->size == want->size &&
        have->mtime_ns == want->mtime_ns)
        return 1;
    if (!same_owner_and_mode(have, want) || have->mtime_ns != want->mtime_ns)
        return 0;
    if (S_ISLNK(want->mode) && !tenon_streq(have->link, want->link))
        return 0;
    if (S_ISREG(want->mode) ? have->size != want->size : have->rdev != want->rdev)
        return 0;
    const int same = same_attributes(b, have, want);
    if (same <= 0 || !S_ISREG(want->mode))
        return same;
    if (tenon_view_body(b->have, have, b->cancel, &x, NULL, b->err) < 0 ||
        tenon_view_body(b->want, want, b->cancel, &y, NULL, b->err) < 0)
        return b->err->code;
    return tenon_streq(x->str, y->str);
}

static int
copy_new(struct becoming *b, const struct tenon_entry *want)
{
    auto_buf struct tenon_buf path = TENON_BUF_INIT;
    tenon_buf_addc(&path, '/');
    auto_buf struct tenon_buf below = TENON_BUF_INIT;
    tenon_entry_path(want, &below);
    tenon_buf_adds(&path, tenon_buf_str(&below));
    const struct tenon_copy copy = {
        .src_view = b->want, .src = tenon_buf_str(&path), .dest = tenon_buf_str(&path),
        .mode = -1, .timestamp_ns = -1,
    };
    return tenon_tree_copy(b->root, &copy, b->cancel, b->err);
}

/* A directory that is written to, on the way down. */
struct place {
    int fd; /* -1: set aside */
    struct tenon_aside aside;
    unsigned depth;
};

/* The directory fd becomes what want says, and was changed so that its time may be another. */
static int
finish_dir(struct becoming *b, const struct tenon_entry *have, const struct tenon_entry *want,
           int fd, bool has_attributes)
{
    struct timespec times[2];

    if (!same_owner_and_mode(have, want) &&
        (fchown(fd, want->uid, want->gid) < 0 || fchmod(fd, want->mode & 07777) < 0))
        return tenon_error_sys(b->err, "owner and mode of \"%s\"", want->name);
    if (!has_attributes) {
        auto_close int from = tenon_view_open(b->want, want, -1, b->err);
        if (from < 0)
            return from;
        tenon_xattr_clear(fd);
        tenon_xattr_copy(b->want, from, fd);
    }
    tenon_place_times(want->mtime_ns, times);
    return futimens(fd, times) < 0 ? tenon_error_sys(b->err, "times of \"%s\"", want->name) : 0;
}

static int become_dir(struct becoming *b, struct tenon_entry *have, struct tenon_entry *want,
                      struct place *at);

static int
enter(struct becoming *b, struct tenon_entry *have, struct tenon_entry *want, struct place *up)
{
    struct place kid = {.depth = up->depth + 1};
    kid.fd = openat(up->fd, want->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (kid.fd < 0)
        return tenon_error_sys(b->err, "open \"%s\"", want->name);
    int rc = up->depth >= TENON_ASIDE_DEPTH ? tenon_aside_close(&up->fd, &up->aside, b->err) : 0;
    if (rc == 0)
        rc = become_dir(b, have, want, &kid);
    if (rc == 0)
        rc = tenon_aside_open(kid.fd, &up->fd, &up->aside, b->err);
    if (kid.fd >= 0)
        close(kid.fd);
    return rc;
}

/* 1: written. */
static int
become_kid(struct becoming *b, struct tenon_entry *have, struct tenon_entry *want,
           struct place *at)
{
    if (have && S_ISDIR(have->mode) && S_ISDIR(want->mode))
        return enter(b, have, want, at);
    if (have) {
        const int same = S_ISDIR(have->mode) || S_ISDIR(want->mode) ? 0
                                                                    : same_leaf(b, have, want);
        if (same != 0)
            return same < 0 ? same : 0;
        if (tenon_remove_tree(at->fd, have->name, b->err) < 0)
            return b->err->code;
    }
    return copy_new(b, want) < 0 ? b->err->code : 1;
}

static int
become_dir(struct becoming *b, struct tenon_entry *have, struct tenon_entry *want,
           struct place *at)
{
    if (tenon_cancel_check(b->cancel, b->err) < 0 || tenon_view_load(b->have, have, b->err) < 0 ||
        tenon_view_load(b->want, want, b->err) < 0)
        return b->err->code;
    const int same = same_attributes(b, have, want);
    if (same < 0)
        return same;
    bool written = !same || !same_owner_and_mode(have, want);
    for (size_t i = 0; i < have->kid_count; i++) {
        if (tenon_entry_child(want, have->kids[i].name))
            continue;
        if (tenon_remove_tree(at->fd, have->kids[i].name, b->err) < 0)
            return b->err->code;
        written = true;
    }
    for (size_t i = 0; i < want->kid_count; i++) {
        struct tenon_entry *kid = &want->kids[i];
        const int rc = become_kid(b, tenon_entry_child(have, kid->name), kid, at);
        if (rc < 0)
            return rc;
        written = written || rc > 0;
    }
    return written ? finish_dir(b, have, want, at->fd, same) : 0;
}

int
tenon_tree_become(int root, int wanted, struct tenon_cancel *cancel, struct tenon_error *err)
{
    const struct tenon_view_options o[] = {{.rootfd = root}, {.rootfd = wanted}};
    struct becoming b = {.root = root, .cancel = cancel, .err = err};

    int rc = tenon_view_new(&o[0], &b.have, err);
    if (rc == 0)
        rc = tenon_view_new(&o[1], &b.want, err);
    if (rc == 0) {
        struct place top = {.fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        rc = top.fd < 0 ? tenon_error_sys(err, "open a tree")
                        : become_dir(&b, &b.have->top, &b.want->top, &top);
        if (top.fd >= 0)
            close(top.fd);
    }
    tenon_view_free(b.have);
    tenon_view_free(b.want);
    return rc;
}
