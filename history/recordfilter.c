/* history/recordfilter.c - BuildKit's filters on records. */
#include <string.h>

#include "base/io.h"
#include "records.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"

#define NS_PER_S INT64_C(1000000000)

enum when { STARTED, COMPLETED, DURATION };

struct limit { /* of a time, in seconds, or of a duration, in nanoseconds */
    enum when of;
    char op[3];
    int64_t value;
};

struct terms { /* one filter: all of it */
    TENON_VEC(struct limit) limits;
    struct tenon_field_filter *fields; /* or NULL */
};

struct record_filter {
    TENON_VEC(struct terms) any;
};

void
record_filter_free(struct record_filter *f)
{
    if (!f)
        return;
    tenon_vec_foreach(t, &f->any) {
        tenon_vec_release(&t->limits);
        tenon_field_filter_free(t->fields);
    }
    tenon_vec_release(&f->any);
    free(f);
}

/* ---- reading ------------------------------------------------------------- */

static bool
parse_value(enum when of, const char *text, int64_t *out)
{
    int64_t ns;

    if (tenon_parse_duration(text, &ns)) {
        *out = of == DURATION ? ns : ((int64_t)tenon_now_ns() - ns) / NS_PER_S;
        return true;
    }
    if (of == DURATION || !tenon_parse_time(text, &ns))
        return false;
    *out = ns / NS_PER_S;
    return true;
}

/* False: it is none of these; *why: it is, and wrong. */
static bool
take_limit(struct terms *t, const char *text, char **why)
{
    static const char *const names[] = {
        [STARTED] = "startedAt", [COMPLETED] = "completedAt", [DURATION] = "duration"};

    for (size_t i = 0; i < tenon_countof(names); i++) {
        const size_t len = strlen(names[i]), op = strspn(text + strcspn(text, "<>"), "<>=");
        if (strcspn(text, "<>") != len || strncmp(text, names[i], len) || op > 2)
            continue;
        struct limit l = {.of = (enum when)i};
        memcpy(l.op, text + len, op);
        if (!parse_value(l.of, text + len + op, &l.value))
            *why = tenon_asprintf("filter \"%s\": invalid %s", text,
                                  i == DURATION ? "duration" : "time");
        tenon_vec_push(&t->limits, l);
        return true;
    }
    return false;
}

static void
read_terms(struct terms *t, const char *text, char **why)
{
    auto_strv char **fields = *text ? tenon_comma_fields(text, why) : NULL;
    auto_buf struct tenon_buf rest = TENON_BUF_INIT;
    size_t others = 0;

    for (char **f = fields; !*why && f && *f; f++)
        if (!take_limit(t, *f, why))
            tenon_buf_addf(&rest, "%s%s", others++ ? "," : "", *f);
    const char *all = tenon_buf_str(&rest);
    if (!*why && others)
        t->fields = tenon_field_filter_new(&all, 1, why);
}

struct record_filter *
record_filter_new(const char *const *texts, size_t count, char **why)
{
    struct record_filter *f = tenon_new0(struct record_filter);

    *why = NULL;
    if (count > TENON_FIELD_FILTERS_MAX)
        *why = tenon_asprintf("more than %d filters", TENON_FIELD_FILTERS_MAX);
    for (size_t i = 0; !*why && i < count; i++)
        read_terms(tenon_vec_add(&f->any), texts[i], why);
    if (!*why)
        return f;
    record_filter_free(f);
    return NULL;
}

/* ---- asking -------------------------------------------------------------- */

/* What buildx knows it by; a context that is a repository is named without its part. */
static const char *
repository(const struct ctl_record *r, char *room, size_t size)
{
    const char *source = records_option(r, "vcs:source"), *context = records_option(r, "context");
    const char *scheme = context ? strstr(context, "://") : NULL;

    if (source)
        return source;
    const bool is_git = context && (tenon_has_prefix(context, "git@") ||
                                    tenon_has_prefix(context, "git://") ||
                                    tenon_has_prefix(context, "ssh://") ||
                                    (scheme && strstr(context, ".git")));
    if (!is_git || strcspn(context, "#") >= size)
        return NULL;
    memcpy(room, context, strcspn(context, "#"));
    room[strcspn(context, "#")] = '\0';
    return room;
}

struct asked {
    const struct ctl_record *record;
    char room[1024];
};

static const char *
field_of(void *data, const char *const *path, size_t parts)
{
    struct asked *a = data;

    (void)parts;
    if (!strcmp(path[0], "ref"))
        return a->record->ref;
    if (!strcmp(path[0], "status"))
        return records_status(a->record);
    return strcmp(path[0], "repository") ? NULL : repository(a->record, a->room, sizeof a->room);
}

static bool
is_within(const struct limit *l, const struct ctl_record *r)
{
    const int64_t started = records_ns(r->created), completed = records_ns(r->completed);
    const int64_t value = l->of == STARTED     ? started / NS_PER_S
                          : l->of == COMPLETED ? completed / NS_PER_S
                          : completed          ? completed - started : 0;

    return !strcmp(l->op, ">=")   ? value >= l->value
           : !strcmp(l->op, "<=") ? value <= l->value
           : !strcmp(l->op, ">")  ? value > l->value : value < l->value;
}

static bool
passes(const struct terms *t, const struct ctl_record *r)
{
    struct asked asked = {.record = r};

    tenon_vec_foreach(l, &t->limits)
        if (!is_within(l, r))
            return false;
    return !t->fields || tenon_field_filter_passes(t->fields, field_of, &asked);
}

bool
record_filter_passes(const struct record_filter *f, const struct ctl_record *r)
{
    tenon_vec_foreach(t, &f->any)
        if (passes(t, r))
            return true;
    return f->any.len == 0;
}
