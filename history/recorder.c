/* history/recorder.c - what happens is gathered in memory, and is written to a file when it grows:
 * most builds write once, at their end. */
#include "recorder.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "history.h"
#include "statusmessage.h"
#include "stepcount.h"
#include "tools/alloc.h"

enum { GATHERED = 1 << 20 }; /* bytes in memory */
#define NS_PER_S INT64_C(1000000000)

struct recorder {
    pthread_mutex_t lock; /* contents are added, and the end comes, while there are events */
    bool ended;
    struct tenon_store *store;
    char *ref;
    struct tenon_arena arena;
    struct tenon_history_work *work; /* NULL: nothing had to be written yet */
    struct statusmessage messages;
    struct stepcount steps;
    struct tenon_buf batch;    /* of events of one type: in a message they have no order */
    uint32_t batch_type;
    struct tenon_buf gathered; /* of the file to come */
    struct tenon_hash *hash;
    uint64_t written;
    int logs;
    size_t contents;
    struct tenon_error err; /* the first one: it is not kept then */
};

struct recorder *
recorder_new(struct tenon_store *store, const char *ref)
{
    struct recorder *r = tenon_new0(struct recorder);

    pthread_mutex_init(&r->lock, NULL);
    r->store = store;
    r->ref = tenon_strdup(ref);
    r->hash = tenon_hash_new();
    r->logs = -1;
    return r;
}

void
recorder_free(struct recorder *r)
{
    if (!r)
        return;
    if (r->logs >= 0)
        close(r->logs);
    tenon_history_discard(r->work);
    statusmessage_release(&r->messages);
    stepcount_release(&r->steps);
    tenon_buf_release(&r->batch);
    tenon_buf_release(&r->gathered);
    tenon_hash_free(r->hash);
    tenon_error_release(&r->err);
    tenon_arena_release(&r->arena);
    free(r->ref);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

struct tenon_arena *
recorder_arena(struct recorder *r)
{
    return &r->arena;
}

/* ---- contents ------------------------------------------------------------ */

/* The directory; negative: see err. */
static int
directory(struct recorder *r)
{
    if (!r->work && !r->err.code)
        tenon_history_begin(r->store, &r->work, &r->err);
    return r->err.code ? r->err.code : tenon_history_work_fd(r->work);
}

static int
create(struct recorder *r, const char *name)
{
    const int dir = directory(r);
    const int fd = dir < 0 ? dir : openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (dir >= 0 && fd < 0)
        tenon_error_sys(&r->err, "store %s: record a build", tenon_store_path(r->store));
    return fd;
}

static bool
put(struct recorder *r, const char *name, const void *data, size_t len)
{
    auto_close int fd = create(r, name);

    return fd >= 0 && tenon_write_all(fd, data, len, &r->err) == 0;
}

static const struct ctl_descriptor *
describe(struct recorder *r, const char *media_type, const char *predicate,
         const struct tenon_digest *digest, size_t len)
{
    struct ctl_descriptor d = {.media_type = tenon_arena_strdup(&r->arena, media_type),
                               .digest = tenon_arena_strdup(&r->arena, digest->str),
                               .size = (int64_t)len};

    if (predicate) {
        const struct ctl_pair pair = {HISTORY_PREDICATE, tenon_arena_strdup(&r->arena, predicate)};
        d.annotations = (struct message_list){tenon_arena_dup(&r->arena, &pair, sizeof pair), 1};
    }
    return tenon_arena_dup(&r->arena, &d, sizeof d);
}

static bool
put_content(struct recorder *r, const char *name, const void *data, size_t len)
{
    const int dir = directory(r);

    if (dir < 0)
        return false;
    if (faccessat(dir, name, F_OK, 0) == 0)
        return true;
    if (!put(r, name, data, len))
        return false;
    r->contents++;
    return true;
}

const struct ctl_descriptor *
recorder_add(struct recorder *r, const char *media_type, const char *predicate, const void *data,
             size_t len)
{
    struct tenon_digest digest;

    if (len > HISTORY_CONTENT_MAX)
        return NULL;
    tenon_digest_of(data, len, &digest);
    auto_free char *name = tenon_asprintf("sha256-%s", tenon_digest_hex(&digest));
    pthread_mutex_lock(&r->lock);
    const struct ctl_descriptor *d =
        r->contents < HISTORY_CONTENTS_MAX && put_content(r, name, data, len)
            ? describe(r, media_type, predicate, &digest, len)
            : NULL;
    pthread_mutex_unlock(&r->lock);
    return d;
}

/* ---- what happened ------------------------------------------------------- */

static void
write_out(struct recorder *r)
{
    if (r->logs < 0)
        r->logs = create(r, "logs");
    if (r->logs >= 0 &&
        tenon_write_all(r->logs, r->gathered.data, r->gathered.len, &r->err) == 0)
        r->written += r->gathered.len;
    tenon_buf_clear(&r->gathered);
}

static void
add_frame(struct recorder *r, const void *message, size_t len)
{
    const uint32_t n = (uint32_t)len;
    const unsigned char head[4] = {n & 0xff, n >> 8 & 0xff, n >> 16 & 0xff, n >> 24};

    if (r->err.code || !len)
        return;
    tenon_hash_update(r->hash, head, sizeof head);
    tenon_hash_update(r->hash, message, len);
    tenon_buf_add(&r->gathered, head, sizeof head);
    tenon_buf_add(&r->gathered, message, len);
    if (r->gathered.len > GATHERED)
        write_out(r);
}

static void
flush(struct recorder *r)
{
    add_frame(r, r->batch.data, r->batch.len);
    r->messages.bytes += r->batch.len;
    tenon_buf_clear(&r->batch);
}

void
recorder_event(void *data, const struct tenon_event *ev)
{
    struct recorder *r = data;

    pthread_mutex_lock(&r->lock);
    if (!r->ended) {
        stepcount_add(&r->steps, ev);
        if (r->batch.len > STATUS_BATCH || ev->type != r->batch_type)
            flush(r);
        r->batch_type = ev->type;
        statusmessage_add(&r->messages, ev, &r->batch);
    }
    pthread_mutex_unlock(&r->lock);
}

/* ---- the end ------------------------------------------------------------- */

static const struct ctl_descriptor *
finish_logs(struct recorder *r)
{
    struct tenon_digest digest;

    flush(r);
    const uint64_t len = r->written + r->gathered.len;
    tenon_hash_final(r->hash, &digest);
    auto_free char *name = tenon_asprintf("sha256-%s", tenon_digest_hex(&digest));
    if (!r->written) {
        put(r, name, r->gathered.data, r->gathered.len);
    } else {
        write_out(r);
        if (!r->err.code && renameat(directory(r), "logs", directory(r), name) < 0)
            tenon_error_sys(&r->err, "store %s: record a build", tenon_store_path(r->store));
    }
    return describe(r, HISTORY_STATUS_TYPE, NULL, &digest, (size_t)len);
}

static void
count(const struct stepcount *steps, struct ctl_record *record)
{
    record->total = (int64_t)steps->total;
    record->cached = (int64_t)steps->cached;
    record->finished = (int64_t)steps->finished;
    record->warnings = (int64_t)steps->warnings;
}

/* The file is as old as the end of the build, for the collector. */
static void
put_record(struct recorder *r, const struct ctl_record *record)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    const struct timespec at = {record->completed->seconds, record->completed->nanoseconds};
    const struct timespec times[2] = {at, at};

    message_encode(&bytes, &ctl_record_message, record);
    if (bytes.len > HISTORY_RECORD_MAX) {
        tenon_error_set(&r->err, TENON_E_LIMIT, "the record of a build has %zu bytes, %d are "
                        "allowed", bytes.len, HISTORY_RECORD_MAX);
        return;
    }
    auto_close int fd = create(r, "record");
    if (fd >= 0 && tenon_write_all(fd, bytes.data, bytes.len, &r->err) == 0)
        futimens(fd, times);
}

static int
finish_locked(struct recorder *r, struct ctl_record *record, struct tenon_error *err)
{
    const int64_t now = (int64_t)tenon_now_ns();
    const struct ctl_time completed = {now / NS_PER_S, now % NS_PER_S};

    record->ref = r->ref;
    record->completed = &completed;
    record->generation = 1;
    record->logs = finish_logs(r);
    count(&r->steps, record);
    if (!r->err.code)
        put_record(r, record);
    if (r->err.code)
        return tenon_error_move(err, &r->err);
    return tenon_history_commit(tenon_steal(&r->work), r->ref, err);
}

int
recorder_finish(struct recorder *r, struct ctl_record *record, struct tenon_error *err)
{
    pthread_mutex_lock(&r->lock);
    r->ended = true; /* an event that comes late is in no log */
    const int rc = finish_locked(r, record, err);
    pthread_mutex_unlock(&r->lock);
    return rc;
}
