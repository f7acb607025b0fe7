/* serve/historycalls.c - who listens is told what differs from what it was told before: so it
 * hears of builds of other processes, too. */
#include "historycalls.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "ctlmessages.h"
#include "records.h"
#include "store/store.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "unary.h"

#define TICK_NS INT64_C(50000000) /* longer than one of any file system's clock */
#define TIME_HEADER "buildkit-current-timestamp"

/* ---- who listens --------------------------------------------------------- */

struct known { /* a build, as it was told, or would have been */
    char *ref;
    bool is_active;
    int64_t generation, completed; /* of one that was built again the number is the same */
    bool is_there; /* still, while it is looked */
};

struct listener {
    struct server *server;
    struct grpc_call *call;
    const struct ctl_history *request;
    struct record_filter *filter;
    int store_fd; /* its directory; it is open only for a look: what is open keeps others' cache */
    TENON_VEC(struct known) known;
    int64_t left; /* of the limit; -1: there is none */
    bool is_first; /* filters and the limit are for what is there at first */
};

static struct known *
find(struct listener *l, const char *ref)
{
    tenon_vec_foreach(k, &l->known)
        if (!strcmp(k->ref, ref))
            return k;
    return NULL;
}

static bool
send(struct listener *l, enum ctl_event_type type, const struct ctl_record *record)
{
    const struct ctl_event event = {type, record};

    return unary_send(l->call, &ctl_event_message, &event);
}

/* True: it is not what was known of it. */
static bool
is_news(struct listener *l, const char *ref, bool is_active, int64_t generation,
        int64_t completed)
{
    struct known *k = find(l, ref);
    const bool news = !k || k->is_active != is_active || k->generation != generation ||
                      k->completed != completed;

    if (!k) {
        k = tenon_vec_add(&l->known);
        k->ref = tenon_strdup(ref);
    }
    k->is_active = is_active;
    k->generation = generation;
    k->completed = completed;
    k->is_there = true;
    return news;
}

static bool
is_asked_for(const struct listener *l, const char *ref)
{
    return !*l->request->ref || !strcmp(l->request->ref, ref);
}

/* ---- what there is ------------------------------------------------------- */

/* Copies, as builds end meanwhile. */
static void
list_active(struct server *s, struct records *out)
{
    TENON_VEC(struct tenon_buf) copies = {0};
    const char *why;

    pthread_mutex_lock(&s->lock);
    tenon_vec_foreach(j, &s->jobs)
        if ((*j)->record.len && !(*j)->ended) {
            struct tenon_buf *copy = tenon_vec_add(&copies);
            tenon_buf_add(copy, (*j)->record.data, (*j)->record.len);
        }
    pthread_mutex_unlock(&s->lock);
    tenon_vec_foreach(c, &copies) {
        struct ctl_record one = {0};
        if (message_decode(&out->arena, &ctl_record_message, c->data, c->len, &one, &why))
            tenon_vec_push(&out->list, one);
        tenon_buf_release(c);
    }
    tenon_vec_release(&copies);
}

static bool
tell_active(struct listener *l)
{
    auto_records struct records active = {0};

    list_active(l->server, &active);
    tenon_vec_foreach(r, &active.list)
        if (is_asked_for(l, r->ref) && is_news(l, r->ref, true, 0, 0) && !send(l, CTL_STARTED, r))
            return false;
    return true;
}

static bool
is_wanted(struct listener *l, const struct ctl_record *r)
{
    if (!l->is_first)
        return true;
    if (l->request->active_only || l->left == 0 || !record_filter_passes(l->filter, r))
        return false;
    l->left -= l->left > 0;
    return true;
}

static int
list_completed(struct listener *l, struct records *all, struct tenon_error *err)
{
    const struct serve_setup *setup = l->server->setup;
    struct tenon_store *store = NULL;

    if (setup->open_store(setup->data, &store, err) == 0) {
        records_list(store, all, err);
        if (l->store_fd < 0)
            l->store_fd = fcntl(tenon_store_fd(store), F_DUPFD_CLOEXEC, 3);
    }
    tenon_store_close(store);
    return err->code;
}

/* One that runs is no record, whatever there was before. */
static bool
tell_completed(struct listener *l)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_records struct records all = {0};

    if (list_completed(l, &all, &err) < 0) {
        grpc_call_fail(l->call, GRPC_UNKNOWN, "%s", err.message);
        return false;
    }
    tenon_vec_foreach(r, &all.list) {
        const struct known *k = find(l, r->ref);
        if (!is_asked_for(l, r->ref) || (k && k->is_there))
            continue;
        if (is_news(l, r->ref, false, r->generation, records_ns(r->completed)) &&
            is_wanted(l, r) &&
            !send(l, CTL_COMPLETE, r))
            return false;
    }
    return true;
}

static bool
tell_gone(struct listener *l)
{
    for (size_t i = 0; i < l->known.len;) {
        struct known *k = &l->known.items[i];
        const struct ctl_record gone = {.ref = k->ref};
        const bool good = k->is_there || send(l, CTL_DELETED, &gone);
        if (!good)
            return false;
        if (k->is_there) {
            i++;
            continue;
        }
        free(k->ref);
        *k = l->known.items[--l->known.len];
    }
    return true;
}

static bool
tell(struct listener *l)
{
    tenon_vec_foreach(k, &l->known)
        k->is_there = false;
    return tell_active(l) && tell_completed(l) && tell_gone(l);
}

/* ---- the wait ------------------------------------------------------------ */

/* When a record came or went last, of any process. */
static int64_t
time_of_change(const struct listener *l)
{
    struct stat st;

    return fstatat(l->store_fd, "history", &st, AT_SYMLINK_NOFOLLOW) < 0
               ? 0 : st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
}

/* Until something may have changed; false: nobody listens any more.  After a change just before the
 * look there may have been one more within the same tick of the file system's clock. */
static bool
await_change(struct listener *l, uint64_t serial, int64_t before, bool is_young)
{
    struct server *s = l->server;
    bool same = true, ending = false;

    while (same && !ending && !grpc_call_over(l->call)) {
        const struct timespec soon = server_deadline(1);
        pthread_mutex_lock(&s->lock);
        if (s->history_serial == serial && !s->ending)
            pthread_cond_timedwait(&s->changed, &s->lock, &soon);
        same = s->history_serial == serial;
        ending = s->ending;
        pthread_mutex_unlock(&s->lock);
        same = same && !is_young && time_of_change(l) == before;
    }
    return !ending && !grpc_call_over(l->call);
}

static uint64_t
serial_of(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    const uint64_t serial = s->history_serial;
    pthread_mutex_unlock(&s->lock);
    return serial;
}

static void
listen_on(struct listener *l)
{
    uint64_t serial;
    int64_t at;
    bool is_young;

    do {
        serial = serial_of(l->server);
        at = time_of_change(l);
        is_young = (int64_t)tenon_now_ns() - at < TICK_NS;
        if (!tell(l))
            return;
        l->is_first = false;
    } while (!l->request->early_exit && await_change(l, serial, at, is_young));
    unary_end(l->call);
}

void
historycalls_listen(void *server, struct grpc_call *call)
{
    struct server *s = server;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_free char *why = NULL, *now = tenon_format_time((int64_t)tenon_now_ns());
    const struct grpc_header header = {TIME_HEADER, now};
    struct ctl_history request = {0};
    struct listener l = {.server = s, .call = call, .request = &request, .store_fd = -1,
                         .is_first = true};

    if (!unary_take(call, &arena, &bytes, &ctl_history_message, &request))
        return;
    l.filter = record_filter_new(request.filters.items, request.filters.len, &why);
    l.left = request.limit ? request.limit : -1;
    if (!l.filter || request.limit < 0) {
        grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "ListenBuildHistory: %s",
                       why ? why : "the limit is below zero");
    } else {
        grpc_call_begin(call, &header, 1);
        listen_on(&l);
    }
    tenon_vec_foreach(k, &l.known)
        free(k->ref);
    tenon_vec_release(&l.known);
    record_filter_free(l.filter);
    if (l.store_fd >= 0)
        close(l.store_fd);
}

/* ---- changes ------------------------------------------------------------- */

static int
update(struct tenon_store *store, const struct ctl_update *u, struct tenon_error *err)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct ctl_record record;

    if (u->is_removal)
        return tenon_history_remove(store, u->ref, err);
    if (u->finalizes)
        return TENON_OK; /* a record is whole when it is there */
    return records_pin(store, u->ref, u->pinned, &arena, &record, err);
}

void
historycalls_update(void *server, struct grpc_call *call)
{
    static const struct ctl_none none = {0};
    struct server *s = server;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct ctl_update request = {0};
    struct tenon_store *store = NULL;

    if (!unary_take(call, &arena, &bytes, &ctl_update_message, &request))
        return;
    if (s->setup->open_store(s->setup->data, &store, &err) == 0)
        update(store, &request, &err);
    tenon_store_close(store);
    if (err.code) {
        grpc_call_fail(call, err.code == TENON_E_NOT_FOUND ? GRPC_NOT_FOUND : GRPC_UNKNOWN, "%s",
                       err.message);
        return;
    }
    servejobs_tell(s);
    unary_answer(call, &ctl_none_message, &none);
}

/* ---- Status -------------------------------------------------------------- */

static bool
pass_on(void *data, const void *message, size_t len)
{
    return grpc_call_send(data, message, len) == 0;
}

bool
historycalls_replay(struct server *s, struct grpc_call *call, const char *ref)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *store = NULL;
    struct ctl_record record;

    const bool found = *ref && s->setup->open_store(s->setup->data, &store, &err) == 0 &&
                       records_read(store, ref, &arena, &record, &err) == 0;
    if (found) {
        grpc_call_begin(call, NULL, 0);
        if (records_replay(store, &record, pass_on, call, &err) < 0)
            grpc_call_fail(call, GRPC_DATA_LOSS, "%s", err.message);
        else
            unary_end(call);
    }
    tenon_store_close(store);
    return found;
}
