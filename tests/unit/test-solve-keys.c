/* One thing differs, so the key differs; or it is not in the key, and why is
 * written in docs/caching.md.
 *
 * The pairs are checked against the attribute table of the graph: an attribute
 * without a pair fails the test.  Nothing runs here: inputs are given keys and
 * directories, and the two look-up jobs are called by hand. */
#include "unit.h"

#include <stdio.h>

#include "engine/engine.h"
#include "engine/session.h"
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
static void
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
static void
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
        " { .name = \"out\", .type = TENON_TYPE_STRING,"
        " .flags = TENON_PARAM_NOT_IN_KEY }, { 0 } };\n"
        "static const struct tenon_plugin p ="
        " { TENON_PLUGIN_HEADER(TENON_KIND_MOUNT), .key_policy = %s,"
        " .key_epoch = %u, .name = \"%s\", .options = options,"
        " .ops.mount = &ops };\n"
        "TENON_PLUGIN_EXPORT(mount_%s, p);\n", policy, epoch, name, name);

    compile("mount", name, text);
}

/* With what was compiled since the last time: modules stay loaded, so each
 * time in a directory of its own. */
static void
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

static void
on_event(void *data, const struct tenon_event *ev)
{
    (void)data, (void)ev;
}

static void
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

static void
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
};

/* A tree of this test, by the name of its source; NULL: there is none. */
static struct tenon_view *
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

static void
look_up(struct state *st, int (*work)(struct job *), struct keys *out)
{
    struct job *j = job_new(st, work, NULL);

    ck_assert_msg(work(j) == 0, "%s", j->err.message ? j->err.message : "?");
    if (work == work_lookup) {
        out->own = st->own_key = j->own_key;
        out->k1 = j->k1;
        out->is_volatile = j->is_volatile;
    } else {
        out->k2 = j->k2;
    }
    job_free(j);
}

/* content: K2 as well; the trees of all inputs are there. */
static struct keys
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

/* ---- describing ------------------------------------------------------------ */

static struct tenon_node *
new_node(const char *op)
{
    struct tenon_node *n = tenon_node_new(g, op, &err);
    ck_assert_ptr_nonnull(n);
    return n;
}

static struct tenon_node *
new_part(struct tenon_node *n, const char *name)
{
    struct tenon_node *p = tenon_node_part(n, name, &err);
    ck_assert_ptr_nonnull(p);
    return p;
}

static void
set(struct tenon_node *n, const char *attr, const char *value)
{
    OK(tenon_node_set(n, attr, value, &err));
}

static void
connect_to(struct tenon_node *n, const char *slot, struct tenon_node *from)
{
    OK(tenon_node_input(n, slot, from, 0, &err));
}

static struct tenon_node *
source(const char *name)
{
    auto_free char *identifier = tenon_asprintf("local://%s", name);
    struct tenon_node *n = new_node("source");
    set(n, "identifier", identifier);
    return n;
}

static struct tenon_node *
exec(void)
{
    struct tenon_node *n = new_node("exec");
    set(n, "args", "sh");
    struct tenon_node *root = new_part(n, "mount");
    set(root, "dest", "/");
    connect_to(root, "input", source("base"));
    return n;
}

/* The entry of the attribute table; a map's is named with its dot. */
static const struct attr *
attr_of(enum node_kind kind, const char *name)
{
    for (const struct attr *a = tenon_node_attrs[kind]; a->name; a++)
        if (a->type == ATTR_MAP ? tenon_has_prefix(name, a->name)
                                : tenon_streq(name, a->name))
            return a;
    return NULL;
}

/* Any attribute from text. */
static void
set_any(struct tenon_node *n, enum node_kind kind, const char *name,
        const char *value)
{
    const struct attr *a = attr_of(kind, name);

    ck_assert_msg(a != NULL, "%s has no %s", tenon_node_kind_names[kind], name);
    switch (a->type) {
    case ATTR_STRING:
    case ATTR_LIST:
    case ATTR_MAP:
    case ATTR_WORD:
    case ATTR_PLATFORM:
    case ATTR_USER:
    case ATTR_MOUNT_TYPE:
        set(n, name, value);
        break;
    case ATTR_BYTES:
        OK(tenon_node_set_bytes(n, name, value, strlen(value), &err));
        break;
    case ATTR_INTS:
    case ATTR_INT64:
    case ATTR_INT32:
    case ATTR_UINT32:
    case ATTR_BOOL:
    case ATTR_OPTIONAL:
        OK(tenon_node_set_int(n, name, strtoll(value, NULL, 0), &err));
        break;
    }
}

/* ---- attributes -------------------------------------------------------------- */

enum where {
    VERTEX_ONLY, /* in the vertex's id and in no key */
    DEFINITION,  /* in K1, not in the own key */
    OWN,         /* in the own key, and so in K1 and K2 */
    SAME,        /* not even in the vertex */
};

static const struct pair {
    enum node_kind kind;
    const char *attr;
    const char *one[4], *two[4]; /* set in turn; none: left alone */
    enum where where;
    const char *as; /* of a mount: its type */
} pairs[] = {
    /* the key of a source is what its plugin says */
    { NODE_SOURCE, "identifier", LIST("local://a"), LIST("local://b"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "platform", LIST("linux/amd64"), LIST("linux/arm64"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "platform", LIST(NULL), LIST("linux/amd64"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "platform", LIST("linux/arm/v6"), LIST("linux/arm/v7"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "attr.k", LIST("1"), LIST("2"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "attr.k", LIST(NULL), LIST(""), VERTEX_ONLY, 0 },

    { NODE_EXEC, "args", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXEC, "args", LIST("a", "b"), LIST("b", "a"), OWN, 0 },
    { NODE_EXEC, "args", LIST("a b"), LIST("a", "b"), OWN, 0 },
    { NODE_EXEC, "args", LIST("a"), LIST("a", ""), OWN, 0 },
    { NODE_EXEC, "env", LIST("A=1"), LIST("A=2"), OWN, 0 },
    { NODE_EXEC, "env", LIST("A=1"), LIST("B=1"), OWN, 0 },
    { NODE_EXEC, "env", LIST("A=1", "B=2"), LIST("B=2", "A=1"), OWN, 0 },
    { NODE_EXEC, "env", LIST("A="), LIST(NULL), OWN, 0 },
    { NODE_EXEC, "env", LIST("A=1=2"), LIST("A=1"), OWN, 0 },
    { NODE_EXEC, "cwd", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_EXEC, "user", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXEC, "user", LIST("0"), LIST(NULL), OWN, 0 },
    { NODE_EXEC, "user", LIST("1:2"), LIST("1:3"), OWN, 0 },
    { NODE_EXEC, "hostname", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXEC, "hostname", LIST("a"), LIST(NULL), OWN, 0 },
    { NODE_EXEC, "cgroup_parent", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXEC, "network", LIST("sandbox"), LIST("host"), OWN, 0 },
    { NODE_EXEC, "network", LIST("none"), LIST("host"), OWN, 0 },
    { NODE_EXEC, "network", LIST("sandbox"), LIST(NULL), SAME, 0 },
    { NODE_EXEC, "security", LIST("sandbox"), LIST("insecure"), OWN, 0 },
    { NODE_EXEC, "proxy.http", LIST("a"), LIST("b"), VERTEX_ONLY, 0 },
    { NODE_EXEC, "proxy.https", LIST("a"), LIST("b"), VERTEX_ONLY, 0 },
    { NODE_EXEC, "proxy.ftp", LIST("a"), LIST("b"), VERTEX_ONLY, 0 },
    { NODE_EXEC, "proxy.no", LIST("a"), LIST(NULL), VERTEX_ONLY, 0 },
    { NODE_EXEC, "proxy.all", LIST("a"), LIST("b"), VERTEX_ONLY, 0 },
    { NODE_EXEC, "valid_exit_code", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_EXEC, "valid_exit_code", LIST("0"), LIST("0", "1"), OWN, 0 },
    { NODE_EXEC, "valid_exit_code", LIST("0"), LIST(NULL), OWN, 0 },
    { NODE_EXEC, "remove_stubs_recursive", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_EXEC, "remove_stubs_recursive", LIST("1"), LIST(NULL), SAME, 0 },
    { NODE_EXEC, "platform", LIST("linux/amd64"), LIST("linux/arm64"), OWN, 0 },
    { NODE_EXEC, "platform", LIST("linux/arm/v6"), LIST("linux/arm/v7"), OWN, 0 },
    { NODE_EXEC, "platform", LIST("linux(1)/amd64"), LIST("linux(2)/amd64"), OWN, 0 },
    { NODE_EXEC, "platform", LIST("linux/amd64"), LIST("freebsd/amd64"), OWN, 0 },
    /* where it runs otherwise */
    { NODE_EXEC, "platform", LIST("linux/amd64"), LIST(NULL), VERTEX_ONLY, 0 },

    { NODE_MOUNT, "type", LIST("bind"), LIST("tmpfs"), OWN, 0 },
    { NODE_MOUNT, "type", LIST("secret"), LIST("ssh"), OWN, 0 },
    { NODE_MOUNT, "type", LIST("cache"), LIST("tmpfs"), OWN, 0 },
    { NODE_MOUNT, "type", LIST("x"), LIST("y"), OWN, 0 },
    { NODE_MOUNT, "type", LIST("x"), LIST("bind"), OWN, 0 },
    { NODE_MOUNT, "dest", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_MOUNT, "dest", LIST("/a"), LIST("/b"), OWN, "tmpfs" },
    { NODE_MOUNT, "dest", LIST("/a"), LIST("/b"), OWN, "secret" },
    { NODE_MOUNT, "selector", LIST("/a"), LIST("/b"), DEFINITION, 0 },
    { NODE_MOUNT, "selector", LIST("a"), LIST(NULL), DEFINITION, 0 },
    { NODE_MOUNT, "selector", LIST("/a"), LIST("/b"), DEFINITION, "cache" },
    { NODE_MOUNT, "readonly", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_MOUNT, "readonly", LIST("0"), LIST("1"), OWN, "cache" },
    { NODE_MOUNT, "no_output", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_MOUNT, "result_id", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_MOUNT, "content_cache", LIST("on"), LIST("off"), OWN, 0 },
    { NODE_MOUNT, "content_cache", LIST("default"), LIST("on"), OWN, 0 },
    { NODE_MOUNT, "tmpfs_size", LIST("1"), LIST("2"), OWN, "tmpfs" },
    { NODE_MOUNT, "tmpfs_size", LIST(NULL), LIST("2"), OWN, "tmpfs" },
    /* what a cache holds may change at any time, so which one it is tells
     * nothing; but the default id follows from the target */
    { NODE_MOUNT, "cache_id", LIST("a"), LIST("b"), VERTEX_ONLY, "cache" },
    { NODE_MOUNT, "cache_id", LIST("/m"), LIST("b"), OWN, "cache" },
    { NODE_MOUNT, "cache_id", LIST("/m"), LIST("ns//m"), OWN, "cache" },
    { NODE_MOUNT, "cache_id", LIST("n1//m"), LIST("n2//m"), OWN, "cache" },
    { NODE_MOUNT, "cache_sharing", LIST("private"), LIST("locked"), VERTEX_ONLY, "cache" },
    { NODE_MOUNT, "id", LIST("a"), LIST("b"), OWN, "secret" },
    { NODE_MOUNT, "id", LIST("a"), LIST("b"), OWN, "ssh" },
    { NODE_MOUNT, "uid", LIST("1"), LIST("2"), OWN, "secret" },
    { NODE_MOUNT, "uid", LIST("1"), LIST("2"), OWN, "ssh" },
    { NODE_MOUNT, "gid", LIST("1"), LIST("2"), OWN, "secret" },
    { NODE_MOUNT, "gid", LIST("1"), LIST("2"), OWN, "ssh" },
    { NODE_MOUNT, "mode", LIST("0400"), LIST("0444"), OWN, "secret" },
    { NODE_MOUNT, "mode", LIST("0400"), LIST("0444"), OWN, "ssh" },
    { NODE_MOUNT, "optional", LIST("0"), LIST("1"), OWN, "secret" },
    { NODE_MOUNT, "optional", LIST("0"), LIST("1"), OWN, "ssh" },
    { NODE_MOUNT, "option.in", LIST("1"), LIST("2"), OWN, "x" },
    { NODE_MOUNT, "option.in", LIST(NULL), LIST(""), OWN, "x" },
    { NODE_MOUNT, "option.unknown", LIST("1"), LIST("2"), OWN, "x" },
    { NODE_MOUNT, "option.out", LIST("1"), LIST("2"), VERTEX_ONLY, "x" },
    { NODE_MOUNT, "option.in", LIST("1"), LIST("2"), VERTEX_ONLY, "neutral" },

    { NODE_SECRETENV, "id", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_SECRETENV, "name", LIST("A"), LIST("B"), OWN, 0 },
    { NODE_SECRETENV, "optional", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_EXTRAHOST, "host", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXTRAHOST, "ip", LIST("1.1.1.1"), LIST("1.1.1.2"), VERTEX_ONLY, 0 },
    { NODE_ULIMIT, "name", LIST("core"), LIST("nofile"), OWN, 0 },
    { NODE_ULIMIT, "soft", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_ULIMIT, "hard", LIST("1"), LIST("-1"), OWN, 0 },
    { NODE_DEVICE, "name", LIST("v/c=a"), LIST("v/c=b"), OWN, 0 },
    { NODE_DEVICE, "optional", LIST("0"), LIST("1"), OWN, 0 },

    { NODE_COPY, "src", LIST("/d/a"), LIST("/d/b"), OWN, 0 },
    { NODE_COPY, "src", LIST("/d/a"), LIST("/e/a"), DEFINITION, 0 },
    { NODE_COPY, "src", LIST("/d/a"), LIST("d/../d/a/"), SAME, 0 },
    { NODE_COPY, "dest", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_COPY, "dest", LIST("/a"), LIST("/a/"), OWN, 0 },
    { NODE_COPY, "dest", LIST("/a"), LIST("a"), SAME, 0 },
    { NODE_COPY, "mode", LIST("0644"), LIST("0600"), OWN, 0 },
    { NODE_COPY, "mode", LIST(NULL), LIST("0"), OWN, 0 },
    { NODE_COPY, "mode", LIST("0755"), LIST("04755"), OWN, 0 },
    { NODE_COPY, "mode_str", LIST("u+x"), LIST("a+x"), OWN, 0 },
    { NODE_COPY, "follow_symlink", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "dir_copy_contents", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "attempt_unpack", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "create_dest_path", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "allow_wildcard", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "allow_empty_wildcard", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "always_replace", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "include", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "include", LIST("a", "!b"), LIST("!b", "a"), OWN, 0 },
    { NODE_COPY, "exclude", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "exclude", LIST("a"), LIST("a", "b"), OWN, 0 },
    { NODE_COPY, "required", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "owner.user", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_COPY, "owner.user", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "owner.user", LIST(NULL), LIST("0"), OWN, 0 },
    { NODE_COPY, "owner.user", LIST("0"), LIST("root"), SAME, 0 },
    { NODE_COPY, "owner.group", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_COPY, "owner.group", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "timestamp", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_COPY, "timestamp", LIST(NULL), LIST("0"), OWN, 0 },

    { NODE_MKFILE, "path", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_MKFILE, "mode", LIST("0644"), LIST("0600"), OWN, 0 },
    { NODE_MKFILE, "data", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_MKFILE, "data", LIST(NULL), LIST("b"), OWN, 0 },
    { NODE_MKFILE, "owner.user", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKFILE, "owner.group", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKFILE, "timestamp", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKDIR, "path", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_MKDIR, "mode", LIST("0755"), LIST("0700"), OWN, 0 },
    { NODE_MKDIR, "make_parents", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_MKDIR, "owner.user", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKDIR, "owner.group", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKDIR, "timestamp", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_RM, "path", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_RM, "allow_not_found", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_RM, "allow_wildcard", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_SYMLINK, "oldpath", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_SYMLINK, "oldpath", LIST("d/a"), LIST("e/a"), OWN, 0 },
    { NODE_SYMLINK, "newpath", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_SYMLINK, "owner.user", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_SYMLINK, "owner.group", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_SYMLINK, "timestamp", LIST("1"), LIST("2"), OWN, 0 },
};

/* One node or part of each kind, with what it cannot do without; *op is what
 * to freeze. */
static struct tenon_node *
begin(enum node_kind kind, const char *as, struct tenon_node **op)
{
    const char *name = tenon_node_kind_names[kind];

    if (kind == NODE_SOURCE)
        return *op = source("context");
    if (kind == NODE_EXEC)
        return *op = exec();
    if (kind >= NODE_COPY) {
        *op = new_node("file");
        struct tenon_node *a = new_part(*op, name);
        connect_to(a, "input", source("base"));
        if (kind == NODE_COPY)
            connect_to(a, "secondary", source("other"));
        return a;
    }
    *op = exec();
    struct tenon_node *p = new_part(*op, name);
    if (kind == NODE_MOUNT) {
        set(p, "type", as ? as : "bind");
        set(p, "dest", "/m");
        if (!as || tenon_streq(as, "cache"))
            connect_to(p, "input", source("other"));
    }
    return p;
}

static struct keys
keys_with(const struct pair *p, const char *const *values)
{
    struct tenon_node *op, *n = begin(p->kind, p->as, &op);

    /* What a mount of any sort is connected to would tell them apart. */
    for (; *values; values++)
        set_any(n, p->kind, p->attr, *values);
    return keys_of(op, false);
}

static bool
same(const struct tenon_digest *a, const struct tenon_digest *b)
{
    return tenon_streq(a->str, b->str);
}

static void
assert_where(const struct keys *a, const struct keys *b, enum where where,
             const char *what)
{
    ck_assert_msg(same(&a->vertex, &b->vertex) == (where == SAME), "%s: vertex",
                  what);
    ck_assert_msg(same(&a->own, &b->own) == (where != OWN), "%s: own key", what);
    ck_assert_msg(same(&a->k1, &b->k1) == (where != OWN && where != DEFINITION),
                  "%s: definition key", what);
}

START_TEST(test_keys_every_attribute)
{
    compile_mount("x", "TENON_KEY_OPTIONS", 1);
    compile_mount("y", "TENON_KEY_OPTIONS", 1);
    compile_mount("neutral", "TENON_KEY_NEUTRAL", 1);
    open_plugins();
    for (size_t i = 0; i < tenon_countof(pairs); i++) {
        const struct pair *p = &pairs[i];
        auto_free char *what = tenon_asprintf(
            "%s %s (%s, %s)", tenon_node_kind_names[p->kind], p->attr,
            p->one[0] ? p->one[0] : "none", p->two[0] ? p->two[0] : "none");
        const struct keys one = keys_with(p, p->one), two = keys_with(p, p->two);
        const struct keys again = keys_with(p, p->one);
        assert_where(&one, &two, p->where, what);
        assert_where(&one, &again, SAME, what);
    }
}
END_TEST

/* A new attribute needs a pair of values above. */
START_TEST(test_keys_no_attribute_is_forgotten)
{
    for (int kind = 0; kind < NODE_KINDS; kind++) {
        for (const struct attr *a = tenon_node_attrs[kind]; a->name; a++) {
            bool found = false;
            for (size_t i = 0; i < tenon_countof(pairs) && !found; i++)
                found = (int)pairs[i].kind == kind && pairs[i].where != SAME &&
                        attr_of(pairs[i].kind, pairs[i].attr) == a;
            ck_assert_msg(found, "no pair of values for \"%s\" of %s", a->name,
                          tenon_node_kind_names[kind]);
        }
    }
}
END_TEST

/* ---- from the node to the decoded op ------------------------------------------- */

/* The struct that an attribute's offset is in: in the node all of them begin at
 * the same place. */
static const char *
decoded(const struct tenon_vertex *v, enum node_kind kind)
{
    const struct tenon_op_exec *x = &v->op.exec;

    switch (kind) {
    case NODE_SOURCE:
        return (const char *)&v->op.source;
    case NODE_EXEC:
        return (const char *)x;
    case NODE_MOUNT: /* behind the root */
        return (const char *)&x->mounts[1];
    case NODE_SECRETENV:
        return (const char *)&x->secretenv[0];
    case NODE_EXTRAHOST:
        return (const char *)&x->extra_hosts[0];
    case NODE_ULIMIT:
        return (const char *)&x->ulimits[0];
    case NODE_DEVICE:
        return (const char *)&x->devices[0];
    case NODE_COPY:
    case NODE_MKFILE:
    case NODE_MKDIR:
    case NODE_RM:
    case NODE_SYMLINK:
        return (const char *)&v->op.file.actions[0];
    case NODE_FILE:
    case NODE_MERGE:
    case NODE_DIFF:
    case NODE_KINDS:
        break;
    }
    ck_abort_msg("%s has no attributes", tenon_node_kind_names[kind]);
}

static void
add_text(struct tenon_buf *b, const char *text)
{
    tenon_buf_addf(b, "\"%s\"", text ? text : "");
}

static void
add_map(struct tenon_buf *b, const struct tenon_pair *map, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tenon_buf_addf(b, "%s=%s,", map[i].key, map[i].value);
}

/* One attribute's value, wherever its struct lies; at points to where the node
 * would begin. */
static void
show_attr(const struct attr *a, const char *at, struct tenon_buf *b)
{
    const void *p = at + a->offset;
    const size_t *extra = (const void *)(at + a->extra);

    switch (a->type) {
    case ATTR_STRING:
    case ATTR_OPTIONAL:
        add_text(b, *(const char *const *)p);
        break;
    case ATTR_LIST:
        for (const char *const *l = *(const char *const *const *)p; l && *l; l++)
            add_text(b, *l);
        break;
    case ATTR_BYTES:
        tenon_buf_add(b, *(const void *const *)p, *extra);
        break;
    case ATTR_MAP:
        add_map(b, *(const struct tenon_pair *const *)p, *extra);
        break;
    case ATTR_INTS:
        for (size_t i = 0; i < *extra; i++)
            tenon_buf_addf(b, "%lld,", (long long)(*(const int64_t *const *)p)[i]);
        break;
    case ATTR_INT64:
        tenon_buf_addf(b, "%lld", (long long)*(const int64_t *)p);
        break;
    case ATTR_WORD:
    case ATTR_INT32:
        tenon_buf_addf(b, "%d", *(const int32_t *)p);
        break;
    case ATTR_UINT32:
        tenon_buf_addf(b, "%u", *(const uint32_t *)p);
        break;
    case ATTR_BOOL:
        tenon_buf_addf(b, "%d", *(const bool *)p);
        break;
    case ATTR_USER: {
        const struct tenon_op_user *u = p;
        tenon_buf_addf(b, "%d %u ", (int)u->how, u->how == TENON_USER_ID ? u->id : 0);
        add_text(b, u->how == TENON_USER_NAME ? u->name : "");
        break;
    }
    case ATTR_MOUNT_TYPE: {
        const struct tenon_op_mount *m =
            (const void *)(at + offsetof(struct tenon_node, mount));
        tenon_buf_addf(b, "%d ", (int)m->type);
        add_text(b, m->plugin_type);
        break;
    }
    case ATTR_PLATFORM: /* of the op: below */
        break;
    }
}

/* Every attribute of the kind, and not only the one that was set: none has taken
 * another's place, and what was not set is what the node has for it. */
static void
assert_arrived(const struct pair *p, const char *const *values)
{
    struct tenon_node *op, *n = begin(p->kind, p->as, &op);
    const size_t start = offsetof(struct tenon_node, source);

    for (; *values; values++)
        set_any(n, p->kind, p->attr, *values);
    const struct tenon_vertex *v = tenon_node_freeze(op, &err);
    ck_assert_msg(v != NULL, "%s", err.message);
    const char *at = decoded(v, p->kind) - start;
    for (const struct attr *a = tenon_node_attrs[p->kind]; a->name; a++) {
        auto_buf struct tenon_buf want = TENON_BUF_INIT, got = TENON_BUF_INIT;
        /* Paths of actions are made absolute; the ones given here are. */
        if (p->kind >= NODE_COPY && a->type == ATTR_STRING && !tenon_streq(a->name, p->attr))
            continue;
        if (a->offset == offsetof(struct tenon_node, no_output)) {
            const struct tenon_op_mount *m = (const void *)(at + start);
            ck_assert_msg(!n->no_output || m->output == -1, "no output");
            continue;
        }
        show_attr(a, (const char *)n, &want);
        show_attr(a, at, &got);
        ck_assert_msg(tenon_streq(tenon_buf_str(&want), tenon_buf_str(&got)),
                      "%s %s: %s is %s, not %s", tenon_node_kind_names[p->kind], p->attr,
                      a->name, tenon_buf_str(&got), tenon_buf_str(&want));
    }
    ck_assert_int_eq(v->op.has_platform, op->has_platform);
    if (op->has_platform) {
        ck_assert_str_eq(v->op.platform.os, op->platform.os);
        ck_assert_str_eq(v->op.platform.arch, op->platform.arch);
        ck_assert_str_eq(v->op.platform.variant, op->platform.variant);
        ck_assert_str_eq(v->op.platform.os_version, op->platform.os_version);
    }
}

START_TEST(test_keys_every_attribute_arrives)
{
    for (size_t i = 0; i < tenon_countof(pairs); i++) {
        if (pairs[i].where == SAME)
            continue;
        assert_arrived(&pairs[i], pairs[i].one);
        assert_arrived(&pairs[i], pairs[i].two);
    }
}
END_TEST

/* What a text says of a platform. */
START_TEST(test_keys_platform_has_parts)
{
    struct tenon_node *n = source("a");

    set(n, "platform", "linux(6.1)/arm/v6");
    const struct tenon_vertex *v = tenon_node_freeze(n, &err);
    ck_assert_str_eq(v->op.platform.os, "linux");
    ck_assert_str_eq(v->op.platform.os_version, "6.1");
    ck_assert_str_eq(v->op.platform.arch, "arm");
    ck_assert_str_eq(v->op.platform.variant, "v6");
}
END_TEST

/* ---- inputs -------------------------------------------------------------------- */

/* Each slot of each op, connected to one tree or to another one. */
static const struct {
    const char *op, *part, *slot, *owner;
    enum node_slot number;
} slots[] = {
    { "exec", "mount", "input", NULL, SLOT_INPUT }, /* "/" */
    { "file", "copy", "input", NULL, SLOT_INPUT },
    { "file", "copy", "secondary", NULL, SLOT_SECONDARY },
    { "file", "copy", "owner.user", "owner.user", SLOT_USER },
    { "file", "copy", "owner.group", "owner.group", SLOT_GROUP },
    { "file", "mkfile", "input", NULL, SLOT_INPUT },
    { "file", "mkfile", "owner.user", "owner.user", SLOT_USER },
    { "file", "mkdir", "owner.group", "owner.group", SLOT_GROUP },
    { "file", "symlink", "owner.user", "owner.user", SLOT_USER },
    { "file", "rm", "input", NULL, SLOT_INPUT },
    { "merge", NULL, "input", NULL, SLOT_INPUT },
    { "diff", NULL, "lower", NULL, SLOT_LOWER },
    { "diff", NULL, "upper", NULL, SLOT_UPPER },
};

static struct keys
keys_from(size_t i, struct tenon_node *from, uint32_t output)
{
    struct tenon_node *op = new_node(slots[i].op), *n = op;

    if (slots[i].part)
        n = new_part(op, slots[i].part);
    if (tenon_streq(slots[i].op, "exec")) {
        set(op, "args", "sh");
        set(n, "dest", "/");
    }
    if (slots[i].owner)
        set(n, slots[i].owner, "somebody");
    OK(tenon_node_input(n, slots[i].slot, from, output, &err));
    if (tenon_streq(slots[i].op, "merge"))
        connect_to(n, "input", source("base"));
    return keys_of(op, false);
}

START_TEST(test_keys_every_slot)
{
    struct tenon_node *two = exec(); /* with two outputs */
    struct tenon_node *second = new_part(two, "mount");
    set(second, "dest", "/m");

    const struct keys a = keys_from((size_t)_i, source("a"), 0);
    const struct keys b = keys_from((size_t)_i, source("b"), 0);
    const struct keys again = keys_from((size_t)_i, source("a"), 0);
    const struct keys first = keys_from((size_t)_i, two, 0);
    const struct keys other = keys_from((size_t)_i, two, 1);
    const struct keys none = keys_from((size_t)_i, NULL, 0);
    assert_where(&a, &again, SAME, slots[_i].slot);
    assert_where(&a, &b, DEFINITION, slots[_i].slot);
    assert_where(&first, &other, DEFINITION, slots[_i].slot);
    ck_assert_str_ne(a.k1.str, none.k1.str);
}
END_TEST

/* The same output twice is one input, two outputs are two. */
START_TEST(test_keys_outputs_are_inputs_of_their_own)
{
    struct tenon_node *two = exec();
    set(new_part(two, "mount"), "dest", "/m");

    for (uint32_t output = 0; output < 2; output++) {
        struct tenon_node *f = new_node("file"), *a = new_part(f, "copy");
        set(a, "src", "/s");
        set(a, "dest", "/d");
        connect_to(a, "input", two);
        OK(tenon_node_input(a, "secondary", two, output, &err));
        const struct tenon_vertex *v = tenon_node_freeze(f, &err);
        ck_assert_uint_eq(v->input_count, output + 1);
        ck_assert_int_eq(v->op.file.actions[0].secondary, output);
        ck_assert_uint_eq(v->inputs[output].index, output);
    }
}
END_TEST

START_TEST(test_keys_no_slot_is_forgotten)
{
    for (int slot = 0; slot < NODE_SLOTS; slot++) {
        bool found = false;
        for (size_t i = 0; i < tenon_countof(slots); i++)
            found = found || (int)slots[i].number == slot;
        ck_assert_msg(found, "slot %d", slot);
    }
}
END_TEST

START_TEST(test_keys_order_of_inputs)
{
    static const char *const slot[][2] = { { "input", "input" },
                                           { "lower", "upper" } };
    struct keys k[2];

    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < 2; i++) {
            struct tenon_node *n = new_node(kind ? "diff" : "merge");
            connect_to(n, slot[kind][0], source(i ? "a" : "b"));
            connect_to(n, slot[kind][1], source(i ? "b" : "a"));
            k[i] = keys_of(n, false);
        }
        assert_where(&k[0], &k[1], DEFINITION, kind ? "diff" : "merge");
    }
    /* The empty one on the left or on the right. */
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < 2; i++) {
            struct tenon_node *n = new_node(kind ? "diff" : "merge");
            connect_to(n, slot[kind][0], i ? source("a") : NULL);
            connect_to(n, slot[kind][1], i ? NULL : source("a"));
            k[i] = keys_of(n, false);
        }
        assert_where(&k[0], &k[1], OWN, kind ? "diff" : "merge");
    }
}
END_TEST

/* ---- parts ----------------------------------------------------------------------- */

static struct tenon_node *
exec_with(unsigned variant)
{
    struct tenon_node *x = exec(), *p;

    switch (variant) {
    case 1: /* a mount more */
        set(new_part(x, "mount"), "dest", "/m");
        break;
    case 2:
        p = new_part(x, "mount");
        set(p, "dest", "/m");
        set(new_part(x, "mount"), "dest", "/n");
        break;
    case 3:
    case 4: /* which of two hosts comes first */
        set(new_part(x, "extrahost"), "host", variant == 3 ? "a" : "b");
        set(new_part(x, "extrahost"), "host", variant == 3 ? "b" : "a");
        break;
    case 5:
    case 6: /* one secret less */
        set(new_part(x, "secretenv"), "id", "a");
        if (variant == 6)
            set(new_part(x, "secretenv"), "id", "b");
        break;
    case 7:
        set(new_part(x, "ulimit"), "name", "core");
        break;
    case 8:
        set(new_part(x, "device"), "name", "core");
        break;
    default:
        break;
    }
    return x;
}

START_TEST(test_keys_every_part_counts)
{
    enum { VARIANTS = 9 };
    struct keys k[VARIANTS];

    for (unsigned i = 0; i < VARIANTS; i++) {
        k[i] = keys_of(exec_with(i), false);
        for (unsigned before = 0; before < i; before++)
            ck_assert_msg(!same(&k[i].own, &k[before].own), "%u and %u", i,
                          before);
    }
}
END_TEST

/* The actions of a file op: their kind, number, order, and what each works on. */
static struct tenon_node *
file_with(unsigned variant)
{
    struct tenon_node *f = new_node("file"), *a, *b;

    a = new_part(f, variant == 1 ? "mkdir" : "rm");
    set(a, "path", variant == 3 ? "/b" : "/a");
    connect_to(a, "input", source("base"));
    if (variant < 2)
        return f;
    b = new_part(f, "rm");
    set(b, "path", variant == 3 ? "/a" : "/b");
    if (variant == 4) /* beside the first, not upon it */
        connect_to(b, "input", source("base"));
    return f;
}

START_TEST(test_keys_every_action_counts)
{
    enum { VARIANTS = 5 };
    struct keys k[VARIANTS];

    for (unsigned i = 0; i < VARIANTS; i++) {
        k[i] = keys_of(file_with(i), false);
        for (unsigned before = 0; before < i; before++)
            ck_assert_msg(!same(&k[i].own, &k[before].own), "%u and %u", i,
                          before);
    }
}
END_TEST

/* A lone root says nothing, as long as there is nothing to say about it. */
START_TEST(test_keys_lone_root_that_is_not_plain)
{
    static const char *const attrs[][2] = {
        { NULL, NULL }, { "selector", "/d" }, { "readonly", "1" },
        { "type", "tmpfs" }, { "type", "x" }, { "result_id", "r" },
    };
    struct keys k[tenon_countof(attrs)];

    compile_mount("x", "TENON_KEY_OPTIONS", 1);
    open_plugins();
    for (size_t i = 0; i < tenon_countof(attrs); i++) {
        struct tenon_node *x = new_node("exec");
        struct tenon_node *m = new_part(x, "mount");
        set(x, "args", "sh");
        set(m, "dest", "/");
        connect_to(m, "input", source("base"));
        if (attrs[i][0])
            set_any(m, NODE_MOUNT, attrs[i][0], attrs[i][1]);
        k[i] = keys_of(x, false);
        for (size_t before = 0; before < i; before++)
            ck_assert_msg(!same(&k[i].own, &k[before].own), "%s %s",
                          attrs[i][0], attrs[i][1]);
    }
}
END_TEST

/* Two kinds of op with the same parts. */
START_TEST(test_keys_kind_of_op_counts)
{
    struct tenon_node *merge = new_node("merge"), *diff = new_node("diff");

    connect_to(merge, "input", source("a"));
    connect_to(merge, "input", source("b"));
    connect_to(diff, "lower", source("a"));
    connect_to(diff, "upper", source("b"));
    const struct keys one = keys_of(merge, false), two = keys_of(diff, false);
    assert_where(&one, &two, OWN, "merge or diff");
}
END_TEST

/* ---- beside the op ----------------------------------------------------------------- */

START_TEST(test_keys_what_stands_beside_is_in_none)
{
    static const char *const beside[][2] = {
        { "llb.customname", "a name" },   { "ignore_cache", "true" },
        { "resources.memory", "1000" },   { "resources.memory_swap", "1000" },
        { "resources.cpu_shares", "2" },  { "resources.cpu_period", "2" },
        { "resources.cpu_quota", "2" },   { "resources.cpuset_cpus", "0" },
        { "resources.cpuset_mems", "0" }, { "progress_group.id", "g" },
        { "progress_group.name", "g" },   { "progress_group.weak", "true" },
        { "anything.else", "x" },
    };
    struct tenon_graph *plain_graph = g;
    const struct keys plain = keys_of(exec(), false);

    /* In a graph of its own: there equal vertices are one. */
    g = tenon_graph_new();
    struct tenon_node *n = exec();
    for (size_t i = 0; i < tenon_countof(beside); i++)
        OK(tenon_node_describe(n, beside[i][0], beside[i][1], &err));
    OK(tenon_node_at(n, 0, 3, 4));
    const struct keys k = keys_of(n, false);
    assert_where(&plain, &k, SAME, "beside");

    const struct tenon_vertex *v = tenon_node_freeze(n, &err);
    ck_assert_str_eq(v->name, "a name");
    ck_assert(v->ignore_cache);
    ck_assert_int_eq(v->memory, 1000);
    ck_assert_int_eq(v->memory_swap, 1000);
    ck_assert_int_eq(v->cpu_shares, 2);
    ck_assert_int_eq(v->cpu_period, 2);
    ck_assert_int_eq(v->cpu_quota, 2);
    ck_assert_str_eq(v->cpuset_cpus, "0");
    ck_assert_str_eq(v->cpuset_mems, "0");
    ck_assert_str_eq(v->group_id, "g");
    ck_assert_str_eq(v->group_name, "g");
    ck_assert(v->group_weak);
    ck_assert_str_eq(tenon_vertex_describe(v, "anything.else"), "x");
    ck_assert_uint_eq(v->ranges[0].line, 3);
    ck_assert_uint_eq(v->ranges[0].end_line, 4);
    tenon_graph_free(plain_graph);
}
END_TEST

/* ---- plugins ------------------------------------------------------------------------ */

static struct keys
keys_of_plugin(const char *policy, unsigned epoch)
{
    compile_mount("x", policy, epoch);
    open_plugins();
    struct tenon_node *n = exec();
    struct tenon_node *m = new_part(n, "mount");
    set(m, "type", "x");
    set(m, "dest", "/m");
    return keys_of(n, false);
}

START_TEST(test_keys_policy_and_epoch_of_a_plugin)
{
    const struct keys one = keys_of_plugin("TENON_KEY_OPTIONS", 1);
    const struct keys two = keys_of_plugin("TENON_KEY_OPTIONS", 2);
    const struct keys neutral = keys_of_plugin("TENON_KEY_NEUTRAL", 1);
    const struct keys newer = keys_of_plugin("TENON_KEY_NEUTRAL", 2);
    const struct keys never = keys_of_plugin("TENON_KEY_VOLATILE", 1);

    ck_assert_str_ne(one.own.str, two.own.str);
    ck_assert_str_ne(one.own.str, neutral.own.str);
    ck_assert_str_eq(neutral.own.str, newer.own.str);
    ck_assert(!one.is_volatile && !neutral.is_volatile && never.is_volatile);
}
END_TEST

/* ---- content ------------------------------------------------------------------------- */

/* a and b hold the same, c something else; other's c does not. */
static void
make_trees(void)
{
    static const char *const files[][2] = {
        { "base/a/f", "1" },  { "base/b/f", "1" },  { "base/c/f", "2" },
        { "other/a/f", "1" }, { "other/b/f", "1" }, { "other/c/f", "1" },
        { "base/etc/passwd", "u:x:1:1::/:\n" }, { "base/etc/group", "u:x:1:\n" },
        { "other/etc/passwd", "u:x:2:1::/:\n" }, { "other/etc/group", "u:x:1:\n" },
    };

    for (size_t i = 0; i < tenon_countof(files); i++) {
        auto_free char *dir = tenon_strndup(
            files[i][0], (size_t)(strrchr(files[i][0], '/') - files[i][0]));
        OK(tenon_mkdir_p(top_dir, dir, 0755, &err));
        unit_write(top_dir, files[i][0], files[i][1]);
    }
}

static struct tenon_node *
copy_from(const char *tree, const char *src, const char *user,
          const char *users)
{
    struct tenon_node *f = new_node("file"), *a = new_part(f, "copy");

    set(a, "src", src);
    set(a, "dest", "/t");
    connect_to(a, "input", source("unread"));
    connect_to(a, "secondary", source(tree));
    if (user) {
        set(a, users ? "owner.user" : "owner.group", user);
        connect_to(a, users ? "owner.user" : "owner.group",
                   source(users ? users : "base"));
    }
    return f;
}

START_TEST(test_keys_copy_by_content)
{
    make_trees();
    const struct keys a = keys_of(copy_from("base", "/a/f", NULL, NULL), true);
    const struct keys b = keys_of(copy_from("base", "/b/f", NULL, NULL), true);
    const struct keys c = keys_of(copy_from("base", "/c/f", NULL, NULL), true);
    const struct keys o = keys_of(copy_from("other", "/a/f", NULL, NULL), true);

    ck_assert_str_ne(a.k1.str, a.k2.str);
    ck_assert_str_ne(a.k1.str, b.k1.str);
    ck_assert_str_eq(a.k2.str, b.k2.str);
    ck_assert_str_ne(a.k2.str, c.k2.str);
    ck_assert_str_ne(a.k1.str, o.k1.str);
    ck_assert_str_eq(a.k2.str, o.k2.str);
}
END_TEST

START_TEST(test_keys_owner_by_the_files_that_name_it)
{
    make_trees();
    const struct keys none = keys_of(copy_from("base", "/a/f", NULL, NULL), true);
    const struct keys base = keys_of(copy_from("base", "/a/f", "u", "base"), true);
    const struct keys other = keys_of(copy_from("base", "/a/f", "u", "other"), true);
    const struct keys group = keys_of(copy_from("base", "/a/f", "u", NULL), true);

    ck_assert_str_ne(none.k2.str, base.k2.str);
    ck_assert_str_ne(base.k2.str, other.k2.str);
    ck_assert_str_ne(base.k2.str, group.k2.str);
    unit_write(top_dir, "base/etc/passwd", "u:x:7:1::/:\n");
    const struct keys user2 = keys_of(copy_from("other", "/a/f", "u", "base"), true);
    const struct keys group2 = keys_of(copy_from("base", "/a/f", "u", NULL), true);
    ck_assert_str_ne(base.k2.str, user2.k2.str);
    ck_assert_str_eq(group.k2.str, group2.k2.str);
    unit_write(top_dir, "base/etc/group", "u:x:7:\n");
    const struct keys group3 = keys_of(copy_from("base", "/a/f", "u", NULL), true);
    ck_assert_str_ne(group.k2.str, group3.k2.str);
}
END_TEST

struct bind {
    const char *tree, *selector, *attr;
};

/* An exec on base with two more mounts at the most. */
static struct keys
keys_with_binds(struct bind one, struct bind two)
{
    struct tenon_node *x = exec();
    const struct bind *const binds[] = { &one, &two };

    for (size_t i = 0; i < 2; i++) {
        if (!binds[i]->tree)
            continue;
        struct tenon_node *m = new_part(x, "mount");
        set(m, "dest", i ? "/two" : "/one");
        set(m, "selector", binds[i]->selector);
        if (binds[i]->attr)
            OK(tenon_node_set_int(m, binds[i]->attr, 1, &err));
        connect_to(m, "input", source(binds[i]->tree));
    }
    return keys_of(x, true);
}

START_TEST(test_keys_mounts_by_content)
{
    static const struct bind none;
    static const char *const safe[] = { "readonly", "no_output" };

    make_trees();
    for (size_t i = 0; i < tenon_countof(safe); i++) {
        const struct keys a = keys_with_binds((struct bind){ "other", "/a", safe[i] }, none);
        const struct keys b = keys_with_binds((struct bind){ "other", "/b", safe[i] }, none);
        ck_assert_str_ne(a.k1.str, b.k1.str);
        ck_assert_str_eq(a.k2.str, b.k2.str);
        unit_write(top_dir, "other/b/f", "changed");
        const struct keys changed = keys_with_binds((struct bind){ "other", "/b", safe[i] }, none);
        ck_assert_str_eq(b.k1.str, changed.k1.str);
        ck_assert_str_ne(b.k2.str, changed.k2.str);
        unit_write(top_dir, "other/b/f", "1");
    }
    /* The whole of a tree goes by content though it is written to. */
    const struct keys whole = keys_with_binds((struct bind){ "other", "/", NULL }, none);
    unit_write(top_dir, "other/a/f", "2");
    const struct keys changed = keys_with_binds((struct bind){ "other", "/", NULL }, none);
    ck_assert_str_eq(whole.k1.str, changed.k1.str);
    ck_assert_str_ne(whole.k2.str, changed.k2.str);
    /* A part that is written to does not. */
    const struct keys written = keys_with_binds((struct bind){ "other", "/a", NULL }, none);
    unit_write(top_dir, "other/a/f", "3");
    const struct keys same_key = keys_with_binds((struct bind){ "other", "/a", NULL }, none);
    ck_assert_str_eq(written.k2.str, same_key.k2.str);
}
END_TEST

/* A tree that does not go by content is known by its key, which does not say
 * what of it is mounted: that has to be said beside it. */
START_TEST(test_keys_selector_counts_where_content_does_not)
{
    const struct bind read = { "third", "/", "readonly" };

    make_trees();
    OK(tenon_mkdir_p(top_dir, "third", 0755, &err));
    /* of the step's own root */
    const struct keys a = keys_with_binds((struct bind){ "base", "/a", "readonly" }, read);
    const struct keys c = keys_with_binds((struct bind){ "base", "/c", "readonly" }, read);
    ck_assert_str_ne(a.k1.str, c.k1.str);
    ck_assert_str_ne(a.k2.str, c.k2.str);
    /* of a tree that is written to */
    const struct keys d = keys_with_binds((struct bind){ "other", "/a", NULL }, read);
    const struct keys e = keys_with_binds((struct bind){ "other", "/c", NULL }, read);
    ck_assert_str_ne(d.k2.str, e.k2.str);
}
END_TEST

/* The same for a copy out of what it is made upon. */
START_TEST(test_keys_copy_from_its_own_base)
{
    struct keys k[2][2];

    make_trees();
    for (int content = 0; content < 2; content++) {
        for (int i = 0; i < 2; i++) {
            struct tenon_node *f = new_node("file"), *a = new_part(f, "copy");
            set(a, "src", i ? "/a/f" : "/c/f");
            set(a, "dest", "/t");
            connect_to(a, "input", source("base"));
            connect_to(a, "secondary", source("base"));
            k[content][i] = keys_of(f, content);
        }
        ck_assert_str_ne(k[content][0].k1.str, k[content][1].k1.str);
    }
    ck_assert_str_ne(k[1][0].k2.str, k[1][1].k2.str);
}
END_TEST

/* Two sources of one copy: each of them counts. */
START_TEST(test_keys_every_source_of_a_copy_counts)
{
    static const char *const files[] = { "base/a/f", "base/c/f" };
    struct keys k[3];

    make_trees();
    for (int i = 0; i < 3; i++) {
        struct tenon_node *f = new_node("file");
        for (int part = 0; part < 2; part++) {
            struct tenon_node *a = new_part(f, "copy");
            set(a, "src", part ? "/c/f" : "/a/f");
            set(a, "dest", "/t/");
            if (!part)
                connect_to(a, "input", source("unread"));
            connect_to(a, "secondary", source("base"));
        }
        k[i] = keys_of(f, true);
        if (i < 2)
            unit_write(top_dir, files[i], "another");
    }
    ck_assert_str_ne(k[0].k2.str, k[1].k2.str);
    ck_assert_str_ne(k[1].k2.str, k[2].k2.str);
}
END_TEST

/* What a copy does not take may change, what it takes may not. */
static const struct {
    const char *attr, *value; /* of the copy of /d, or of `src` */
    const char *src, *changed;
    bool same;
} taken[] = {
    { NULL, NULL, "/d", "base/d/x", false },
    { "exclude", "x", "/d", "base/d/x", true },
    { "exclude", "x", "/d", "base/d/y", false },
    { "include", "y", "/d", "base/d/x", true },
    { "include", "y", "/d", "base/d/y", false },
    { NULL, NULL, "/l", "base/d/x", true }, /* the link itself */
    { "follow_symlink", "1", "/l", "base/d/x", false },
    { "follow_symlink", "1", "/l", "base/d/y", true },
    { "allow_wildcard", "1", "/d/x*", "base/d/x", false },
    { "allow_wildcard", "1", "/d/x*", "base/d/y", true },
    { NULL, NULL, "/d/y", "base/d/x", true },
};

START_TEST(test_keys_what_a_copy_takes)
{
    struct keys k[2];

    make_trees();
    OK(tenon_mkdir_p(top_dir, "base/d", 0755, &err));
    unit_write(top_dir, "base/d/x", "1");
    unit_write(top_dir, "base/d/y", "1");
    ck_assert_int_eq(symlinkat("d/x", top_dir, "base/l"), 0);
    for (int i = 0; i < 2; i++) {
        struct tenon_node *f = new_node("file"), *a = new_part(f, "copy");
        set(a, "src", taken[_i].src);
        set(a, "dest", "/t");
        if (taken[_i].attr)
            set_any(a, NODE_COPY, taken[_i].attr, taken[_i].value);
        connect_to(a, "input", source("unread"));
        connect_to(a, "secondary", source("base"));
        k[i] = keys_of(f, true);
        unit_write(top_dir, taken[_i].changed, "2");
    }
    ck_assert_int_eq(same(&k[0].k2, &k[1].k2), taken[_i].same);
}
END_TEST

/* Only the files with names are read of what an owner is looked up in. */
START_TEST(test_keys_owner_reads_nothing_else)
{
    make_trees();
    const struct keys one = keys_of(copy_from("other", "/a/f", "u", "base"), true);
    unit_write(top_dir, "base/a/f", "changed");
    const struct keys two = keys_of(copy_from("other", "/a/f", "u", "base"), true);
    ck_assert_str_eq(one.k2.str, two.k2.str);
}
END_TEST

/* ---- what is found under a key ---------------------------------------------------- */

/* A record with fewer results than the step has tells its key, and is no hit. */
START_TEST(test_keys_records_need_their_results)
{
    for (uint32_t outputs = 0; outputs < 3; outputs++) {
        struct tenon_node *x = exec();
        auto_free char *name = tenon_asprintf("/m%u", outputs);
        set(new_part(x, "mount"), "dest", name); /* two outputs */
        const struct keys k = keys_of(x, false);
        const char *const keys[] = { k.k1.str };
        struct tenon_chain chains[3] = {0};
        struct tenon_record record = { .output_count = outputs, .outputs = chains };
        tenon_digest_of(name, strlen(name), &record.id);
        OK(tenon_record_store(store, keys, 1, &record, NULL, "name", NULL, 0, &err));

        const struct tenon_solver_options o = { .engine = &engine };
        struct tenon_solver *s = tenon_solver_new_stepped(&o);
        struct state *st = state_get(s, tenon_node_freeze(x, &err));
        st->inputs[0] = state_get(s, st->v->inputs[0].vertex);
        st->inputs[0]->ckey = st->inputs[0]->v->digest;
        struct job *j = job_new(st, work_lookup, NULL);
        OK(work_lookup(j));
        ck_assert_int_eq(j->found, outputs >= 2);
        ck_assert_str_eq(j->found ? j->record.id.str : j->alias.str, record.id.str);
        job_free(j);
        /* What is to be made anew is not even looked for. */
        st->fresh = true;
        j = job_new(st, work_lookup, NULL);
        OK(work_lookup(j));
        ck_assert(!j->found && !j->alias.str[0]);
        job_free(j);
        tenon_solver_free(s);
    }
}
END_TEST

/* ---- sources -------------------------------------------------------------------------- */

/* A source that says what it was asked, and answers as its name demands. */
static const char asked_source[] =
    "#include <tenon-plugin.h>\n"
    "#include <stdio.h>\n#include <string.h>\n"
    "static const struct tenon_host *host;\n"
    "static int init(const struct tenon_host *h, const struct tenon_values *v, void **self,"
    " struct tenon_error *e) { (void)v, (void)e; host = h; *self = 0; return 0; }\n"
    "static int resolve(void *self, struct tenon_ctx *ctx,"
    " const struct tenon_source_request *r, struct tenon_source_info *i,"
    " struct tenon_error *e) {\n"
    "    char text[512]; int n; static struct tenon_descriptor layer;\n"
    "    (void)self, (void)e;\n"
    "    n = snprintf(text, sizeof text, \"%s|%s\", r->identifier, r->platform);\n"
    "    for (const char *const *a = r->attrs; a && *a; a++)\n"
    "        n += snprintf(text + n, sizeof text - n, \"|%s\", *a);\n"
    "    i->digest = host->strdup(ctx, text);\n"
    "    i->config = i->digest; i->config_len = strlen(i->digest);\n"
    "    i->key = strstr(text, \"keyless\") ? NULL : i->digest;\n"
    "    i->flags = strstr(text, \"none\") ? 0 : strstr(text, \"two\") ?"
    " TENON_SOURCE_TREE | TENON_SOURCE_LAYERS : strstr(text, \"layers\") ?"
    " TENON_SOURCE_LAYERS : strstr(text, \"inplace\") ? TENON_SOURCE_IN_PLACE :"
    " TENON_SOURCE_TREE;\n"
    "    if (strstr(text, \"layers\")) { i->layers = &layer; i->layer_count = 1;"
    " layer.digest = \"d\"; layer.diff_id = strstr(text, \"bare\") ? 0 :"
    " \"sha256:" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" "\"; }\n"
    "    return 0; }\n"
    "static int fetch(void *self, struct tenon_ctx *c, const struct tenon_source_request *r,"
    " const struct tenon_source_info *i, int fd, struct tenon_error *e)"
    " { (void)self,(void)c,(void)r,(void)i,(void)fd,(void)e; return 0; }\n"
    "static int layer(void *self, struct tenon_ctx *c, const struct tenon_source_request *r,"
    " const struct tenon_source_info *i, const struct tenon_descriptor *l,"
    " struct tenon_error *e)"
    " { (void)self,(void)c,(void)r,(void)i,(void)l,(void)e; return 0; }\n"
    "static const char *const schemes[] = { \"asked\", 0 };\n"
    "static const struct tenon_source_ops ops = { .struct_size = sizeof ops,"
    " .schemes = schemes, .resolve = resolve, .fetch = fetch, .fetch_layer = layer };\n"
    "static const struct tenon_plugin p = { TENON_PLUGIN_HEADER(TENON_KIND_SOURCE),"
    " .key_policy = TENON_KEY_OPTIONS, .name = \"asked\", .init = init,"
    " .ops.source = &ops };\n"
    "TENON_PLUGIN_EXPORT(source_asked, p);\n";

static const struct {
    const char *identifier, *platform, *attr;
} questions[] = {
    { "asked://a", NULL, NULL }, { "asked://b", NULL, NULL },
    { "asked://a", "linux/arm64", NULL }, { "asked://a", "linux/arm/v6", NULL },
    { "asked://a", "linux/arm/v7", NULL }, { "asked://a", "linux(1)/amd64", NULL },
    { "asked://a", NULL, "k=1" }, { "asked://a", NULL, "k=2" },
};

static void
expected_answer(size_t i, char text[128])
{
    snprintf(text, 128, "%s|%s%s%s", questions[i].identifier,
             questions[i].platform ? questions[i].platform : "linux/amd64",
             questions[i].attr ? "|" : "", questions[i].attr ? questions[i].attr : "");
}

/* Each question is asked of its own, of one solver. */
START_TEST(test_keys_metadata_of_each_question)
{
    compile("source", "asked", asked_source);
    open_plugins();
    const struct tenon_solver_options o = { .engine = &engine };
    struct tenon_solver *s = tenon_solver_new_stepped(&o);
    struct tenon_ctx *ctx = tenon_ctx_new(&engine, engine.events, NULL, "x");

    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < tenon_countof(questions); i++) {
            const char *const attrs[] = { questions[i].attr, NULL };
            const struct tenon_source_query q = {
                .struct_size = sizeof q, .identifier = questions[i].identifier,
                .platform = questions[i].platform, .attrs = attrs };
            struct tenon_source_meta meta = { .struct_size = sizeof meta };
            char text[128];
            expected_answer(i, text);
            OK(tenon_solver_source_meta(s, ctx, &q, &meta, &err));
            ck_assert_str_eq(meta.digest, text);
            ck_assert_uint_eq(meta.config_len, strlen(text));
            ck_assert_mem_eq(meta.config, text, strlen(text));
        }
    }
    tenon_ctx_free(ctx);
    tenon_solver_free(s);
}
END_TEST

static int
resolve_source(size_t i, const char *identifier, char text[128])
{
    const struct tenon_solver_options o = { .engine = &engine };
    struct tenon_solver *s = tenon_solver_new_stepped(&o);
    struct tenon_node *n = new_node("source");
    int code;

    set(n, "identifier", identifier ? identifier : questions[i].identifier);
    if (!identifier && questions[i].platform)
        set(n, "platform", questions[i].platform);
    if (!identifier && questions[i].attr)
        set(n, "attr.k", questions[i].attr + 2);
    struct job *j = job_new(state_get(s, tenon_node_freeze(n, &err)), work_resolve, NULL);
    code = work_resolve(j);
    if (code == 0)
        snprintf(text, 128, "%s", source_key(j->state) ? source_key(j->state) : "");
    job_free(j);
    tenon_solver_free(s);
    return code;
}

/* The plugin sees what the op says, and its word is the key. */
START_TEST(test_keys_source_is_asked_all)
{
    compile("source", "asked", asked_source);
    open_plugins();
    for (size_t i = 0; i < tenon_countof(questions); i++) {
        char want[128], got[128];
        expected_answer(i, want);
        ck_assert_int_eq(resolve_source(i, NULL, got), 0);
        ck_assert_str_eq(got, want);
    }
}
END_TEST

static const struct {
    const char *identifier;
    int code;
} answers[] = {
    { "asked://tree", 0 },
    { "asked://tree-keyless", 0 },
    { "asked://layers", 0 },
    { "asked://layers-keyless", TENON_E_BUG },
    { "asked://layers-bare", TENON_E_INVALID },
    { "asked://none", TENON_E_BUG },
    { "asked://two", TENON_E_BUG },
    { "asked://inplace", TENON_E_BUG }, /* it has no open_tree */
    { "asked", TENON_E_INVALID },
    { "nobody://x", TENON_E_NOT_FOUND },
};

START_TEST(test_keys_source_answers_are_checked)
{
    compile("source", "asked", asked_source);
    open_plugins();
    for (size_t i = 0; i < tenon_countof(answers); i++) {
        char text[128];
        int code = resolve_source(0, answers[i].identifier, text);
        ck_assert_msg(code == answers[i].code, "%s: %d", answers[i].identifier, code);
    }
}
END_TEST

START_TEST(test_keys_content_cache_overrides)
{
    make_trees();
    for (int on = 0; on < 2; on++) {
        struct keys k[2];
        for (int i = 0; i < 2; i++) {
            struct tenon_node *x = exec();
            struct tenon_node *m = new_part(x, "mount");
            set(m, "dest", "/one");
            set(m, "content_cache", on ? "on" : "off");
            OK(tenon_node_set_int(m, "readonly", 1, &err));
            connect_to(m, "input", source("other"));
            unit_write(top_dir, "other/a/f", i ? "1" : "2");
            k[i] = keys_of(x, true);
        }
        ck_assert_int_eq(same(&k[0].k2, &k[1].k2), !on);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("solve-keys");
    TCase *c = tcase_create("keys");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_keys_every_attribute);
    tcase_add_test(c, test_keys_no_attribute_is_forgotten);
    tcase_add_test(c, test_keys_every_attribute_arrives);
    tcase_add_test(c, test_keys_platform_has_parts);
    tcase_add_loop_test(c, test_keys_every_slot, 0, tenon_countof(slots));
    tcase_add_test(c, test_keys_outputs_are_inputs_of_their_own);
    tcase_add_test(c, test_keys_no_slot_is_forgotten);
    tcase_add_test(c, test_keys_order_of_inputs);
    tcase_add_test(c, test_keys_every_part_counts);
    tcase_add_test(c, test_keys_every_action_counts);
    tcase_add_test(c, test_keys_lone_root_that_is_not_plain);
    tcase_add_test(c, test_keys_kind_of_op_counts);
    tcase_add_test(c, test_keys_what_stands_beside_is_in_none);
    tcase_add_test(c, test_keys_policy_and_epoch_of_a_plugin);
    tcase_add_test(c, test_keys_copy_by_content);
    tcase_add_test(c, test_keys_owner_by_the_files_that_name_it);
    tcase_add_test(c, test_keys_mounts_by_content);
    tcase_add_test(c, test_keys_selector_counts_where_content_does_not);
    tcase_add_test(c, test_keys_copy_from_its_own_base);
    tcase_add_test(c, test_keys_content_cache_overrides);
    tcase_add_test(c, test_keys_every_source_of_a_copy_counts);
    tcase_add_loop_test(c, test_keys_what_a_copy_takes, 0, tenon_countof(taken));
    tcase_add_test(c, test_keys_owner_reads_nothing_else);
    tcase_add_test(c, test_keys_records_need_their_results);
    tcase_add_test(c, test_keys_metadata_of_each_question);
    tcase_add_test(c, test_keys_source_is_asked_all);
    tcase_add_test(c, test_keys_source_answers_are_checked);
    suite_add_tcase(s, c);
    return unit_run(s);
}
