/* convert/load.c - the build file, the ignore file and the build context. */
#include "load.h"

#include <string.h>

#include <tenon-graph.h>

#include "giturl.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/path.h"
#include "tools/pattern.h"

/* A larger one is not a build file. */
#define BUILD_FILE_MAX ((size_t)16 << 20)

/* Before the name of a local source whose file "context" is an archive. */
#define UPLOAD "upload://"

/* What the context of a request is. */
struct df_context_cache {
    const char *name; /* of the local source */
    struct df_git git;
    bool is_git, is_http, is_archive; /* http: a file from elsewhere, also an upload */
    const char *url;      /* http */
    const char *upload;   /* the local source that has the file, or NULL */
    const struct tenon_named_ref *input; /* of another frontend */
    bool own_file;        /* the build file comes from the context */
    bool ignore_loaded;
    struct df_list ignore;
};

/* Not a directory of the client's. */
static bool
is_elsewhere(const struct df_context_cache *x)
{
    return x->is_git || x->is_http || x->input;
}

static struct df_vertex *
context_source(struct df_plan *p, const struct df_context_cache *x)
{
    if (x->input)
        return df_plan_input(p, x->input->ref);
    if (x->is_git)
        return df_git_source(p, &x->git,
                             df_arena_printf(p->build->arena,
                                             "[internal] load git source %s",
                                             df_option(p->build, x->name)));
    struct df_vertex *v = df_plan_source(
        p, x->url, NULL, "[internal] load remote build context");
    if (x->upload) {
        df_vertex_attr(p, v, "local.sharedkeyhint", x->upload);
        v->transfer = x->upload;
        struct df_paths *follow = df_arena_new(p->build->arena, struct df_paths);
        df_paths_add(p->build->arena, follow, "context");
        v->source.follow = follow;
    } else {
        df_vertex_attr(p, v, "http.filename", "context");
    }
    if (!x->is_archive)
        return v;
    struct df_vertex *unpacked = df_plan_file(p, NULL, NULL);
    struct df_action *copy = df_vertex_action(p, unpacked, DF_DO_COPY);
    copy->from = v;
    copy->src = "/context";
    copy->path = "/";
    copy->flags = TENON_LLB_ATTEMPT_UNPACK;
    return unpacked;
}

static bool
looks_packed(const void *data, size_t len)
{
    static const struct {
        const char *magic;
        size_t len, at;
    } kinds[] = {
        {"BZh", 3, 0},          {"\x1f\x8b\x08", 3, 0},
        {"\xfd" "7zXZ\0", 6, 0}, {"\x28\xb5\x2f\xfd", 4, 0},
        {"ustar", 5, 257},
    };
    for (size_t i = 0; i < tenon_countof(kinds); i++)
        if (len >= kinds[i].at + kinds[i].len &&
            memcmp((const char *)data + kinds[i].at, kinds[i].magic,
                   kinds[i].len) == 0)
            return true;
    return false;
}

static int
find_context(struct df_build *b, struct tenon_error *err)
{
    struct df_context_cache *x = df_arena_new(b->arena, struct df_context_cache);
    const char *key = df_option(b, "contextkey"), *why = NULL;
    x->name = key && *key ? key : "context";
    x->own_file = !df_option(b, "dockerfilekey");
    b->contexts = x;

    const char *url = df_option(b, x->name);
    if (!url || !*url) {
        x->input = df_input(b, "context");
        return 0;
    }
    bool keep;
    const char *arg = df_option(b, "build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR");
    switch (df_git_parse(b->arena, url, false, &x->git, &why)) {
    case DF_GIT_BAD:
        return df_fail(b, err, (struct df_lines){0}, "%s", why);
    case DF_GIT_YES:
        x->is_git = true;
        if (arg && tenon_parse_bool(arg, &keep) && keep)
            x->git.keep_git_dir = 1;
        return 0;
    case DF_GIT_NO:
        break;
    }
    if (tenon_has_prefix(url, UPLOAD)) {
        x->is_http = x->is_archive = true;
        x->upload = url + strlen(UPLOAD);
        x->url = df_arena_printf(b->arena, "local://%s", x->upload);
        return 0;
    }
    if (!tenon_has_prefix(url, "http://") && !tenon_has_prefix(url, "https://")) {
        x->input = df_input(b, "context");
        return 0;
    }

    x->is_http = true;
    x->url = url;
    struct df_plan plan = {.build = b};
    struct tenon_ref *ref = NULL;
    int rc = df_plan_emit(&plan, context_source(&plan, x), &ref, err);
    if (rc < 0)
        return b->host->error->context(err, "failed to resolve httpcontext");
    const void *data = NULL;
    size_t len = 0;
    rc = b->bridge->read_file(b->ctx, ref, "context", 0, &data, &len, err);
    if (rc == TENON_E_LIMIT) { /* nobody writes a build file of that size */
        b->host->error->clear(err);
        x->is_archive = true;
    } else if (rc < 0) {
        return b->host->error->context(err, "failed to read downloaded context");
    } else {
        x->is_archive = looks_packed(data, len);
    }
    return 0;
}

static struct df_vertex *
build_file_source(struct df_plan *p, const struct df_context_cache *x,
                  const char *filename, bool any_case)
{
    struct df_build *b = p->build;
    const char *local = df_option(b, "dockerfilekey");
    if (x->own_file && (x->is_git || x->is_http))
        return context_source(p, x);
    const struct tenon_named_ref *input = local ? NULL : df_input(b, "dockerfile");
    if (input)
        return df_plan_input(p, input->ref);
    if (!local)
        local = "dockerfile";
    struct df_vertex *v = df_plan_source(
        p, df_arena_printf(b->arena, "local://%s", local), NULL,
        df_arena_printf(b->arena, "[internal] load build definition from %s",
                        filename));
    df_vertex_attr(p, v, "local.sharedkeyhint", local);
    df_local_session(p, v, local);
    df_vertex_attr(p, v, "local.differ", "none");
    v->transfer = local;
    struct df_paths *follow = df_arena_new(b->arena, struct df_paths);
    df_paths_add(b->arena, follow, filename);
    df_paths_add(b->arena, follow,
                 df_arena_printf(b->arena, "%s.dockerignore", filename));
    if (any_case) {
        size_t dir = strlen(filename) - strlen("Dockerfile");
        df_paths_add(b->arena, follow,
                     df_arena_printf(b->arena, "%.*sdockerfile", (int)dir,
                                     filename));
    }
    v->source.follow = follow;
    return v;
}

static int
read_ignore_text(struct df_build *b, const void *text, size_t len,
                 struct df_list *out)
{
    char **lines = tenon_ignore_parse(text, len);
    for (char **l = lines; l && *l; l++)
        df_list_add(b->arena, out, df_arena_strdup(b->arena, *l));
    tenon_strv_free(lines);
    return 0;
}

/* A policy that came with the context must be obeyed or said no to; one of this machine is
 * the caller's matter. */
static int
refuse_policy(struct df_build *b, struct tenon_ref *context, const char *filename,
              struct tenon_error *err)
{
    const struct df_context_cache *x = b->contexts;
    const char *policy = df_option(b, "policy-file");
    if (!policy || strcmp(policy, "refuse") != 0 || !x->own_file || x->upload ||
        !(x->is_git || x->is_archive))
        return 0;
    const char *name = df_arena_printf(b->arena, "%s.rego", filename);
    struct tenon_stat there = { .struct_size = sizeof there };
    int rc = b->bridge->stat(b->ctx, context, name, &there, err);
    if (rc == TENON_E_CANCELLED)
        return rc;
    if (rc == TENON_E_NOT_FOUND) {
        b->host->error->clear(err);
        return 0;
    }
    b->host->error->clear(err);
    rc = b->host->error->set(err, TENON_E_UNSUPPORTED, 0,
                             "%s in the context: source policies in Rego "
                             "are not supported yet, and the build would not be held to this one",
                             name);
    b->host->error->hint(err, "--policy disabled=true builds without it");
    return rc;
}

int
df_load_build_file(struct df_build *b, struct tenon_error *err)
{
    int rc = find_context(b, err);
    if (rc < 0)
        return rc;
    struct df_context_cache *x = b->contexts;
    const char *filename = df_option(b, "filename");
    if (!filename || !*filename)
        filename = "Dockerfile";
    if (x->is_http && !x->is_archive && x->own_file)
        filename = "context";
    const char *base = strrchr(filename, '/');
    bool any_case = strcmp(base ? base + 1 : filename, "Dockerfile") == 0;

    struct df_plan plan = {.build = b};
    struct df_vertex *v = build_file_source(&plan, x, filename, any_case);
    struct tenon_ref *ref = NULL;
    rc = df_plan_emit(&plan, v, &ref, err);
    if (rc < 0)
        return b->host->error->context(err, "failed to resolve dockerfile");
    b->definition = v ? b->host->graph->node_digest(v->node, err) : NULL;
    if (v && !b->definition)
        return b->host->error->code(err);
    if (v && v->op == DF_OP_SOURCE && !(x->own_file && (x->is_git || x->is_http)))
        b->definition_op = b->host->graph->node_bytes(v->node, &b->definition_len, err);

    const char *found = filename;
    const void *text = NULL;
    size_t len = 0;
    rc = b->bridge->read_file(b->ctx, ref, filename, BUILD_FILE_MAX, &text, &len,
                             err);
    if (rc == TENON_E_NOT_FOUND && any_case) {
        const char *why = df_arena_strdup(b->arena, b->host->error->text(err));
        size_t dir = strlen(filename) - strlen("Dockerfile");
        b->host->error->clear(err);
        found = df_arena_printf(b->arena, "%.*sdockerfile", (int)dir, filename);
        rc = b->bridge->read_file(b->ctx, ref, found, BUILD_FILE_MAX, &text, &len, err);
        /* Errors are about the name that was asked for. One that is not about names comes twice,
         * and keeps its details. */
        if (rc < 0 && strcmp(b->host->error->text(err), why) != 0)
            b->host->error->set(err, rc, 0, "%s", why);
    }
    if (rc < 0)
        return b->host->error->context(err, "failed to read dockerfile");
    rc = refuse_policy(b, ref, found, err);
    if (rc < 0)
        return rc;
    const void *from;
    size_t from_len;
    rc = b->bridge->definition(b->ctx, ref, &from, &from_len, err);
    if (rc < 0)
        return rc;
    b->filename = filename;
    b->text = len ? text : "";
    b->text_len = len;
    b->source = b->host->graph->source_from(b->graph, filename, "Dockerfile", b->text, len, from,
                                            from_len);
    b->have_source = true;

    const char *ignore = df_arena_printf(b->arena, "%s.dockerignore", filename);
    rc = b->bridge->read_file(b->ctx, ref, ignore, BUILD_FILE_MAX, &text, &len,
                             err);
    if (rc == 0) {
        x->ignore_loaded = true;
        return read_ignore_text(b, text, len, &x->ignore);
    }
    b->host->error->clear(err);
    return 0;
}

int
df_load_local_ignore(struct df_build *b, const char *local, const char *hint,
                     const char *name, struct df_list *out,
                     struct tenon_error *err)
{
    struct df_plan plan = {.build = b};
    struct df_vertex *v = df_plan_source(
        &plan, df_arena_printf(b->arena, "local://%s", local), NULL, name);
    df_vertex_attr(&plan, v, "local.sharedkeyhint", hint);
    df_local_session(&plan, v, local);
    df_vertex_attr(&plan, v, "local.differ", "none");
    v->transfer = local;
    struct df_paths *follow = df_arena_new(b->arena, struct df_paths);
    df_paths_add(b->arena, follow, ".dockerignore");
    v->source.follow = follow;

    struct tenon_ref *ref = NULL;
    const void *text = NULL;
    size_t len = 0;
    int rc = df_plan_emit(&plan, v, &ref, err);
    if (rc < 0)
        return rc;
    rc = b->bridge->read_file(b->ctx, ref, ".dockerignore", BUILD_FILE_MAX, &text,
                             &len, err);
    if (rc == TENON_E_NOT_FOUND) {
        b->host->error->clear(err);
        return 0;
    }
    return rc < 0 ? rc : read_ignore_text(b, text, len, out);
}

int
df_load_ignore(struct df_build *b, const struct df_list **lines,
               struct tenon_error *err)
{
    struct df_context_cache *x = b->contexts;
    static const struct df_list none;
    if (is_elsewhere(x)) {
        *lines = &none;
        return 0;
    }
    if (!x->ignore_loaded) {
        int rc = df_load_local_ignore(
            b, x->name, df_arena_printf(b->arena, "%s-.dockerignore", x->name),
            "[internal] load .dockerignore", &x->ignore, err);
        if (rc < 0)
            return rc;
        x->ignore_loaded = true;
    }
    *lines = &x->ignore;
    return 0;
}

int
df_load_context(struct df_plan *p, const struct df_paths *used,
                const struct df_list *exclude, struct df_vertex **out,
                struct tenon_error *err)
{
    struct df_build *b = p->build;
    const struct df_context_cache *x = b->contexts;
    (void)err;
    if (is_elsewhere(x)) {
        struct df_vertex *v = context_source(p, x);
        const char *sub = df_option(b, "contextsubdir");
        if (sub && *sub) {
            struct df_vertex *scoped = df_plan_file(p, NULL, NULL);
            struct df_action *copy = df_vertex_action(p, scoped, DF_DO_COPY);
            auto_free char *clean = tenon_path_join("/", sub);
            copy->from = v;
            copy->src = df_arena_strdup(b->arena, clean);
            copy->path = "/";
            copy->flags = TENON_LLB_DIR_COPY_CONTENTS;
            v = scoped;
        }
        *out = v;
        return 0;
    }
    struct df_vertex *v = df_plan_source(
        p, df_arena_printf(b->arena, "local://%s", x->name), NULL,
        "[internal] load build context");
    df_vertex_attr(p, v, "local.sharedkeyhint", x->name);
    df_local_session(p, v, x->name);
    v->transfer = x->name;
    v->source.follow = used;
    v->source.exclude = exclude;
    *out = v;
    return 0;
}
