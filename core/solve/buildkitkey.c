/* solve/buildkitkey.c - see buildkitkey.h.  An op's digest is that of JSON as Go's encoder writes
 * it, with what does not count left out; docs/caching.md has the rules. */
#include "solve/buildkitkey.h"

#include <string.h>

#include "base/json.h"
#include "graph/opjson.h"
#include "image/image.h"
#include "solve/cache.h"
#include "solve/sourcejob.h"
#include "tools/base64.h"
#include "tools/jsontext.h"
#include "tools/path.h"
#include "tree/buildkitdigest.h"

void
buildkit_keys_release(struct buildkit_keys *k)
{
    tenon_strv_free(k->selectors);
    *k = (struct buildkit_keys){0};
}

void
tenon_buildkit_root_key(const char *digest, int64_t output, struct tenon_digest *out)
{
    auto_free char *text = tenon_asprintf("%s@%lld", digest, (long long)output);
    tenon_digest_of(text, strlen(text), out);
}

static void
put_string(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static void
add_own(struct buildkit_keys *k, struct json_object *o)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, o, true);
    tenon_digest_of(text.data, text.len, &k->own[k->own_count++]);
}

/* ---- exec ------------------------------------------------------------------------------- */

static void
put_platform(struct json_object *o, const struct tenon_op_platform *p)
{
    put_string(o, "OS", p->os);
    put_string(o, "Arch", p->arch);
    if (*p->variant)
        put_string(o, "Variant", p->variant);
    if (*p->os_version)
        put_string(o, "OSVersion", p->os_version);
    if (!p->os_features || !*p->os_features)
        return;
    struct json_object *list = json_object_new_array();
    for (const char *const *f = p->os_features; *f; f++)
        json_object_array_add(list, json_object_new_string(*f));
    json_object_object_add(o, "OSFeatures", list);
}

/* That of the machine when the op has none. */
static void
put_platform_of(const struct state *st, struct json_object *o)
{
    struct tenon_platform host;
    if (st->v->op.has_platform) {
        put_platform(o, &st->v->op.platform);
        return;
    }
    tenon_platform_host(&host);
    const struct tenon_op_platform p = { .os = host.os, .arch = host.arch,
                                         .variant = host.variant, .os_version = "" };
    put_platform(o, &p);
}

/* The id of a cache mount counts in its default form alone. */
static void
clear_cache(struct json_object *mount, const struct tenon_op_mount *m)
{
    const char *slash = strchr(m->cache_id, '/');
    bool plain = m->cache_sharing == TENON_LLB_CACHE_SHARED &&
                 (!strcmp(m->cache_id, m->dest) || (slash && !strcmp(slash + 1, m->dest)));
    if (json_object_object_get(mount, "cacheOpt") && !plain)
        json_object_object_add(mount, "cacheOpt", json_object_new_object());
}

static bool
is_plain_root(const struct tenon_op_exec *x)
{
    const struct tenon_op_mount *m = x->mounts;
    return x->mount_count == 1 && !strcmp(m->dest, "/") && !m->readonly &&
           m->type == TENON_LLB_MOUNT_BIND && !*m->result_id;
}

/* False: it has what BuildKit does not know. */
static bool
reduce_exec(const struct tenon_op_exec *x, struct json_object *exec)
{
    struct json_object *meta = json_object_object_get(exec, "meta");
    struct json_object *hosts = meta ? json_object_object_get(meta, "extraHosts") : NULL;
    struct json_object *mounts = json_object_object_get(exec, "mounts");
    for (size_t i = 0; hosts && i < json_object_array_length(hosts); i++)
        json_object_object_del(json_object_array_get_idx(hosts, i), "IP");
    if (meta)
        json_object_object_del(meta, "proxy_env");
    for (size_t i = 0; mounts && i < x->mount_count; i++) {
        struct json_object *mount = json_object_array_get_idx(mounts, i);
        if (x->mounts[i].plugin_type)
            return false;
        json_object_object_del(mount, "selector");
        clear_cache(mount, &x->mounts[i]);
    }
    if (is_plain_root(x))
        json_object_object_del(exec, "mounts");
    return true;
}

static void
exec_key(const struct state *st, struct json_object *op, struct buildkit_keys *k)
{
    struct json_object *exec = json_object_object_get(op, "exec");
    auto_json struct json_object *o = json_object_new_object();
    if (!exec || !reduce_exec(&st->v->op.exec, exec))
        return;
    put_string(o, "Type", "buildkit.exec.v0");
    json_object_object_add(o, "Exec", json_object_get(exec));
    put_platform_of(st, o);
    add_own(k, o);
}

/* ---- file ------------------------------------------------------------------------------- */

static struct json_object *
numbers(const struct tenon_op_action *a)
{
    struct json_object *list = json_object_new_array();
    json_object_array_add(list, json_object_new_int64(a->input));
    json_object_array_add(list, json_object_new_int64(a->secondary));
    json_object_array_add(list, json_object_new_int64(a->output));
    return list;
}

/* The order that a chain of actions has is not told. */
static bool
is_usual(const struct tenon_op_file *f)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct tenon_op_action *a = &f->actions[i];
        bool last = i + 1 == f->count;
        if (a->input != (i ? (int64_t)(f->count + i - 1) : 0) ||
            (a->secondary != -1 && a->secondary != 1) || a->output != (last ? 0 : -1))
            return false;
    }
    return f->count > 0;
}

static struct json_object *
action_text(const struct tenon_op_action *a, size_t inputs, struct json_object *action)
{
    static const char *const names[] = {
        [TENON_FILE_COPY] = "copy",   [TENON_FILE_MKFILE] = "mkfile",
        [TENON_FILE_MKDIR] = "mkdir", [TENON_FILE_RM] = "rm",
        [TENON_FILE_SYMLINK] = "symlink",
    };
    struct json_object *what = json_object_object_get(action, "Action"), *one = NULL;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (!what || !json_object_object_get_ex(what, names[a->type], &one))
        return NULL;
    /* Of what goes by content the name alone; path.Base of "" is ".". */
    if (a->type == TENON_FILE_COPY && a->secondary != -1 && a->secondary < (int64_t)inputs) {
        auto_free char *clean = tenon_path_clean(a->src);
        put_string(one, "src", tenon_path_base(clean));
    }
    tenon_json_write(&text, one, true);
    auto_free char *coded = tenon_base64(text.data, text.len);
    return json_object_new_string(coded);
}

/* A source that goes by what it is, as a base does, and not by its content: where in it the source
 * lies is then in nobody's key, so that /etc/a/x and /etc/b/x would be one. */
static bool
has_lost_source(const struct state *st, const struct tenon_op_action *a)
{
    return a->type == TENON_FILE_COPY && a->secondary >= 0 &&
           (uint64_t)a->secondary < st->v->input_count && !st->deps[a->secondary].content;
}

static void
file_key(const struct state *st, struct json_object *op, struct buildkit_keys *k)
{
    const struct tenon_op_file *f = &st->v->op.file;
    struct json_object *file = json_object_object_get(op, "file");
    struct json_object *actions = file ? json_object_object_get(file, "actions") : NULL;
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *texts = json_object_new_array(), *indexes = json_object_new_array();
    put_string(o, "Type", "buildkit.file.v0");
    json_object_object_add(o, "Actions", texts);
    json_object_object_add(o, "indexes", indexes);
    if (!actions || json_object_array_length(actions) != f->count)
        return;
    for (size_t i = 0; i < f->count; i++) {
        if (has_lost_source(st, &f->actions[i]))
            return;
        struct json_object *text = action_text(&f->actions[i], st->v->input_count,
                                               json_object_array_get_idx(actions, i));
        if (!text)
            return;
        json_object_array_add(texts, text);
        json_object_array_add(indexes, numbers(&f->actions[i]));
    }
    if (is_usual(f))
        json_object_object_del(o, "indexes");
    add_own(k, o);
}

/* ---- merge, diff, sources --------------------------------------------------------------- */

static void
tree_key(struct json_object *op, const char *member, const char *type, const char *name,
         struct buildkit_keys *k)
{
    struct json_object *body = json_object_object_get(op, member);
    auto_json struct json_object *o = json_object_new_object();
    if (!body)
        return;
    put_string(o, "Type", type);
    json_object_object_add(o, name, json_object_get(body));
    add_own(k, o);
}

static void
add_source(struct buildkit_keys *k, const char *key)
{
    auto_free char *text = tenon_asprintf("buildkit.source.v0:%s", key);
    tenon_digest_of(text, strlen(text), &k->own[k->own_count++]);
}

/* By what the name stood for, and by what its layers come to. */
static void
image_keys(const struct state *st, struct buildkit_keys *k)
{
    const struct tenon_source_info *info = &st->source->info;
    struct tenon_digest key;
    if (info->digest && st->v->op.has_platform) {
        auto_json struct json_object *o = json_object_new_object();
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        put_string(o, "Digest", info->digest);
        put_platform(o, &st->v->op.platform);
        tenon_json_write(&text, o, true);
        tenon_digest_of(text.data, text.len, &key);
        add_source(k, key.str);
    }
    if (info->layer_count == 0)
        return;
    char **diff_ids = NULL;
    for (size_t i = 0; i < info->layer_count; i++)
        tenon_strv_push(&diff_ids, tenon_strdup(info->layers[i]->diff_id));
    tenon_chain_id(diff_ids, info->layer_count, &key);
    tenon_strv_free(diff_ids);
    add_source(k, key.str);
}

/* ---- selectors -------------------------------------------------------------------------- */

static int
by_text_down(const void *a, const void *b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

static char *
selector_of(const struct dep *d, bool exec)
{
    TENON_VEC(const char *) paths = {0};
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_digest digest;
    if (!d->selectors.len || d->whole)
        return tenon_strdup("");
    tenon_vec_foreach(s, &d->selectors)
        tenon_vec_push(&paths, s->path);
    if (!exec)
        qsort(paths.items, paths.len, sizeof *paths.items, by_text_down);
    for (size_t i = 0; i < paths.len; i++) {
        if (i)
            tenon_buf_addc(&text, '\0');
        tenon_buf_adds(&text, paths.items[i]);
    }
    tenon_vec_release(&paths);
    tenon_digest_of(tenon_buf_str(&text), text.len, &digest);
    return tenon_strdup(digest.str);
}

int
buildkit_keys(const struct state *st, struct buildkit_keys *out, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    const struct tenon_vertex *v = st->v;
    *out = (struct buildkit_keys){0};
    if (v->op.type == TENON_OP_SOURCE) {
        if (st->source && (st->source->info.flags & TENON_SOURCE_LAYERS))
            image_keys(st, out);
        return 0;
    }
    int rc = tenon_op_json(v->bytes, v->len, &o, err);
    struct json_object *op = rc == 0 ? json_object_object_get(o, "Op") : NULL;
    if (!op)
        return rc;
    if (v->op.type == TENON_OP_EXEC)
        exec_key(st, op, out);
    else if (v->op.type == TENON_OP_FILE)
        file_key(st, op, out);
    else if (v->op.type == TENON_OP_MERGE)
        tree_key(op, "merge", "buildkit.merge.v0", "Merge", out);
    else if (v->op.type == TENON_OP_DIFF)
        tree_key(op, "diff", "buildkit.diff.v0", "Diff", out);
    else if (v->op.type == TENON_OP_PASSTHROUGH)
        tree_key(op, "passthrough", "buildkit.passthrough.v0", "Passthrough", out);
    for (size_t i = 0; i < v->input_count; i++)
        tenon_strv_push(&out->selectors,
                        selector_of(&st->deps[i], v->op.type == TENON_OP_EXEC));
    return 0;
}

/* ---- content ---------------------------------------------------------------------------- */

static bool
is_filtered(const struct tenon_selector *s)
{
    return s->wildcard || (s->include && *s->include) || (s->exclude && *s->exclude);
}

/* Is it, or something that it is in, asked for in the same way by another one? */
static bool
is_covered(const struct dep *d, size_t i)
{
    const struct tenon_selector *s = &d->selectors.items[i].sel;
    for (size_t k = 0; k < d->selectors.len; k++) {
        const struct tenon_selector *other = &d->selectors.items[k].sel;
        const size_t len = strlen(other->path);
        if (k == i || is_filtered(other) || other->follow != s->follow)
            continue;
        if (!strcmp(other->path, s->path) ? k < i
                                          : !strncmp(s->path, other->path, len) &&
                                                (tenon_has_suffix(other->path, "/") ||
                                                 s->path[len] == '/'))
            return true;
    }
    return false;
}

static int
by_path(const void *a, const void *b)
{
    const struct tenon_selector *x = a, *y = b;
    return strcmp(x->path, y->path);
}

int
buildkit_content(struct tenon_view *view, const struct dep *d, bool exec,
                 struct tenon_cancel *cancel, struct tenon_digest *out, struct tenon_error *err)
{
    TENON_VEC(struct tenon_selector) list = {0};
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    bool all = !d->selectors.len;
    int rc = 0;
    for (size_t i = 0; i < d->selectors.len; i++) {
        const struct tenon_selector *s = &d->selectors.items[i].sel;
        all = all || (exec && !strcmp(s->path, "/"));
        if (is_filtered(s) || !is_covered(d, i))
            tenon_vec_push(&list, *s);
    }
    if (all) {
        list.len = 0;
        tenon_vec_push(&list, (struct tenon_selector){ .path = "/" });
    }
    qsort(list.items, list.len, sizeof *list.items, by_path);
    for (size_t i = 0; i < list.len && rc == 0; i++) {
        struct tenon_digest one;
        rc = tenon_view_buildkit_digest(view, &list.items[i], cancel, &one, err);
        if (i)
            tenon_buf_addc(&text, '\0');
        if (rc == 0)
            tenon_buf_adds(&text, one.str);
    }
    tenon_vec_release(&list);
    if (rc == 0)
        tenon_digest_of(text.data, text.len, out);
    return rc;
}
