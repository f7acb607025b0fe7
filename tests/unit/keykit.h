/* keykit.h - the keys of vertices that are never run, for the tests of
 * core/solve: inputs are given keys and directories, and the two look-up jobs
 * are called by hand. */
#ifndef TENON_TEST_KEYKIT_H
#define TENON_TEST_KEYKIT_H

#include "unit.h"

#include <stdio.h>

#include "context/engine.h"
#include "engine/host.h"
#include "context/session.h"
#include "graph/builder.h"
#include "graph/graph.h"
#include "solve/private.h"

static char top_path[64];
static int top_dir;
static unsigned plugin_dirs; /* opened */
static struct tenon_store *store;
static struct tenon_plugins *plugins;
static struct tenon_engine engine;
static struct tenon_session session;
static struct tenon_graph *g;
static struct tenon_error err;

#define OK(e) ck_assert_msg((e) == 0, "%s", err.message ? err.message : "?")
#define LIST(...) { __VA_ARGS__, NULL }

/* A plugin, made here; the compiler that built us is there. */
__attribute__((unused)) static void
compile(const char *kind, const char *name, const char *text)
{
    const char *src = getenv("abs_top_srcdir");
    auto_free char *dir = tenon_asprintf("%s/plugins-%u", top_path, plugin_dirs);
    auto_free char *command = tenon_asprintf(
        "mkdir -p %s && cc -shared -fPIC -I%s/core/include -o %s/%s-%s.so "
        "%s/m.c && chmod 644 %s/%s-%s.so", dir, src ? src : ".", dir, kind, name,
        top_path, dir, kind, name);

    unit_write(top_dir, "m.c", text);
    ck_assert_int_eq(system(command), 0);
}

/* A mount type that LLB does not know. */
__attribute__((unused)) static void
compile_mount(const char *name, const char *policy, unsigned epoch)
{
    auto_free char *text = tenon_asprintf(
        "#include <tenon-plugin.h>\n"
        "static int at(void *s, struct tenon_ctx *c,"
        " const struct tenon_mount_request *r, struct tenon_mount *o,"
        " struct tenon_error *e)"
        " { (void)s,(void)c,(void)r,(void)o,(void)e; return -1; }\n"
        "static const struct tenon_mount_ops ops ="
        " { .struct_size = sizeof ops, .attach = at };\n"
        "static const struct tenon_param options[] = {"
        " { .name = \"in\", .type = TENON_TYPE_STRING },"
        " { .name = \"hidden\", .type = TENON_TYPE_STRING,"
        " .flags = TENON_PARAM_SENSITIVE },"
        " { .name = \"out\", .type = TENON_TYPE_STRING,"
        " .flags = TENON_PARAM_NOT_IN_KEY },"
        " { .name = \"any\", .type = TENON_TYPE_MAP, .flags = TENON_PARAM_NOT_IN_KEY },"
        " { 0 } };\n"
        "static const struct tenon_plugin p ="
        " { TENON_PLUGIN_HEADER(TENON_KIND_MOUNT), .key_policy = %s,"
        " .key_epoch = %u, .name = \"%s\", .options = options,"
        " .ops.mount = &ops };\n"
        "TENON_PLUGIN_EXPORT(mount_%s, p);\n", policy, epoch, name, name);

    compile("mount", name, text);
}

/* With what was compiled since the last time: modules stay loaded, so each
 * time in a directory of its own. */
__attribute__((unused)) static void
open_plugins(void)
{
    auto_free char *dir = tenon_asprintf("%s/plugins-%u", top_path, plugin_dirs++);
    const struct tenon_plugins_options po = {
        .dirs = (const char *[]){ dir, NULL },
        .builtin_dir = getenv("TENON_BUILD_PLUGIN_DIR"),
        .host = tenon_engine_host(),
    };
    OK(tenon_mkdir_p(AT_FDCWD, dir, 0755, &err));
    tenon_plugins_free(plugins);
    plugins = NULL;
    OK(tenon_plugins_new(&po, &plugins, &err));
    engine.plugins = plugins;
}

__attribute__((unused)) static void
on_event(void *data, const struct tenon_event *ev)
{
    (void)data, (void)ev;
}

__attribute__((unused)) static void
setup(void)
{
    err = (struct tenon_error)TENON_ERROR_INIT;
    top_dir = unit_tmpdir(top_path);
    auto_free char *path = tenon_asprintf("%s/store", top_path);
    OK(tenon_store_open(path, &store, &err));
    engine = (struct tenon_engine){
        .store = store, .session = &session, .host_platform = "linux/amd64",
        .jobs = 1, .events = tenon_events_new(on_event, NULL, NULL),
    };
    open_plugins();
    g = tenon_graph_new();
}

__attribute__((unused)) static void
teardown(void)
{
    tenon_graph_free(g);
    tenon_events_free(engine.events);
    tenon_plugins_free(plugins);
    plugins = NULL;
    tenon_store_close(store);
    unit_tmpdir_remove(top_dir, top_path);
    tenon_error_release(&err);
}

/* ---- the keys of a vertex ------------------------------------------------- */

struct keys {
    struct tenon_digest vertex, own, k1, k2;
    bool is_volatile;
    bool shown; /* a part of the key is "hush" as it is */
};

/* A tree of this test, by the name of its source; NULL: there is none. */
__attribute__((unused)) static struct tenon_view *
tree_of(const struct tenon_vertex *source)
{
    const char *name = strstr(source->op.source.identifier, "://") + 3;
    auto_close int fd = openat(top_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct tenon_view_options o = { .rootfd = fd };
    struct tenon_view *v = NULL;

    if (fd >= 0)
        OK(tenon_view_new(&o, &v, &err));
    return v;
}

__attribute__((unused)) static void
look_up(struct state *st, int (*work)(struct job *), struct keys *out)
{
    struct job *j = job_new(st, work, NULL);

    ck_assert_msg(work(j) == 0, "%s", j->err.message ? j->err.message : "?");
    if (work == work_lookup) {
        out->own = st->own_key = j->own_key;
        out->k1 = j->k1;
        out->is_volatile = j->is_volatile;
        tenon_vec_foreach(part, &j->own.list)
            out->shown |= tenon_streq(part->value, "hush");
    } else {
        out->k2 = j->k2;
    }
    job_free(j);
}

/* content: K2 as well; the trees of all inputs are there. */
__attribute__((unused)) static struct keys
keys_of(struct tenon_node *n, bool content)
{
    const struct tenon_solver_options o = { .engine = &engine };
    const struct tenon_vertex *v = tenon_node_freeze(n, &err);
    struct keys out = {0};

    ck_assert_msg(v != NULL, "%s", err.message ? err.message : "?");
    out.vertex = v->digest;
    if (v->op.type == TENON_OP_SOURCE)
        return out; /* its key is the plugin's */
    struct tenon_solver *s = tenon_solver_new_stepped(&o);
    struct state *st = state_get(s, v);
    for (size_t i = 0; i < v->input_count; i++) {
        struct state *in = state_get(s, v->inputs[i].vertex);
        in->ckey = in->v->digest;
        if (content && !in->view)
            in->view = tree_of(in->v);
        st->inputs[i] = in;
    }
    look_up(st, work_lookup, &out);
    if (content)
        look_up(st, work_content, &out);
    tenon_solver_free(s);
    return out;
}

/* A bundled mount type may be left out of a build. */
__attribute__((unused)) static bool
mount_is_built(const char *type)
{
    static const char *const bundled[] = { "cache", "secret", "ssh", "tmpfs" };

    for (size_t i = 0; i < tenon_countof(bundled); i++) {
        if (!tenon_streq(type, bundled[i]))
            continue;
        auto_free char *path =
            tenon_asprintf("%s/mount-%s.so", getenv("TENON_BUILD_PLUGIN_DIR"), type);
        if (access(path, F_OK) == 0)
            return true;
        auto_free char *what = tenon_asprintf("keys with a %s mount: it is not built", type);
        unit_not_tried(what);
        return false;
    }
    return true;
}

/* ---- describing ------------------------------------------------------------ */

__attribute__((unused)) static struct tenon_node *
new_node(const char *op)
{
    struct tenon_node *n = tenon_node_new(g, op, &err);
    ck_assert_ptr_nonnull(n);
    return n;
}

__attribute__((unused)) static struct tenon_node *
new_part(struct tenon_node *n, const char *name)
{
    struct tenon_node *p = tenon_node_part(n, name, &err);
    ck_assert_ptr_nonnull(p);
    return p;
}

__attribute__((unused)) static void
set(struct tenon_node *n, const char *attr, const char *value)
{
    OK(tenon_node_set(n, attr, value, &err));
}

__attribute__((unused)) static void
connect_to(struct tenon_node *n, const char *slot, struct tenon_node *from)
{
    OK(tenon_node_input(n, slot, from, 0, &err));
}

__attribute__((unused)) static struct tenon_node *
source(const char *name)
{
    auto_free char *identifier = tenon_asprintf("local://%s", name);
    struct tenon_node *n = new_node("source");
    set(n, "identifier", identifier);
    return n;
}

__attribute__((unused)) static struct tenon_node *
exec(void)
{
    struct tenon_node *n = new_node("exec");
    set(n, "args", "sh");
    struct tenon_node *root = new_part(n, "mount");
    set(root, "dest", "/");
    connect_to(root, "input", source("base"));
    return n;
}

static const struct field *
nth_in(const struct message *m, size_t *left)
{
    for (size_t k = 0; k < m->count; k++) {
        const struct field *f = &m->fields[k], *in = NULL;
        if (f->name && (*left)-- == 0)
            return f;
        if (f->type == FIELD_GROUP && (in = nth_in(f->message, left)))
            return in;
    }
    return NULL;
}

/* The i-th field that has an attribute, in groups, too; NULL: there are fewer. */
__attribute__((unused)) static const struct field *
field_nth(const struct message *m, size_t i)
{
    return nth_in(m, &i);
}

/* Any attribute from text. */
__attribute__((unused)) static void
set_any(struct tenon_node *n, enum node_kind kind, const char *name,
        const char *value)
{
    const struct field *a = tenon_field_find(tenon_node_kinds[kind].message, name);

    ck_assert_msg(a != NULL, "%s has no %s", tenon_node_kinds[kind].name, name);
    switch (a->type) {
    case FIELD_STRING:
    case FIELD_LIST:
    case FIELD_MAP:
    case FIELD_PAIRS:
    case FIELD_WORD:
    case FIELD_PLATFORM:
    case FIELD_USER:
    case FIELD_MOUNT_TYPE:
        set(n, name, value);
        break;
    case FIELD_BYTES:
        OK(tenon_node_set_bytes(n, name, value, strlen(value), &err));
        break;
    case FIELD_INTS:
    case FIELD_INT64:
    case FIELD_MODE:
    case FIELD_UINT32:
    case FIELD_BOOL:
    case FIELD_OPTIONAL:
    case FIELD_NO_OUTPUT:
        OK(tenon_node_set_int(n, name, strtoll(value, NULL, 0), &err));
        break;
    case FIELD_INDEX:
    case FIELD_INDEXES:
    case FIELD_GROUP:
    case FIELD_ITEMS:
        ck_abort_msg("%s is no attribute", name);
    }
}

/* ---- comparing ------------------------------------------------------------- */

enum where {
    VERTEX_ONLY, /* in the vertex's id and in no key */
    DEFINITION,  /* in K1, not in the own key */
    OWN,         /* in the own key, and so in K1 and K2 */
    SAME,        /* not even in the vertex */
};

__attribute__((unused)) static bool
same(const struct tenon_digest *a, const struct tenon_digest *b)
{
    return tenon_streq(a->str, b->str);
}

__attribute__((unused)) static void
assert_where(const struct keys *a, const struct keys *b, enum where where,
             const char *what)
{
    ck_assert_msg(same(&a->vertex, &b->vertex) == (where == SAME), "%s: vertex",
                  what);
    ck_assert_msg(same(&a->own, &b->own) == (where != OWN), "%s: own key", what);
    ck_assert_msg(same(&a->k1, &b->k1) == (where != OWN && where != DEFINITION),
                  "%s: definition key", what);
}

#endif
