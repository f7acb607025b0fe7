/* serve/usagecalls.c - rows of the store's usage as BuildKit's clients know them. */
#include "usagecalls.h"

#include <string.h>

#include "base/io.h"
#include "ctlmessages.h"
#include "server.h"
#include "store/store.h"
#include "tools/comma.h"
#include "tools/fieldfilter.h"
#include "unary.h"

/* BuildKit's words: what it has no word for, it would keep for itself. */
static const char *
type_of(const struct tenon_usage_row *r)
{
    static const char *const types[] = {"regular", "internal", "frontend", "source.local",
                                        "source.git.checkout", "exec.cachemount"};

    for (size_t i = 0; i < tenon_countof(types); i++)
        if (tenon_streq(r->type, types[i]))
            return types[i];
    return r->type ? "internal" : "regular";
}

/* Records of builds are asked for by other calls, and what images with a name consist of is no
 * cache: clients expect nothing to be left where all was pruned. */
static bool
is_told(const struct tenon_usage_row *r)
{
    return !r->is_named && !tenon_streq(r->type, "history");
}

static const char *
yes(bool is)
{
    return is ? "" : NULL;
}

static const char *
text(const char *value)
{
    return value && *value ? value : NULL;
}

static const char *
field_of(void *data, const char *const *path, size_t parts)
{
    const struct tenon_usage_row *r = data;
    const struct { const char *name, *value; } fields[] = {
        {"id", text(r->id)}, {"parents", text(r->parents)},
        {"description", text(r->description)}, {"inuse", yes(r->in_use)},
        {"mutable", yes(r->is_mutable)}, {"immutable", yes(!r->is_mutable)},
        {"type", type_of(r)}, {"shared", yes(r->shared)}, {"private", yes(!r->shared)},
    };

    (void)parts; /* the first one is the field */
    for (size_t i = 0; i < tenon_countof(fields); i++)
        if (!strcmp(path[0], fields[i].name))
            return fields[i].value;
    return NULL;
}

static bool
passes(void *filter, const struct tenon_usage_row *row)
{
    return is_told(row) &&
           tenon_field_filter_passes(filter, field_of, (void *)(uintptr_t)row);
}

/* NULL: the call is over. */
static struct tenon_field_filter *
filter_of(struct grpc_call *call, const struct message_list *texts)
{
    auto_free char *why = NULL;
    struct tenon_field_filter *f = tenon_field_filter_new(texts->items, texts->len, &why);

    if (!f)
        grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "%s: %s", grpc_call_path(call), why);
    return f;
}

static struct ctl_usage
record_of(struct tenon_arena *a, const struct tenon_usage_row *r)
{
    const char **parents = NULL;
    size_t count = 0;

    if (text(r->parents)) {
        char *rest = tenon_arena_strdup(a, r->parents), *save = NULL;
        for (char *p = strtok_r(rest, ";", &save); p; p = strtok_r(NULL, ";", &save)) {
            parents = tenon_arena_grow(a, parents, count, sizeof *parents);
            parents[count++] = p;
        }
    }
    return (struct ctl_usage){
        .id = r->id, .is_mutable = r->is_mutable, .in_use = r->in_use, .size = r->size_bytes,
        .created = unary_time(a, r->created_ns), .last_used = unary_time(a, r->last_used_ns),
        .use_count = r->use_count, .description = r->description, .type = type_of(r),
        .shared = r->shared, .parents = {parents, count},
    };
}

static void
tell_usage(struct grpc_call *call, const struct tenon_usage_row *rows, size_t count,
           const struct tenon_field_filter *filter, int64_t age_limit)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct ctl_usage *list = tenon_arena_array(&arena, count + 1, sizeof *list);
    struct ctl_usages all = {{list, 0}};
    const int64_t now = (int64_t)tenon_now_ns();

    for (size_t i = 0; i < count; i++)
        if (passes((void *)(uintptr_t)filter, &rows[i]) &&
            (age_limit <= 0 || now - rows[i].last_used_ns >= age_limit))
            list[all.records.len++] = record_of(&arena, &rows[i]);
    unary_answer(call, &ctl_usages_message, &all);
}

void
usagecalls_disk_usage(void *server, struct grpc_call *call)
{
    const struct server *s = server;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct ctl_disk_usage request = {0};
    struct tenon_store *store = NULL;
    struct tenon_usage_row *rows = NULL;
    size_t count = 0;

    if (!unary_take(call, &arena, &bytes, &ctl_disk_usage_message, &request))
        return;
    auto_field_filter struct tenon_field_filter *filter = filter_of(call, &request.filters);
    if (!filter)
        return;
    if (s->setup->open_store(s->setup->data, &store, &err) < 0 ||
        tenon_usage_list(store, &rows, &count, &err) < 0)
        grpc_call_fail(call, GRPC_UNKNOWN, "%s", err.message);
    else
        tell_usage(call, rows, count, filter, request.age_limit);
    tenon_usage_free(rows, count);
    tenon_store_close(store);
}

/* ---- Prune --------------------------------------------------------------- */

static bool
is_sensible(struct grpc_call *call, const struct ctl_prune *r)
{
    if (r->keep_duration >= 0 && r->reserved >= 0 && r->max_used >= 0 && r->min_free >= 0)
        return true;
    grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "Prune: a time or a size below zero");
    return false;
}

static void
tell_removed(struct grpc_call *call, const struct tenon_usage_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
        const struct ctl_usage record = record_of(&arena, &rows[i]);
        if (!unary_send(call, &ctl_usage_message, &record))
            return;
    }
    unary_end(call);
}

void
usagecalls_prune(void *server, struct grpc_call *call)
{
    const struct server *s = server;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct ctl_prune request = {0};
    struct tenon_store *store = NULL;
    struct tenon_usage_row *rows = NULL;
    size_t count = 0;

    if (!unary_take(call, &arena, &bytes, &ctl_prune_message, &request) ||
        !is_sensible(call, &request))
        return;
    auto_field_filter struct tenon_field_filter *filter = filter_of(call, &request.filters);
    if (!filter)
        return;
    const struct tenon_prune_options options = {
        .all = request.all,
        .keep_bytes = request.reserved,
        .max_bytes = request.max_used,
        .min_free_bytes = request.min_free,
        .older_than_ns = request.keep_duration,
        .passes = request.filters.len ? passes : NULL,
        .passes_data = filter,
    };
    grpc_call_begin(call, NULL, 0);
    if (s->setup->open_store(s->setup->data, &store, &err) < 0 ||
        tenon_prune(store, &options, &rows, &count, &err) < 0)
        grpc_call_fail(call, GRPC_UNKNOWN, "%s", err.message);
    else
        tell_removed(call, rows, count);
    tenon_usage_free(rows, count);
    tenon_store_close(store);
}
