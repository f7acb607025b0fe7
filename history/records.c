/* history/records.c - records are read, and pinned. */
#include "records.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "history.h"
#include "statusmessage.h"
#include "tools/alloc.h"
#include "tools/parse.h"

#define NS_PER_S INT64_C(1000000000)

int64_t
records_ns(const struct ctl_time *t)
{
    /* Of anybody's making: no number is too large for what is done with it. */
    return t && t->seconds > 0 && t->seconds < INT64_MAX / NS_PER_S - 1 && t->nanoseconds >= 0 &&
                   t->nanoseconds < NS_PER_S
               ? t->seconds * NS_PER_S + t->nanoseconds : 0;
}

const char *
records_option(const struct ctl_record *r, const char *key)
{
    const struct ctl_pair *p = r->options.items;

    for (size_t i = 0; i < r->options.len; i++)
        if (!strcmp(p[i].key, key))
            return p[i].value;
    return NULL;
}

const char *
records_status(const struct ctl_record *r)
{
    return !r->completed ? "running"
           : !r->error   ? "completed"
           : strstr(r->error->message, "context canceled") ? "canceled" : "error";
}

/* ---- one ----------------------------------------------------------------- */

static int
damaged(const char *name, const char *why, struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_CORRUPT, "record of build %s: %s", name, why);
}

/* That of a directory. */
static int
read_at(int dir, const char *name, struct tenon_arena *arena, struct ctl_record *out,
        struct tenon_error *err)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    const char *why = NULL;

    auto_close int fd = openat(dir, "record", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return damaged(name, "there is none", err);
    if (tenon_read_all(fd, HISTORY_RECORD_READ_MAX, &bytes, err) < 0)
        return tenon_error_context(err, "record of build %s", name);
    *out = (struct ctl_record){0};
    if (!message_decode(arena, &ctl_record_message, bytes.data, bytes.len, out, &why))
        return damaged(name, why, err);
    auto_free char *meant = tenon_history_name(out->ref);
    if (strcmp(meant, name) || !records_ns(out->created) || !records_ns(out->completed))
        return damaged(name, "it is of another build, or not whole", err);
    out->pinned = tenon_history_is_pinned(dir);
    return TENON_OK;
}

static int
read_record(struct tenon_store *s, const char *name, struct tenon_arena *arena,
            struct ctl_record *out, struct tenon_error *err)
{
    auto_close int dir = tenon_history_open(s, name, err);

    return dir < 0 ? dir : read_at(dir, name, arena, out, err);
}

int
records_read(struct tenon_store *s, const char *ref, struct tenon_arena *arena,
             struct ctl_record *out, struct tenon_error *err)
{
    auto_free char *name = tenon_history_name(ref);

    return read_record(s, name, arena, out, err);
}

/* ---- all ----------------------------------------------------------------- */

static int
newest_first(const void *a, const void *b)
{
    const struct ctl_record *x = a, *y = b;
    const int64_t m = records_ns(x->created), n = records_ns(y->created);

    return m != n ? (m < n ? 1 : -1) : strcmp(x->ref, y->ref);
}

int
records_list(struct tenon_store *s, struct records *out, struct tenon_error *err)
{
    char **names = NULL;

    if (tenon_history_list(s, &names, err) < 0)
        return err->code;
    for (char **n = names; n && *n; n++) {
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        struct ctl_record one;
        if (read_record(s, *n, &out->arena, &one, &ignored) == 0)
            tenon_vec_push(&out->list, one);
    }
    tenon_strv_free(names);
    if (out->list.len)
        qsort(out->list.items, out->list.len, sizeof *out->list.items, newest_first);
    return TENON_OK;
}

void
records_release(struct records *r)
{
    tenon_vec_release(&r->list);
    tenon_arena_release(&r->arena);
}

const struct ctl_record *
records_find(const struct records *r, const char *word, struct tenon_error *err)
{
    const struct ctl_record *found = NULL;
    uint64_t back = 0;

    if (*word == '^' && !tenon_parse_u64(word + 1, 10, &back)) {
        tenon_error_set(err, TENON_E_INVALID, "%s: expected ^ and a number", word);
        return NULL;
    }
    if (!*word || *word == '^') {
        if (back < r->list.len)
            return &r->list.items[back];
        tenon_error_set(err, TENON_E_NOT_FOUND, r->list.len ? "there are %zu records of builds"
                                                            : "no records of builds", r->list.len);
        return NULL;
    }
    tenon_vec_foreach(x, &r->list) {
        if (!strcmp(x->ref, word))
            return x;
        if (!tenon_has_prefix(x->ref, word))
            continue;
        if (found) {
            tenon_error_set(err, TENON_E_INVALID, "%s is the beginning of several: %s, %s", word,
                            found->ref, x->ref);
            return NULL;
        }
        found = x;
    }
    if (!found)
        tenon_error_set(err, TENON_E_NOT_FOUND, "no record of a build %s", word);
    return found;
}

/* ---- contents ------------------------------------------------------------ */

/* As a file's name, malloc'ed; NULL: it is no digest. */
static char *
content_name(const char *digest)
{
    struct tenon_digest d;

    return tenon_digest_parse(digest, &d) ? tenon_asprintf("sha256-%s", tenon_digest_hex(&d))
                                          : NULL;
}

int
records_open(struct tenon_store *s, const struct ctl_record *record,
             const struct ctl_descriptor *content, struct tenon_error *err)
{
    auto_free char *name = tenon_history_name(record->ref);
    auto_free char *file = content ? content_name(content->digest) : NULL;
    auto_close int dir = tenon_history_open(s, name, err);
    struct stat st;

    if (dir < 0)
        return dir;
    auto_close int fd = file ? openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
                             : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != content->size)
        return damaged(record->ref, "a content is missing, or not whole", err);
    return tenon_steal_fd(&fd);
}

int
records_open_any(struct tenon_store *s, const char *digest)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_free char *file = content_name(digest);
    char **names = NULL;
    int fd = -1;

    if (!file || tenon_history_list(s, &names, &ignored) < 0)
        return -1;
    for (char **n = names; fd < 0 && n && *n; n++) {
        auto_error struct tenon_error gone = TENON_ERROR_INIT;
        auto_close int dir = tenon_history_open(s, *n, &gone);
        fd = dir < 0 ? -1 : openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    }
    tenon_strv_free(names);
    return fd;
}

int
records_replay(struct tenon_store *s, const struct ctl_record *record, records_frame *frame,
               void *data, struct tenon_error *err)
{
    enum { FRAME_MAX = STATUS_BATCH + STATUS_EVENT_MAX };
    auto_close int fd = records_open(s, record, record->logs, err);
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    unsigned char head[4];
    int64_t n;

    if (fd < 0)
        return fd;
    while ((n = tenon_read_full(fd, head, sizeof head, err)) == sizeof head) {
        const uint32_t len = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 |
                             (uint32_t)head[3] << 24;
        if (len > FRAME_MAX)
            return damaged(record->ref, "a message is too long", err);
        tenon_buf_clear(&bytes);
        tenon_buf_reserve(&bytes, len + 1);
        if (tenon_read_full(fd, bytes.data, len, err) != len)
            return err->code ? err->code : damaged(record->ref, "a message is cut off", err);
        bytes.data[len] = '\0';
        bytes.len = len;
        if (!frame(data, bytes.data, len))
            return TENON_OK;
    }
    return n < 0 ? (int)n : n ? damaged(record->ref, "a message is cut off", err) : TENON_OK;
}

/* ---- changes ------------------------------------------------------------- */

/* What is written keeps the age of what was there; the directory is as good as new for those who
 * wait for changes. */
static int
write_again(struct tenon_store *s, int dir, const struct ctl_record *record,
            struct tenon_error *err)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    const struct timespec at = {record->completed->seconds, record->completed->nanoseconds};
    const struct timespec times[2] = {at, at};

    message_encode(&bytes, &ctl_record_message, record);
    if (tenon_write_file_at(dir, "record", bytes.data, bytes.len, 0600, false, err) < 0)
        return err->code;
    utimensat(dir, "record", times, 0);
    utimensat(tenon_store_fd(s), "history", NULL, AT_SYMLINK_NOFOLLOW);
    return TENON_OK;
}

/* One build may have come in the place of another: what was read is written where it was. */
static int
pin(struct tenon_store *s, const char *ref, bool pinned, struct tenon_arena *arena,
    struct ctl_record *out, struct tenon_error *err)
{
    auto_free char *name = tenon_history_name(ref);
    auto_close int dir = tenon_history_open(s, name, err);

    if (dir < 0 || read_at(dir, name, arena, out, err) < 0)
        return err->code;
    out->generation++;
    out->pinned = pinned;
    return tenon_history_pin(s, ref, pinned, err) < 0 ? err->code : write_again(s, dir, out, err);
}

int
records_pin(struct tenon_store *s, const char *ref, bool pinned, struct tenon_arena *arena,
            struct ctl_record *out, struct tenon_error *err)
{
    struct tenon_lock *lock = NULL;

    if (tenon_lock_acquire(s, "history", false, -1, NULL, &lock, err) < 0)
        return err->code;
    pin(s, ref, pinned, arena, out, err);
    tenon_lock_release(lock);
    return err->code;
}
