/* cli/buildrecord.c - what the user asked for and what became of it, for `tenon history`. */
#include "buildrecord.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "discreet.h"
#include "recorder.h"
#include "tools/alloc.h"
#include "tools/conceal.h"

#define NS_PER_S INT64_C(1000000000)

struct build_record {
    struct tenon_engine *engine;
    struct recorder *recorder;
    struct ctl_record record;
    struct ctl_time created;
};

/* A directory by its whole name, a URL without what is secret; nothing of standard input. */
static const char *
context_of(const struct build_flags *f, struct tenon_arena *a)
{
    char path[PATH_MAX];

    if (!f->context || !strcmp(f->context, "-"))
        return NULL;
    if (!strstr(f->context, "://") && realpath(f->context, path))
        return tenon_arena_strdup(a, path);
    auto_free char *shown = tenon_url_conceal(f->context);
    return tenon_arena_strdup(a, shown);
}

struct build_record *
build_record_new(const struct build_flags *f, struct tenon_engine *engine)
{
    const int64_t now = (int64_t)tenon_now_ns();

    if (f->call || f->check || f->locks || f->repro_check)
        return NULL;
    struct build_record *r = tenon_new0(struct build_record);
    r->engine = engine;
    r->recorder = recorder_new(engine->store, engine->build_id);
    r->created = (struct ctl_time){now / NS_PER_S, now % NS_PER_S};
    r->record.context = context_of(f, recorder_arena(r->recorder));
    return r;
}

void
build_record_free(struct build_record *r)
{
    if (!r)
        return;
    recorder_free(r->recorder);
    free(r);
}

void
build_record_event(void *data, const struct tenon_event *ev)
{
    struct build_record *r = data;

    recorder_event(r->recorder, ev);
}

void
build_record_outcome(void *data, struct tenon_build *b)
{
    struct build_record *r = data;

    if (r)
        recorder_outcome(r->recorder, &r->record, r->engine, tenon_build_result(b));
}

static struct message_list
exporters_of(const struct tenon_build_request *request, struct tenon_arena *a)
{
    struct ctl_typed *list = tenon_arena_array(a, request->export_count + 1, sizeof *list);

    for (size_t i = 0; i < request->export_count; i++)
        list[i] = (struct ctl_typed){
            request->exports[i].type,
            discreet_texts(a, (const char *const *)request->exports[i].pairs)};
    return (struct message_list){list, request->export_count};
}

void
build_record_finish(struct build_record *r, const struct tenon_build_request *request,
                    const struct tenon_build *b, const struct tenon_error *end)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    if (!r)
        return;
    struct tenon_arena *a = recorder_arena(r->recorder);
    r->record.frontend = "dockerfile.v0";
    r->record.options = discreet_texts(a, request->options);
    r->record.exporters = exporters_of(request, a);
    r->record.created = &r->created;
    r->record.build_id = r->engine->build_id;
    if (end->code)
        recorder_failed(r->recorder, &r->record, end, b);
    if (recorder_finish(r->recorder, &r->record, &err) < 0)
        tenon_log(TENON_LOG_DEBUG, "the build has no record: %s", err.message);
}
