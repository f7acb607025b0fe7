/* convert/dispatch_copy.c - COPY and ADD: one file vertex with an action a source. */
#include <ctype.h>
#include <string.h>

#include <tenon-graph.h>

#include "convert.h"
#include "foreign.h"
#include "giturl.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/parse.h"
#include "tools/path.h"

struct copying {
    struct df_dispatch *d;
    struct df_action *first, **end; /* until the vertex is planned */
    struct df_vertex *from;         /* where plain sources come from */
    bool local;                     /* that is the build context */
    const char *dest, *name;
    const char *user, *group, *mode_str;
    int64_t mode;
};

static struct df_action *
action(struct copying *x, struct df_vertex *from, const char *src, uint32_t flags)
{
    struct df_dispatch *d = x->d;
    struct df_action *a = df_arena_new(d->c->arena, struct df_action);
    a->kind = DF_DO_COPY;
    a->from = from;
    a->src = src;
    a->path = x->dest;
    a->flags = flags | TENON_LLB_CREATE_DEST_PATH;
    a->mode = x->mode;
    a->mode_str = x->mode_str;
    a->user = x->user;
    a->group = x->group;
    a->exclude = d->cmd->copy.exclude;
    *x->end = a;
    x->end = &a->next;
    return a;
}

/* [ugoa]*([-+=][rwxXstugo]*)+, separated by commas. */
static bool
symbolic_ok(const char *s)
{
    for (;;) {
        s += strspn(s, "ugoa");
        if (!*s || !strchr("+-=", *s))
            return false;
        while (*s && strchr("+-=", *s)) {
            s++;
            s += strspn(s, "rwxXstugo");
        }
        if (!*s)
            return true;
        if (*s++ != ',')
            return false;
    }
}

static int
read_mode(struct copying *x)
{
    const char *text = x->d->cmd->copy.chmod;
    uint64_t mode;
    x->mode = -1;
    if (!*text)
        return 0;
    if (isdigit((unsigned char)*text)) {
        if (!tenon_parse_u64(text, 8, &mode) || mode > 07777)
            return df_dispatch_fail(x->d,
                                    "invalid chmod parameter: '%s'. it should be "
                                    "octal string and between 0 and 07777", text);
        x->mode = (int64_t)mode;
        return 0;
    }
    if (!symbolic_ok(text))
        return df_dispatch_fail(x->d, "invalid syntax");
    x->mode_str = text;
    return 0;
}

static bool
is_http(const char *src)
{
    return tenon_has_prefix(src, "http://") || tenon_has_prefix(src, "https://");
}

/* What go-digest says of a malformed digest, or NULL. */
static const char *
digest_problem(const char *text)
{
    static const struct {
        const char *name;
        size_t len;
    } kinds[] = {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};
    const char *colon = strchr(text, ':');
    if (!colon || colon == text || !colon[1])
        return "invalid checksum digest format";
    for (size_t i = 0; i < tenon_countof(kinds); i++) {
        if (!tenon_has_prefix(text, kinds[i].name))
            continue;
        const char *hex = colon + 1;
        if (strlen(hex) != kinds[i].len)
            return "invalid checksum digest length";
        return strspn(hex, "0123456789abcdef") == kinds[i].len ?
                   NULL : "invalid checksum digest format";
    }
    return "unsupported digest algorithm";
}

/* The last part of the URL's path. */
static const char *
url_file(struct df_arena *a, const char *url)
{
    const char *host = strstr(url, "://") + 3;
    size_t len = strcspn(host, "?#");
    char *path = df_arena_strndup(a, host, len);
    char *slash = strchr(path, '/');
    if (!slash)
        return "__unnamed__";
    char *w = slash;
    for (const char *r = slash; *r; r++) {
        char two[3] = {r[0] == '%' ? r[1] : '\0', r[0] == '%' && r[1] ? r[2] : '\0', 0};
        uint64_t byte;
        if (two[0] && two[1] && isxdigit((unsigned char)two[0]) &&
            isxdigit((unsigned char)two[1]) && tenon_parse_u64(two, 16, &byte) &&
            byte) {
            *w++ = (char)byte;
            r += 2;
        } else {
            *w++ = *r;
        }
    }
    *w = '\0';
    auto_free char *clean = tenon_path_clean(slash);
    const char *base = tenon_path_base(clean);
    return *base && strcmp(base, "/") != 0 ? df_arena_strdup(a, base) :
                                             "__unnamed__";
}

static int
from_git(struct copying *x, struct df_git *g)
{
    struct df_dispatch *d = x->d;
    const struct df_copy *copy = &d->cmd->copy;
    if (d->cmd->kind != DF_ADD)
        return df_dispatch_fail(d, "source can't be a git ref for COPY");
    if (copy->keep_git_dir >= 0 && g->keep_git_dir >= 0 &&
        copy->keep_git_dir != g->keep_git_dir)
        return df_dispatch_fail(d, "inconsistent keep-git-dir configuration");
    if (g->keep_git_dir < 0)
        g->keep_git_dir = copy->keep_git_dir;
    if (*copy->checksum && *g->checksum && strcmp(copy->checksum, g->checksum) != 0)
        return df_dispatch_fail(d, "checksum mismatch %s != %s",
                                df_quote(d->c->arena, copy->checksum),
                                df_quote(d->c->arena, g->checksum));
    if (!*g->checksum)
        g->checksum = copy->checksum;
    struct df_vertex *v = df_git_source(&d->c->plan, g, x->name);
    v->lines = d->step->cmd->lines;
    action(x, v, "/", 0);
    return 0;
}

static int
from_http(struct copying *x, const char *src)
{
    struct df_dispatch *d = x->d;
    const struct df_copy *copy = &d->cmd->copy;
    if (d->cmd->kind != DF_ADD)
        return df_dispatch_fail(d, "source can't be a URL for COPY");
    const char *file = url_file(d->c->arena, src);
    struct df_vertex *v = df_plan_source(&d->c->plan, src, NULL, x->name);
    df_vertex_attr(&d->c->plan, v, "http.filename", file);
    if (*copy->checksum) {
        const char *why = digest_problem(copy->checksum);
        if (why)
            return df_dispatch_fail(d, "%s", why);
        df_vertex_attr(&d->c->plan, v, "http.checksum", copy->checksum);
    }
    v->lines = d->step->cmd->lines;
    action(x, v, df_arena_printf(d->c->arena, "/%s", file),
           copy->unpack == 1 ? TENON_LLB_ATTEMPT_UNPACK : 0);
    return 0;
}

/* All files of a source of another plugin, as of a git repository. */
static int
from_foreign(struct copying *x, const char *src)
{
    struct df_dispatch *d = x->d;
    const struct df_platform *platform = df_state_platform(d->c, d->s);
    struct df_image config;
    struct df_vertex *v;
    bool has_image;
    if (d->cmd->kind != DF_ADD)
        return df_dispatch_fail(d, "source can't be a URL for COPY");
    int rc = df_foreign_load(d->c, src, platform, x->name, &v, &config, &has_image, d->err);
    if (rc < 0)
        return rc;
    v->lines = d->step->cmd->lines;
    action(x, v, "/", 0);
    return 0;
}

static bool
has_wildcards(const char *s)
{
    for (; *s; s++) {
        if (strchr("*?[", *s))
            return true;
        if (*s == '\\' && s[1])
            s++;
    }
    return false;
}

/* --parents: "a/./b/c" keeps b/c below the destination. */
static const char *
split_pivot(struct copying *x, const char *src, struct df_strings *include,
            struct df_strings *required)
{
    struct df_arena *a = x->d->c->arena;
    const char *pivot = strstr(src, "/./");
    const char *pattern = pivot ? pivot + 3 : src;
    src = pivot ? df_arena_strndup(a, src, (size_t)(pivot - src)) : "/";
    if (*pattern != '/') {
        auto_free char *joined = tenon_path_join("/", pattern);
        pattern = df_arena_strdup(a, joined);
    }
    char **one = df_arena_array(a, 1, sizeof *one);
    one[0] = df_arena_strdup(a, pattern + 1);
    *include = (struct df_strings){one, 1};
    if (!has_wildcards(src) && !has_wildcards(pattern)) {
        auto_free char *root = tenon_path_join("/", src);
        auto_free char *whole = tenon_path_join(root, pattern);
        one = df_arena_array(a, 1, sizeof *one);
        one[0] = df_arena_strdup(a, whole);
        *required = (struct df_strings){one, 1};
    }
    return src;
}

static void
from_tree(struct copying *x, const char *src)
{
    struct df_dispatch *d = x->d;
    const struct df_copy *copy = &d->cmd->copy;
    struct df_strings include = {0}, required = {0};
    if (x->local)
        df_lint_ignored_source(d, src);
    if (copy->parents)
        src = split_pivot(x, src, &include, &required);
    auto_free char *clean = tenon_path_join("/", src);
    bool unpack = copy->unpack >= 0 ? copy->unpack == 1 : d->cmd->kind == DF_ADD;
    struct df_action *a = action(
        x, x->from, df_arena_strdup(d->c->arena, clean),
        TENON_LLB_FOLLOW_SYMLINK | TENON_LLB_DIR_COPY_CONTENTS |
            TENON_LLB_ALLOW_WILDCARD | TENON_LLB_ALLOW_EMPTY_WILDCARD |
            (unpack ? TENON_LLB_ATTEMPT_UNPACK : 0));
    a->include = include;
    a->required = required;
}

static int
from_source(struct copying *x, const char *src)
{
    struct df_git git;
    const char *why = NULL;
    switch (df_git_parse(x->d->c->arena, src, x->d->cmd->copy.keep_git_dir >= 0,
                         &git, &why)) {
    case DF_GIT_BAD:
        return df_dispatch_fail(x->d, "%s", why);
    case DF_GIT_YES:
        if (!git.like_local)
            return from_git(x, &git);
        break;
    case DF_GIT_NO:
        break;
    }
    if (is_http(src))
        return from_http(x, src);
    /* Behind --from all are paths. */
    int foreign = x->local ? df_foreign_is(x->d->c->build, src, x->d->err) : 0;
    if (foreign != 0)
        return foreign < 0 ? foreign : from_foreign(x, src);
    from_tree(x, src);
    return 0;
}

/* A here-document: its variables, when its word was not quoted, and no
 * quotes. */
static int
from_document(struct copying *x, const struct df_source_content *doc)
{
    struct df_dispatch *d = x->d;
    const char *data = doc->data;
    size_t len = doc->len;
    if (doc->expand) {
        struct df_env env = df_vars_env(&d->s->env);
        struct df_word word = {0};
        const char *why = NULL;
        bool ok = df_word_expand(d->c->arena, '\\', DF_WORD_SKIP_QUOTES, data,
                                 len, &env, &word, &why);
        df_dispatch_unmatched(d, &word.unmatched);
        if (!ok)
            return df_dispatch_fail(d, "%s", why);
        data = word.text;
        len = word.len;
    }
    struct df_vertex *v = df_plan_file(&d->c->plan, NULL,
                                       "[internal] preparing inline document");
    struct df_action *file = df_vertex_action(&d->c->plan, v, DF_DO_MKFILE);
    auto_free char *path = tenon_path_join("/", doc->path);
    file->path = df_arena_strdup(d->c->arena, path);
    file->mode = 0644;
    file->data = data;
    file->len = len;
    action(x, v, file->path, 0);
    return 0;
}

/* The destination as BuildKit's client writes it: clean, with the slash or the
 * "/." at its end kept, because that makes it a directory. */
static const char *
destination(struct df_dispatch *d)
{
    const char *dest = d->cmd->copy.dest;
    if (!*dest || strcmp(dest, ".") == 0)
        dest = "./";
    auto_free char *dir = tenon_path_join("/", d->s->dir);
    auto_free char *clean =
        *dest == '/' ? tenon_path_clean(dest) : tenon_path_join(dir, dest);
    bool root = strcmp(clean, "/") == 0;
    const char *tail = "";
    if (tenon_has_suffix(dest, "/"))
        tail = root ? "" : "/";
    else if (tenon_has_suffix(dest, "/."))
        tail = root ? "." : "/.";
    return df_arena_printf(d->c->arena, "%s%s", clean, tail);
}

static const char *
history_text(struct df_dispatch *d)
{
    const struct df_copy *copy = &d->cmd->copy;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_buf_adds(&text, d->cmd->kind == DF_ADD ? "ADD" : "COPY");
    if (copy->parents)
        tenon_buf_adds(&text, " --parents");
    if (*copy->chown)
        tenon_buf_addf(&text, " --chown=%s", copy->chown);
    if (*copy->chmod)
        tenon_buf_addf(&text, " --chmod=%s", copy->chmod);
    for (size_t i = 0; i < copy->sources.len; i++)
        tenon_buf_addf(&text, " %s", copy->sources.items[i]);
    for (size_t i = 0; i < copy->contents_len; i++)
        tenon_buf_addf(&text, " <<%s", copy->contents[i].path);
    tenon_buf_addf(&text, " %s # buildkit", copy->dest);
    return df_arena_strdup(d->c->arena, tenon_buf_str(&text));
}

static void
set_actions(struct df_vertex *v, const struct copying *x)
{
    v->file.first = x->first;
    v->lines = x->d->step->cmd->lines;
    v->ignore_cache = x->d->s->ignore_cache;
}

/* --link: copied onto nothing, then laid over the tree. */
static void
link_onto(struct copying *x, const char *text, const struct df_platform *platform)
{
    struct df_convert *c = x->d->c;
    struct df_state *s = x->d->s;
    const char *group = df_arena_printf(
        c->arena, "link:%s:%zu:%u",
        df_platform_format(c->arena, platform, true), x->d->step->cmd->lines.first,
        s->step_index);
    struct df_vertex *v = df_plan_file(&c->plan, NULL, x->name);
    set_actions(v, x);
    v->group_id = group;
    v->group_name = x->name;
    v->group_weak = true;
    if (!s->tree) {
        s->tree = v;
        return;
    }
    s->step_index--; /* one step, two names */
    struct df_vertex *merge = df_plan_merge(
        &c->plan, s->tree, v,
        df_step_name(c, s, df_arena_printf(c->arena, "LINK %s", text), platform,
                     &s->env));
    merge->group_id = group;
    merge->group_name = x->name;
    merge->lines = v->lines;
    merge->ignore_cache = s->ignore_cache;
    s->tree = merge;
}

static int
check_checksum(struct df_dispatch *d)
{
    const struct df_copy *copy = &d->cmd->copy;
    struct df_git git;
    const char *why = NULL;
    if (!*copy->checksum)
        return 0;
    if (copy->sources.len != 1)
        return df_dispatch_fail(d, "checksum can't be specified for multiple sources");
    const char *src = copy->sources.items[0];
    if (is_http(src) || df_git_parse(d->c->arena, src, copy->keep_git_dir >= 0,
                                     &git, &why) != DF_GIT_NO)
        return 0;
    return df_dispatch_fail(d, "checksum requires HTTP(S) or Git sources");
}

/* Which paths of the context or of another stage it uses. */
static void
note_paths(struct copying *x)
{
    struct df_dispatch *d = x->d;
    struct df_paths *paths =
        x->local ? &d->s->context_paths : d->step->sources[0]->paths;
    for (size_t i = 0; i < d->cmd->copy.sources.len; i++) {
        const char *src = d->cmd->copy.sources.items[i];
        if (d->cmd->kind != DF_ADD || !is_http(src))
            df_paths_add(d->c->arena, paths, src);
    }
}

int
df_dispatch_copy(struct df_dispatch *d)
{
    struct df_convert *c = d->c;
    struct df_state *s = d->s;
    const struct df_copy *copy = &d->cmd->copy;
    struct copying x = {.d = d, .local = !d->step->sources_len};
    x.end = &x.first;
    x.from = c->context;
    if (!x.local) {
        struct df_state *src = d->step->sources[0];
        if (!src->dispatched)
            return df_dispatch_fail(
                d, "cannot copy from stage %s, it needs to be defined before "
                   "current stage %s", df_quote(c->arena, copy->from),
                df_quote(c->arena, s->stage_name));
        x.from = src->tree;
    }
    if (*copy->chown)
        df_owner_split(c->arena, copy->chown, &x.user, &x.group);
    int rc = read_mode(&x);
    if (rc == 0)
        rc = check_checksum(d);
    if (rc < 0)
        return rc;

    x.dest = destination(d);
    const struct df_platform *platform = df_state_platform(c, s);
    const char *text = df_step_text(c, d->cmd->code, &s->env, 0);
    x.name = df_step_name(c, s, text, platform, &s->env);
    for (size_t i = 0; i < copy->sources.len && rc == 0; i++)
        rc = from_source(&x, copy->sources.items[i]);
    for (size_t i = 0; i < copy->contents_len && rc == 0; i++)
        rc = from_document(&x, &copy->contents[i]);
    if (rc < 0)
        return rc;

    if (copy->link && !*copy->chmod) {
        link_onto(&x, text, platform);
    } else {
        struct df_vertex *v = df_plan_file(&c->plan, s->tree, x.name);
        set_actions(v, &x);
        s->tree = v;
    }
    note_paths(&x);
    df_dispatch_commit(d, history_text(d), true);
    return 0;
}
