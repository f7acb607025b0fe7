/* convert/epoch.c - SOURCE_DATE_EPOCH: seconds, or where to take them from. */
#include <string.h>
#include <sys/stat.h>

#include <tenon-graph.h>

#include "convert.h"
#include "giturl.h"
#include "named.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/path.h"

static int
set_seconds(struct df_convert *c, int64_t seconds, struct tenon_error *err)
{
    int64_t ns;
    if (__builtin_mul_overflow(seconds, INT64_C(1000000000), &ns))
        return df_fail(c->build, err, (struct df_lines){0},
                       "invalid SOURCE_DATE_EPOCH: %lld", (long long)seconds);
    auto_free char *text = tenon_format_time(ns);
    c->epoch = df_arena_strdup(c->arena, text);
    c->epoch_ns = ns;
    c->epoch_text = df_arena_printf(c->arena, "%lld", (long long)seconds);
    return 0;
}

static bool
parse_decimal(const char *text, int64_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    while (digits[0] == '0' && digits[1])
        digits++; /* leading zeros do not mean octal here */
    int64_t v;
    if (*digits < '0' || *digits > '9' || !tenon_parse_i64(digits, &v))
        return false;
    *out = *text == '-' ? -v : v;
    return true;
}

/* ---- the time of a source ------------------------------------------------------- */

enum { ARCHIVE_DIRS_MAX = 100000 };

/* What has a time: a commit, what a server gives with Last-Modified, or the files of an archive. */
struct origin {
    bool is_git;
    struct df_git git;
    const char *url; /* http */
};

static bool
parse_origin(struct df_convert *c, const char *text, struct origin *out)
{
    const char *why = NULL;
    memset(out, 0, sizeof *out);
    switch (df_git_parse(c->arena, text, false, &out->git, &why)) {
    case DF_GIT_YES:
        out->is_git = true;
        out->git.mtime = "commit"; /* every entry of the tree has that time then */
        return true;
    case DF_GIT_BAD:
        return false; /* reported where it is used */
    case DF_GIT_NO:
        break;
    }
    out->url = text;
    return tenon_has_prefix(text, "http://") || tenon_has_prefix(text, "https://");
}

#define DOWNLOAD "source" /* the name of its file */

static struct df_vertex *
plan_download(struct df_plan *plan, const char *url, const char *title)
{
    struct df_vertex *v = df_plan_source(plan, url, NULL, title);

    df_vertex_attr(plan, v, "http.filename", DOWNLOAD);
    return v;
}

/* The latest time of a file in the tree, in seconds. */
static int
latest_in(struct df_build *b, struct tenon_ref *ref, int64_t *seconds, struct tenon_error *err)
{
    struct df_list dirs = {0};
    const struct tenon_stat *const *e;
    size_t count;

    df_list_add(b->arena, &dirs, df_arena_strdup(b->arena, "/"));
    for (size_t i = 0; i < dirs.len; i++) {
        const char *dir = dirs.items[i];
        if (b->bridge->read_dir(b->ctx, ref, dir, &e, &count, err) < 0)
            return b->host->error->code(err);
        for (size_t k = 0; k < count; k++) {
            const int64_t at = e[k]->mtime_ns / INT64_C(1000000000);
            if (S_ISDIR(e[k]->mode))
                df_list_add(b->arena, &dirs,
                            df_arena_printf(b->arena, "%s%s/", dir, tenon_path_base(e[k]->path)));
            else if (S_ISREG(e[k]->mode) && at > *seconds)
                *seconds = at;
        }
        if (dirs.len > ARCHIVE_DIRS_MAX)
            return b->host->error->set(err, TENON_E_LIMIT, 0, "more than %d directories",
                                       ARCHIVE_DIRS_MAX);
    }
    return 0;
}

/* Of a download that has no time, and may be an archive whose files have some: *seconds is that of
 * the latest; 0: it is none.  What is not unpacked is the one file that it was. */
static int
archive_time(struct df_convert *c, const struct origin *o, const struct tenon_stat *download,
             const char *title, int64_t *seconds, struct tenon_error *err)
{
    struct df_build *b = c->build;
    struct df_plan plan = {.build = b};
    struct df_vertex *v = plan_download(&plan, o->url, title);
    struct df_vertex *unpacked = df_plan_file(&plan, NULL, title);
    struct df_action *copy = df_vertex_action(&plan, unpacked, DF_DO_COPY);
    struct tenon_ref *ref = NULL;
    const struct tenon_stat *const *e = NULL;
    size_t count = 0;

    copy->from = v;
    copy->src = "/" DOWNLOAD;
    copy->path = "/";
    copy->flags = TENON_LLB_ATTEMPT_UNPACK;
    if (df_plan_emit(&plan, unpacked, &ref, err) < 0 ||
        b->bridge->read_dir(b->ctx, ref, "/", &e, &count, err) < 0)
        return b->host->error->code(err);
    if (count == 1 && e[0]->size == download->size &&
        !strcmp(tenon_path_base(e[0]->path), DOWNLOAD))
        return 0;
    return latest_in(b, ref, seconds, err);
}

/* *seconds 0: neither the server says, nor what it sent. */
static int
origin_time(struct df_convert *c, const struct origin *o, const char *name, int64_t *seconds,
            struct tenon_error *err)
{
    struct df_build *b = c->build;
    struct df_plan plan = {.build = b};
    const char *title = df_arena_printf(c->arena, "[internal] load the time of %s", name);
    struct df_vertex *v = o->is_git ? df_git_source(&plan, &o->git, title)
                                    : plan_download(&plan, o->url, title);
    struct tenon_ref *ref = NULL;
    const struct tenon_stat *const *entries = NULL;
    size_t count = 0;
    if (df_plan_emit(&plan, v, &ref, err) < 0 ||
        b->bridge->read_dir(b->ctx, ref, "/", &entries, &count, err) < 0)
        return b->host->error->context(err, "SOURCE_DATE_EPOCH");
    *seconds = count ? entries[0]->mtime_ns / INT64_C(1000000000) : 0;
    if (*seconds <= 0 && count && !o->is_git &&
        archive_time(c, o, entries[0], title, seconds, err) < 0)
        return b->host->error->context(err, "SOURCE_DATE_EPOCH");
    return 0;
}

/* The one source of a stage that ADDs it and does nothing else, or NULL. */
static const char *
added_source(const struct df_convert *c, const char *stage)
{
    for (size_t i = c->file->stages_len; i-- > 0;) { /* a later one hides the earlier */
        const struct df_stage *s = &c->file->stages[i];
        if (strcasecmp(s->name, stage))
            continue;
        const struct df_command *only = s->len == 1 ? s->commands[0] : NULL;
        bool fits = only && only->kind == DF_ADD && strcasecmp(s->base, "scratch") == 0 &&
                    only->copy.sources.len == 1 && !only->copy.contents_len;
        return fits && !strchr(only->copy.sources.items[0], '$') ? only->copy.sources.items[0]
                                                                 : NULL;
    }
    return NULL;
}

static bool
is_stage(const struct df_convert *c, const char *name)
{
    for (size_t i = 0; i < c->file->stages_len; i++)
        if (!strcasecmp(c->file->stages[i].name, name))
            return true;
    return false;
}

/* What the name stands for as the reader of the file sees it: the build context, a
 * named context, a stage.  False when there is nothing that has a time. */
static bool
find_origin(struct df_convert *c, const char *name, struct origin *o, struct tenon_error *err)
{
    const char *text = NULL;
    struct df_named *named = NULL;
    if (strcmp(name, "context") == 0) {
        const char *key = df_option(c->build, "contextkey");
        text = df_option(c->build, key && *key ? key : "context");
    } else {
        if (df_named_find(c, name, NULL, &named, err) < 0)
            c->build->host->error->clear(err); /* no name of a context */
        text = named ? named->input : added_source(c, name);
    }
    return text && *text && parse_origin(c, text, o);
}

/* ------------------------------------------------------------------------------------ */

static int
set_from_source(struct df_convert *c, const char *name, struct tenon_error *err)
{
    struct origin o;
    int64_t seconds = 0;
    bool found = find_origin(c, name, &o, err);
    if (found && origin_time(c, &o, name, &seconds, err) < 0)
        return c->build->host->error->code(err);
    if (seconds > 0)
        return set_seconds(c, seconds, err);
    if (strcmp(name, "context") == 0)
        return 0; /* a local directory has no time of its own */
    if (found)
        return df_fail(c->build, err, (struct df_lines){0},
                       "invalid SOURCE_DATE_EPOCH: the server does not say when %s was modified",
                       name);
    if (is_stage(c, name))
        return df_fail(c->build, err, (struct df_lines){0}, "SOURCE_DATE_EPOCH stage does not meet "
                       "source-only requirements: %s is more than one ADD of a URL", name);
    return df_fail(c->build, err, (struct df_lines){0}, "invalid SOURCE_DATE_EPOCH: %s", name);
}

int
df_epoch_resolve(struct df_convert *c, struct tenon_error *err)
{
    const char *given = df_build_arg(c->build, "SOURCE_DATE_EPOCH");
    const char *value = given ? given : df_vars_get(&c->globals, "SOURCE_DATE_EPOCH");
    int64_t seconds;
    if (!value || (!given && !*value))
        return 0;
    if (*value && parse_decimal(value, &seconds)) {
        int rc = set_seconds(c, seconds, err);
        if (rc < 0)
            return rc;
    } else if (*value) {
        int rc = set_from_source(c, value, err);
        if (rc < 0)
            return rc;
    }
    c->source_epoch_given = given != NULL;
    c->source_epoch = c->epoch_text;
    if (df_vars_get(&c->globals, "SOURCE_DATE_EPOCH")) {
        if (c->epoch_text)
            df_vars_set(c->arena, &c->globals, "SOURCE_DATE_EPOCH", c->epoch_text);
        else
            df_vars_delete(c->arena, &c->globals, "SOURCE_DATE_EPOCH");
    }
    return 0;
}
