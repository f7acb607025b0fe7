/* serve/contentcalls.c - contents by their digests. */
#include "contentcalls.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "ctlmessages.h"
#include "records.h"
#include "server.h"
#include "store/store.h"
#include "tools/alloc.h"
#include "unary.h"

enum { PIECE = 1 << 20 };
#define NS_PER_S INT64_C(1000000000)

/* The content, of a record or a blob; -1: the call is over. */
static int
open_content(struct server *s, struct grpc_call *call, const char *digest, struct stat *st)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT, ignored = TENON_ERROR_INIT;
    struct tenon_digest parsed;
    struct tenon_store *store = NULL;

    if (!tenon_digest_parse(digest, &parsed)) {
        grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "\"%s\" is no digest", digest);
        return -1;
    }
    if (s->setup->open_store(s->setup->data, &store, &err) < 0) {
        grpc_call_fail(call, GRPC_UNKNOWN, "%s", err.message);
        return -1;
    }
    auto_close int fd = records_open_any(store, digest);
    if (fd < 0)
        fd = tenon_blob_open(store, digest, NULL, &ignored);
    tenon_store_close(store);
    if (fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return tenon_steal_fd(&fd);
    grpc_call_fail(call, GRPC_NOT_FOUND, "content %s: not found", digest);
    return -1;
}

void
contentcalls_info(void *server, struct grpc_call *call)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct cnt_digest request = {0};
    struct stat st;

    if (!unary_take(call, &arena, &bytes, &cnt_digest_message, &request))
        return;
    auto_close int fd = open_content(server, call, request.digest, &st);
    if (fd < 0)
        return;
    const struct ctl_time *at =
        unary_time(&arena, st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec);
    const struct cnt_info info = {request.digest, st.st_size, at, at};
    const struct cnt_info_answer reply = {&info};
    unary_answer(call, &cnt_info_answer_message, &reply);
}

/* ---- List ---------------------------------------------------------------- */

struct infos {
    struct tenon_arena *arena;
    const struct cnt_info *list;
    size_t count;
};

static void
add_info(struct infos *all, const struct ctl_descriptor *d, const struct ctl_record *r)
{
    if (!d)
        return;
    struct cnt_info *list = tenon_arena_grow(all->arena, all->list, all->count, sizeof *list);
    list[all->count++] = (struct cnt_info){d->digest, d->size, r->completed, r->completed};
    all->list = list;
}

static void
add_outcome(struct infos *all, const struct ctl_outcome *o, const struct ctl_record *r)
{
    const struct ctl_descriptor *attested = o ? o->attestations.items : NULL;

    add_info(all, o ? o->first : NULL, r);
    for (size_t i = 0; o && i < o->attestations.len; i++)
        add_info(all, &attested[i], r);
}

static const char *
field_of(void *data, const char *const *path, size_t parts)
{
    const struct cnt_info *info = data;

    (void)parts;
    return strcmp(path[0], "digest") ? NULL : info->digest;
}

/* Of records: who wants a blob of the store knows its digest. */
void
contentcalls_list(void *server, struct grpc_call *call)
{
    struct server *s = server;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *why = NULL;
    auto_records struct records records = {0};
    struct cnt_list request = {0};
    struct infos all = {.arena = &arena};
    struct tenon_store *store = NULL;

    if (!unary_take(call, &arena, &bytes, &cnt_list_message, &request))
        return;
    auto_field_filter struct tenon_field_filter *filter =
        tenon_field_filter_new(request.filters.items, request.filters.len, &why);
    if (!filter) {
        grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "List: %s", why);
        return;
    }
    if (s->setup->open_store(s->setup->data, &store, &err) == 0)
        records_list(store, &records, &err);
    tenon_store_close(store);
    if (err.code) {
        grpc_call_fail(call, GRPC_UNKNOWN, "%s", err.message);
        return;
    }
    tenon_vec_foreach(r, &records.list) {
        const struct ctl_platform_outcome *outcomes = r->outcomes.items;
        add_info(&all, r->logs, r);
        add_info(&all, r->details, r);
        add_outcome(&all, r->outcome, r);
        for (size_t i = 0; i < r->outcomes.len; i++)
            add_outcome(&all, outcomes[i].value, r);
    }
    struct cnt_info *passing = tenon_arena_array(&arena, all.count + 1, sizeof *passing);
    struct cnt_infos reply = {{passing, 0}};
    for (size_t i = 0; i < all.count; i++)
        if (tenon_field_filter_passes(filter, field_of, (void *)(uintptr_t)&all.list[i]))
            passing[reply.infos.len++] = all.list[i];
    unary_answer(call, &cnt_infos_message, &reply);
}

/* ---- Read ---------------------------------------------------------------- */

static void
send_pieces(struct grpc_call *call, int fd, int64_t offset, int64_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *room = tenon_malloc(PIECE);

    while (size > 0) {
        const int64_t n = tenon_read_full(fd, room, size < PIECE ? (size_t)size : PIECE, &err);
        if (n <= 0) {
            grpc_call_fail(call, GRPC_DATA_LOSS, "%s", err.code ? err.message
                                                                : "the content is cut off");
            return;
        }
        const struct cnt_piece piece = {offset, {room, (size_t)n}};
        if (!unary_send(call, &cnt_piece_message, &piece))
            return;
        offset += n;
        size -= n;
    }
    unary_end(call);
}

void
contentcalls_read(void *server, struct grpc_call *call)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct cnt_read request = {0};
    struct stat st;

    if (!unary_take(call, &arena, &bytes, &cnt_read_message, &request))
        return;
    auto_close int fd = open_content(server, call, request.digest, &st);
    if (fd < 0)
        return;
    /* As containerd has it: what is left, where less is there than was asked for. */
    const int64_t offset = request.offset > 0 ? request.offset : 0;
    const int64_t left = st.st_size - offset;
    if (left < 0) {
        grpc_call_fail(call, GRPC_OUT_OF_RANGE, "content %s has %lld bytes", request.digest,
                       (long long)st.st_size);
        return;
    }
    grpc_call_begin(call, NULL, 0);
    if (lseek(fd, offset, SEEK_SET) < 0)
        grpc_call_fail(call, GRPC_UNKNOWN, "content %s cannot be read", request.digest);
    else
        send_pieces(call, fd, offset,
                    request.size > 0 && request.size < left ? request.size : left);
}

void
contentcalls_refuse(void *server, struct grpc_call *call)
{
    (void)server;
    grpc_call_fail(call, GRPC_PERMISSION_DENIED, "%s: contents can only be read here",
                   grpc_call_path(call));
}
