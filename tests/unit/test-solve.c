/* The solver over the real store and the real local source; file ops only.
 * Needs to mount: skipped without root. */
#include "unit.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "tools/buf.h"
#include "context/engine.h"
#include "context/session.h"
#include "engine/host.h"
#include "graph/private.h"
#include "graph/wire.h"
#include "solve/private.h"

static char store_path[64], context_path[64];
static int store_dir, context_dir;
static struct tenon_store *store;
static struct tenon_plugins *plugins;
static struct tenon_engine engine;
static struct tenon_session session;
static struct tenon_graph *g;
static bool ignore_cache; /* of the nodes that are made */
static struct tenon_error err;
static struct tenon_buf shown, explained;
static pthread_mutex_t shown_lock = PTHREAD_MUTEX_INITIALIZER;

static int
local_open(void *data, const char *service, const char *id,
           struct tenon_error *e)
{
    (void)data;
    if (strcmp(service, "local"))
        return tenon_error_set(e, TENON_E_UNSUPPORTED, "there is no %s", service);
    if (strcmp(id, "context"))
        return tenon_error_set(e, TENON_E_NOT_FOUND, "%s \"%s\"", service, id);
    return open(context_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static const char *
local_path(void *data, const char *name)
{
    (void)data, (void)name;
    return context_path;
}

/* One line a finished vertex: "name ran|cached|canceled|error". */
static void
on_event(void *data, const struct tenon_event *ev)
{
    (void)data;
    if (ev->type != TENON_EVENT_VERTEX || !ev->completed_ns)
        return;
    pthread_mutex_lock(&shown_lock);
    tenon_buf_addf(&shown, "%s %s\n", ev->name,
                   ev->error                              ? ev->error
                   : ev->flags & TENON_EVENT_CANCELED ? "canceled"
                   : ev->flags & TENON_EVENT_CACHED   ? "cached"
                                                          : "ran");
    pthread_mutex_unlock(&shown_lock);
}

static void
on_explain(void *data, const char *vertex, const char *text)
{
    ck_assert_int_eq(strncmp(vertex, "sha256:", 7), 0);
    (void)data;
    tenon_buf_addf(&explained, "%s\n", text);
}

#define OK(e) ck_assert_msg((e) == 0, "%s", err.message ? err.message : "?")

static void
setup(void)
{
    static struct json_object *config;

    if (!config)
        config = json_object_new_object();
    err = (struct tenon_error)TENON_ERROR_INIT;
    store_dir = unit_tmpdir(store_path);
    context_dir = unit_tmpdir(context_path);
    OK(tenon_store_open(store_path, &store, &err));
    const struct tenon_plugins_options po = {
        .builtin_dir = getenv("TENON_BUILD_PLUGIN_DIR"),
        .host = tenon_engine_host(),
    };
    OK(tenon_plugins_new(&po, &plugins, &err));
    session = (struct tenon_session){ .open = local_open,
                                      .local_path = local_path };
    engine = (struct tenon_engine){
        .store = store, .plugins = plugins, .session = &session,
        .config = config, .host_platform = "linux/amd64", .jobs = 1,
    };
    g = tenon_graph_new();
    ignore_cache = false;
}

/* What is made from now on; a graph knows equal vertices once, with what they said first. */
static void
new_graph(bool ignore)
{
    tenon_graph_free(g);
    g = tenon_graph_new();
    ignore_cache = ignore;
}

static void
teardown(void)
{
    tenon_graph_free(g);
    tenon_engine_release(&engine);
    tenon_plugins_free(plugins);
    tenon_store_close(store);
    unit_tmpdir_remove(store_dir, store_path);
    unit_tmpdir_remove(context_dir, context_path);
    tenon_buf_release(&shown);
    tenon_buf_release(&explained);
    tenon_error_release(&err);
}

static struct tenon_node *
node(const char *op, const char *name)
{
    struct tenon_node *n = tenon_node_new(g, op, &err);
    ck_assert_ptr_nonnull(n);
    OK(tenon_node_describe(n, "llb.customname", name, &err));
    if (ignore_cache)
        OK(tenon_node_describe(n, "ignore_cache", "true", &err));
    return n;
}

static struct tenon_node *
part(struct tenon_node *n, const char *what, const char *k1, const char *v1,
     const char *k2, const char *v2)
{
    struct tenon_node *p = tenon_node_part(n, what, &err);
    ck_assert_ptr_nonnull(p);
    OK(tenon_node_set(p, k1, v1, &err));
    if (k2)
        OK(tenon_node_set(p, k2, v2, &err));
    return p;
}

static struct tenon_node *
context(void)
{
    struct tenon_node *n = node("source", "context");
    OK(tenon_node_set(n, "identifier", "local://context", &err));
    return n;
}

static struct tenon_node *
mkfile(const char *name, struct tenon_node *base, const char *path,
       const char *text)
{
    struct tenon_node *f = node("file", name);
    struct tenon_node *a = part(f, "mkfile", "path", path, NULL, NULL);
    OK(tenon_node_set_int(a, "mode", 0644, &err));
    OK(tenon_node_set_bytes(a, "data", text, strlen(text), &err));
    OK(tenon_node_input(a, "input", base, 0, &err));
    return f;
}

/* Upon nothing, a directory /d. */
static struct tenon_node *
dir(const char *name)
{
    struct tenon_node *f = node("file", name);
    struct tenon_node *a = part(f, "mkdir", "path", "/d", NULL, NULL);
    OK(tenon_node_set_int(a, "mode", 0755, &err));
    return f;
}

static struct tenon_node *
copy(const char *name, struct tenon_node *base, struct tenon_node *from,
     const char *src, const char *dest)
{
    struct tenon_node *f = node("file", name);
    struct tenon_node *a = part(f, "copy", "src", src, "dest", dest);
    OK(tenon_node_set_int(a, "create_dest_path", 1, &err));
    OK(tenon_node_set_int(a, "allow_wildcard", 1, &err));
    OK(tenon_node_input(a, "input", base, 0, &err));
    OK(tenon_node_input(a, "secondary", from, 0, &err));
    return f;
}

struct run {
    bool threads;
    struct tenon_solved out;
};

/* Solve n in a solver of its own; what was shown is in `shown`. */
static int
run(struct tenon_node *n, struct run *r)
{
    const struct tenon_solver_options o = { .engine = &engine,
                                            .explain = on_explain };
    const struct tenon_vertex *v = tenon_node_freeze(n, &err);
    ck_assert_msg(v != NULL, "%s", err.message ? err.message : "?");
    tenon_buf_clear(&shown);
    tenon_buf_clear(&explained);
    engine.events = tenon_events_new(on_event, NULL, NULL);
    struct tenon_solver *s =
        r->threads ? tenon_solver_new(&o) : tenon_solver_new_stepped(&o);
    int code = tenon_solver_solve(s, (struct tenon_edge){ .vertex = v }, NULL,
                                  &r->out, &err);
    tenon_solver_free(s);
    tenon_events_free(engine.events);
    engine.events = NULL;
    return code;
}

static void
assert_run(struct tenon_node *n, struct run *r, const char *expected)
{
    OK(run(n, r));
    ck_assert_str_eq(tenon_buf_str(&shown), expected);
}

static void
assert_file(const struct tenon_chain *chain, const char *path,
            const char *text)
{
    auto_job_mounts struct job_mounts m = { .store = store };
    char buf[64] = "";

    int root = job_mount(&m, chain, NULL, &err);
    ck_assert_msg(root >= 0, "%s", err.message ? err.message : "?");
    int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s is missing", path);
    ck_assert_int_ge(read(fd, buf, sizeof buf - 1), 0);
    close(fd);
    ck_assert_str_eq(buf, text);
}

static void
assert_absent(const struct tenon_chain *chain, const char *path)
{
    auto_job_mounts struct job_mounts m = { .store = store };
    struct stat st;

    const int root = job_mount(&m, chain, NULL, &err);
    ck_assert_msg(root >= 0, "%s", err.message ? err.message : "?");
    ck_assert_msg(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0, "%s is there", path);
}

/* --disable-plugin-source-local leaves it out. */
static bool
have_source_local(void)
{
    auto_free char *path = tenon_asprintf("%s/source-local.so", getenv("TENON_BUILD_PLUGIN_DIR"));
    return access(path, F_OK) == 0;
}

static struct tenon_node *
two_files(void)
{
    return mkfile("two", mkfile("one", NULL, "/1", "a"), "/2", "b");
}

START_TEST(test_solve_made_once_then_cached)
{
    struct run r = {0};
    struct tenon_node *n = two_files();

    assert_run(n, &r, "one ran\ntwo ran\n");
    ck_assert_uint_eq(r.out.chain.len, 2);
    assert_file(&r.out.chain, "1", "a");
    assert_file(&r.out.chain, "2", "b");
    const int64_t top = r.out.chain.ids[1];
    tenon_solved_release(&r.out);

    assert_run(n, &r, "one cached\ntwo cached\n");
    ck_assert_int_eq(r.out.chain.ids[1], top);
    tenon_solved_release(&r.out);

    new_graph(true);
    assert_run(two_files(), &r, "one ran\ntwo ran\n");
    ck_assert_int_ne(r.out.chain.ids[1], top);
    const int64_t newer = r.out.chain.ids[1];
    tenon_solved_release(&r.out);

    new_graph(false); /* finds what the last one made */
    assert_run(two_files(), &r, "one cached\ntwo cached\n");
    ck_assert_int_eq(r.out.chain.ids[1], newer);
    tenon_solved_release(&r.out);
}
END_TEST

START_TEST(test_solve_copy_goes_by_content)
{
    if (!have_source_local())
        return;
    struct run r = {0};

    unit_write(context_dir, "f", "one");
    unit_write(context_dir, "other", "x");
    struct tenon_node *n = copy("copy", mkfile("base", NULL, "/b", "b"),
                                context(), "/f", "/f");
    assert_run(n, &r, "context ran\nbase ran\ncopy ran\n");
    assert_file(&r.out.chain, "f", "one");
    tenon_solved_release(&r.out);
    unit_write(context_dir, "other", "y");
    assert_run(n, &r, "base cached\ncontext ran\ncopy cached\n");
    tenon_solved_release(&r.out);
    unit_write(context_dir, "f", "two");
    assert_run(n, &r, "base cached\ncontext ran\ncopy ran\n");
    ck_assert_ptr_nonnull(strstr(tenon_buf_str(&explained),
                                 "copy: content of context changed"));
    assert_file(&r.out.chain, "f", "two");
    tenon_solved_release(&r.out);
    unit_write(context_dir, "f", "one");
    assert_run(n, &r, "base cached\ncontext ran\ncopy cached\n");
    assert_file(&r.out.chain, "f", "one");
    tenon_solved_release(&r.out);
}
END_TEST

/* A stage that is made again to the same content does not rerun its readers. */
START_TEST(test_solve_same_content_by_another_way_is_a_hit)
{
    struct run r = {0};
    struct tenon_node *gen, *user;

    gen = mkfile("gen", mkfile("one", NULL, "/way", "1"), "/out", "same");
    user = copy("user", NULL, gen, "/out", "/out");
    assert_run(user, &r, "one ran\ngen ran\nuser ran\n");
    tenon_solved_release(&r.out);
    gen = mkfile("gen", mkfile("two", NULL, "/way", "2"), "/out", "same");
    user = copy("user", NULL, gen, "/out", "/out");
    assert_run(user, &r, "two ran\ngen ran\nuser cached\n");
    tenon_solved_release(&r.out);
    /* and now by definition: nothing of the stage is needed */
    assert_run(user, &r, "two cached\ngen cached\nuser cached\n");
    tenon_solved_release(&r.out);
}
END_TEST

START_TEST(test_solve_actions_of_one_op_share_a_snapshot)
{
    struct run r = {0};
    struct tenon_node *f = node("file", "many"), *a, *first;

    first = part(f, "mkdir", "path", "/d", NULL, NULL);
    OK(tenon_node_set_int(first, "mode", 0755, &err));
    a = part(f, "mkfile", "path", "/d/f", NULL, NULL);
    OK(tenon_node_set_int(a, "mode", 0600, &err));
    OK(tenon_node_set_bytes(a, "data", "x", 1, &err));
    a = part(f, "symlink", "oldpath", "d/f", "newpath", "/l");
    OK(tenon_node_input(first, "input", mkfile("base", NULL, "/b", "b"), 0, &err));
    assert_run(f, &r, "base ran\nmany ran\n");
    ck_assert_uint_eq(r.out.chain.len, 2);
    assert_file(&r.out.chain, "d/f", "x");
    tenon_solved_release(&r.out);
}
END_TEST

START_TEST(test_solve_action_copies_from_earlier_action)
{
    struct run r = {0};
    struct tenon_node *f = node("file", "two trees"), *a, *side;

    side = part(f, "mkfile", "path", "/s", NULL, NULL);
    OK(tenon_node_set_bytes(side, "data", "side", 4, &err));
    a = part(f, "copy", "src", "/s", "dest", "/t");
    OK(tenon_node_input(a, "input", mkfile("base", NULL, "/b", "b"), 0, &err));
    OK(tenon_node_input(a, "secondary", side, 0, &err));
    assert_run(f, &r, "base ran\ntwo trees ran\n");
    ck_assert_uint_eq(r.out.chain.len, 2);
    assert_file(&r.out.chain, "t", "side");
    tenon_solved_release(&r.out);
}
END_TEST

START_TEST(test_solve_merge_and_diff)
{
    struct run r = {0};
    struct tenon_node *base = mkfile("base", NULL, "/b", "b");
    struct tenon_node *upper = mkfile("upper", base, "/u", "u");
    struct tenon_node *other = mkfile("other", NULL, "/o", "o");
    struct tenon_node *d = node("diff", "diff"), *m = node("merge", "merge");

    OK(tenon_node_input(d, "lower", base, 0, &err));
    OK(tenon_node_input(d, "upper", upper, 0, &err));
    OK(tenon_node_input(m, "input", other, 0, &err));
    OK(tenon_node_input(m, "input", d, 0, &err));
    OK(run(m, &r));
    ck_assert_uint_eq(r.out.chain.len, 2);
    assert_file(&r.out.chain, "o", "o");
    assert_file(&r.out.chain, "u", "u");
    tenon_solved_release(&r.out);

    struct tenon_node *apart = node("diff", "apart"), *again = node("merge", "again");
    OK(tenon_node_input(apart, "lower", other, 0, &err));
    OK(tenon_node_input(apart, "upper", upper, 0, &err));
    OK(tenon_node_input(again, "input", mkfile("third", other, "/t", "t"), 0, &err));
    OK(tenon_node_input(again, "input", apart, 0, &err));
    OK(run(again, &r));
    ck_assert_uint_eq(r.out.chain.len, 3);
    assert_file(&r.out.chain, "b", "b");
    assert_file(&r.out.chain, "u", "u");
    assert_file(&r.out.chain, "t", "t");
    assert_absent(&r.out.chain, "o");
    tenon_solved_release(&r.out);

    struct tenon_node *gone = node("diff", "gone"), *rest = node("merge", "rest");
    OK(tenon_node_input(gone, "lower", upper, 0, &err));
    OK(tenon_node_input(rest, "input", upper, 0, &err));
    OK(tenon_node_input(rest, "input", gone, 0, &err));
    OK(run(rest, &r));
    assert_absent(&r.out.chain, "b");
    assert_absent(&r.out.chain, "u");
    tenon_solved_release(&r.out);
}
END_TEST

START_TEST(test_solve_context_as_base_is_copied_once)
{
    if (!have_source_local())
        return;
    struct run r = {0};

    unit_write(context_dir, "f", "one");
    struct tenon_node *n = mkfile("on context", context(), "/g", "g");
    OK(run(n, &r));
    ck_assert_uint_eq(r.out.chain.len, 2);
    assert_file(&r.out.chain, "f", "one");
    const int64_t below = r.out.chain.ids[0];
    tenon_solved_release(&r.out);
    OK(run(mkfile("another", context(), "/h", "h"), &r));
    ck_assert_int_eq(r.out.chain.ids[0], below);
    tenon_solved_release(&r.out);
}
END_TEST

START_TEST(test_solve_missing_file_names_place_and_vertex)
{
    if (!have_source_local())
        return;
    struct run r = {0};
    struct tenon_node *n;
    const uint32_t src =
        tenon_graph_source(g, "Dockerfile", "Dockerfile", "FROM\nCOPY\n", 10);

    struct tenon_node *f = node("file", "copy");
    struct tenon_node *a = part(f, "copy", "src", "/gone", "dest", "/");
    OK(tenon_node_input(a, "secondary", context(), 0, &err));
    OK(tenon_node_at(f, src, 2, 2));
    n = f;
    ck_assert_int_eq(run(n, &r), TENON_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "failed to compute cache key: "
                                              "failed to calculate checksum of ref "));
    ck_assert_ptr_nonnull(strstr(err.message, ": \"/gone\": not found"));
    ck_assert_str_eq(err.file, "Dockerfile");
    ck_assert_uint_eq(err.line, 2);
    ck_assert_ptr_nonnull(err.details);
    ck_assert_str_eq(err.details->type, "errdefs.Vertex");
    ck_assert_ptr_nonnull(strstr(tenon_buf_str(&shown), "copy failed to calculate"));
}
END_TEST

START_TEST(test_solve_failure_leaves_solver_usable)
{
    const struct tenon_solver_options o = { .engine = &engine };
    struct tenon_solver *s = tenon_solver_new(&o);
    struct tenon_solved out[2] = {0};
    struct tenon_edge edges[2] = {
        { .vertex = tenon_node_freeze(copy("bad", NULL, context(), "/gone", "/"), &err) },
        { .vertex = tenon_node_freeze(mkfile("good", NULL, "/f", "f"), &err) },
    };

    ck_assert_int_eq(tenon_solver_solve_all(s, edges, 2, NULL, out, &err),
                     TENON_E_NOT_FOUND);
    tenon_error_release(&err);
    OK(tenon_solver_solve(s, edges[1], NULL, out, &err));
    ck_assert_uint_eq(out[0].chain.len, 1);
    tenon_solved_release(out);
    ck_assert_int_eq(tenon_solver_solve(s, edges[0], NULL, out, &err),
                     TENON_E_NOT_FOUND);
    tenon_error_release(&err);
    OK(tenon_solver_solve(s, (struct tenon_edge){0}, NULL, out, &err));
    ck_assert_uint_eq(out[0].chain.len, 0);
    tenon_solver_free(s);
}
END_TEST

/* What was made stays, and whoever still asks gets an answer. */
START_TEST(test_solve_after_the_end)
{
    const struct tenon_solver_options o = { .engine = &engine };
    struct tenon_solver *s = tenon_solver_new(&o);
    struct tenon_solved out = {0};
    const struct tenon_edge edge = { .vertex = tenon_node_freeze(mkfile("f", NULL, "/f", "f"),
                                                                 &err) };

    OK(tenon_solver_solve(s, edge, NULL, &out, &err));
    tenon_solver_end(s);
    assert_file(&out.chain, "f", "f");
    struct tenon_solved again = {0};
    ck_assert_int_eq(tenon_solver_solve(s, edge, NULL, &again, &err), TENON_E_CANCELLED);
    tenon_error_release(&err);
    tenon_solved_release(&out);
    tenon_solver_free(s);
}
END_TEST

/* Copies /fFROM and the following out of what makes them; of another such if they are many. */
static struct tenon_node *
gather(int from, int count)
{
    enum { EACH = 20 };
    const int width = count > EACH ? count / EACH : 1;
    struct tenon_node *all = node("file", "all");

    for (int i = from; i < from + count; i += width) {
        auto_free char *path = tenon_asprintf("/f%d", i);
        struct tenon_node *a = part(all, "copy", "src", width > 1 ? "/" : path, "dest",
                                    width > 1 ? "/" : path);
        OK(tenon_node_set_int(a, "dir_copy_contents", 1, &err));
        OK(tenon_node_input(a, "secondary", width > 1 ? gather(i, width)
                                                      : mkfile("one", NULL, path, path), 0, &err));
    }
    return all;
}

/* Jobs that wait for their turn hold no descriptors, however many they are. */
START_TEST(test_solve_with_fewer_descriptors_than_jobs)
{
    struct rlimit before, few = { .rlim_cur = 200 };
    struct run r = { .threads = true };

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    OK(run(gather(0, 400), &r));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_file(&r.out.chain, "f0", "/f0");
    assert_file(&r.out.chain, "f399", "/f399");
    tenon_solved_release(&r.out);
}
END_TEST

START_TEST(test_solve_cancelled_before_it_begins)
{
    engine.cancel = tenon_cancel_new(NULL);
    struct run r = { .threads = true };
    tenon_cancel_fire(engine.cancel);
    ck_assert_int_eq(run(mkfile("f", NULL, "/f", "f"), &r), TENON_E_CANCELLED);
    tenon_cancel_free(engine.cancel);
    engine.cancel = NULL;
}
END_TEST

/* ---- digests of snapshots ------------------------------------------------------ */

/* The content that a copy out of `tree`, which is made, goes by. */
static int
content_of(const struct tenon_chain *chain, const char *src, const char *attr,
           const char *value, struct tenon_digest *out)
{
    const struct tenon_solver_options o = { .engine = &engine };
    struct tenon_node *f = node("file", "copy");
    struct tenon_node *a = part(f, "copy", "src", src, "dest", "/t");
    struct tenon_chain outputs[1] = {0};

    OK(tenon_node_set_int(a, "allow_wildcard", 1, &err));
    if (attr && tenon_streq(attr, "follow_symlink"))
        OK(tenon_node_set_int(a, attr, 1, &err));
    else if (attr)
        OK(tenon_node_set(a, attr, value, &err));
    OK(tenon_node_input(a, "secondary", mkfile("tree", NULL, "/f", "f"), 0, &err));
    engine.events = tenon_events_new(on_event, NULL, NULL);
    struct tenon_solver *s = tenon_solver_new_stepped(&o);
    struct state *st = state_get(s, tenon_node_freeze(f, &err));
    struct state *in = st->inputs[0] = state_get(s, st->v->inputs[0].vertex);
    tenon_chain_copy(&outputs[0], chain);
    in->outputs = outputs;
    int code = content_of_input(st, 0, out, &err);
    in->outputs = NULL;
    tenon_chain_release(&outputs[0]);
    tenon_solver_free(s);
    tenon_events_free(engine.events);
    engine.events = NULL;
    return code;
}

static const struct {
    const char *src, *attr, *value;
} selections[] = {
    { "/d", NULL, NULL },       { "/d/a", NULL, NULL },     { "/d/b", NULL, NULL },
    { "/d", "exclude", "a" },   { "/d", "exclude", "c" },   { "/d", "include", "a" },
    { "/d", "include", "c" },   { "/l", NULL, NULL },       { "/l", "follow_symlink", NULL },
    { "/d/[ab]", NULL, NULL },  { "/d/*", NULL, NULL },
};

/* The digests of one tree are remembered, each for what it is of. */
START_TEST(test_solve_digests_are_remembered_apart)
{
    struct run r = {0};
    struct tenon_digest first[tenon_countof(selections)], again;
    struct tenon_node *dir = node("file", "dir");
    struct tenon_node *mkdir_part = part(dir, "mkdir", "path", "/d", NULL, NULL);
    OK(tenon_node_set_int(mkdir_part, "mode", 0755, &err));
    struct tenon_node *n = mkfile("c", mkfile("b", mkfile("a", dir, "/d/a", "1"), "/d/b", "2"),
                                  "/d/c", "3");
    struct tenon_node *f = node("file", "l");
    struct tenon_node *l = part(f, "symlink", "oldpath", "d/c", "newpath", "/l");
    OK(tenon_node_input(l, "input", n, 0, &err));
    OK(run(f, &r));
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < tenon_countof(selections); i++) {
            OK(content_of(&r.out.chain, selections[i].src, selections[i].attr,
                          selections[i].value, round ? &again : &first[i]));
            if (round)
                ck_assert_str_eq(again.str, first[i].str);
            for (size_t k = 0; k < i && !round; k++)
                ck_assert_msg(!tenon_streq(first[i].str, first[k].str), "%s %s and %s %s",
                              selections[i].src, selections[i].attr, selections[k].src,
                              selections[k].attr);
        }
    }
    /* What has to be there is looked for, though the digest is known. */
    ck_assert_int_eq(content_of(&r.out.chain, "/d", "required", "/gone", &again),
                     TENON_E_NOT_FOUND);
    tenon_error_release(&err);
    /* Another tree. */
    struct tenon_chain below = {0};
    for (size_t i = 0; i + 2 < r.out.chain.len; i++)
        tenon_chain_append(&below, r.out.chain.ids[i]);
    OK(content_of(&below, "/d", NULL, NULL, &again));
    ck_assert_str_ne(again.str, first[0].str);
    tenon_chain_release(&below);
    tenon_solved_release(&r.out);
}
END_TEST

/* ---- --explain -------------------------------------------------------------------- */

static struct tenon_node *
copy_excluding(const char *dest, const char *exclude)
{
    struct tenon_node *f = node("file", "[s 1/2] COPY");
    struct tenon_node *a = part(f, "copy", "src", "/f", "dest", dest);

    if (exclude)
        OK(tenon_node_set(a, "exclude", exclude, &err));
    OK(tenon_node_input(a, "secondary", mkfile("from", NULL, "/f", "f"), 0, &err));
    return f;
}

START_TEST(test_solve_explains_what_changed)
{
    static const struct {
        const char *dest, *exclude, *told;
        bool ignore_cache;
    } builds[] = {
        { "/a", NULL, "[s 1/2] COPY: a step like it has not run here before", false },
        { "/b", NULL, "[s 1/2] COPY: destination changed: \"/a\" -> \"/b\"", false },
        { "/b", "x", "[s 1/2] COPY: exclude is new", false },
        { "/b", "y", "[s 1/2] COPY: exclude changed: \"x\" -> \"y\"", false },
        { "/b", NULL, "[s 1/2] COPY: exclude is gone", false }, /* and is cached */
        { "/b", "y", "[s 1/2] COPY: the cache is not to be used for this step", true },
    };
    struct run r = {0};

    for (size_t i = 0; i < tenon_countof(builds); i++) {
        new_graph(builds[i].ignore_cache);
        OK(run(copy_excluding(builds[i].dest, builds[i].exclude), &r));
        tenon_solved_release(&r.out);
        if (strstr(builds[i].told, "is gone"))
            ck_assert_str_eq(tenon_buf_str(&explained), "");
        else
            ck_assert_msg(strstr(tenon_buf_str(&explained), builds[i].told) != NULL,
                          "%s, not %s", tenon_buf_str(&explained), builds[i].told);
    }
    /* less than the last one that ran */
    new_graph(false);
    OK(run(copy_excluding("/b", "z"), &r));
    tenon_solved_release(&r.out);
    struct tenon_node *f = node("file", "[s 1/2] COPY");
    struct tenon_node *a = part(f, "copy", "src", "/f", "dest", "/b");
    OK(tenon_node_set_int(a, "create_dest_path", 1, &err));
    OK(tenon_node_input(a, "secondary", mkfile("from", NULL, "/f", "f"), 0, &err));
    OK(run(f, &r));
    tenon_solved_release(&r.out);
    ck_assert_msg(strstr(tenon_buf_str(&explained), "[s 1/2] COPY: flags changed: ") != NULL,
                  "%s", tenon_buf_str(&explained));
}
END_TEST

START_TEST(test_solve_explains_what_is_gone)
{
    struct run r = {0};

    OK(run(copy_excluding("/b", "z"), &r));
    tenon_solved_release(&r.out);
    OK(run(copy_excluding("/b", NULL), &r));
    tenon_solved_release(&r.out);
    ck_assert_msg(strstr(tenon_buf_str(&explained), "[s 1/2] COPY: exclude is gone") != NULL,
                  "%s", tenon_buf_str(&explained));
}
END_TEST

/* ---- merge ----------------------------------------------------------------------- */

START_TEST(test_solve_merge_keeps_the_order)
{
    struct run r = {0};

    for (int turned = 0; turned < 2; turned++) {
        struct tenon_node *m = node("merge", "merge");
        struct tenon_node *one = mkfile("one", NULL, "/f", "one");
        struct tenon_node *two = mkfile("two", NULL, "/f", "two");
        OK(tenon_node_input(m, "input", turned ? two : one, 0, &err));
        OK(tenon_node_input(m, "input", turned ? one : two, 0, &err));
        OK(run(m, &r));
        assert_file(&r.out.chain, "f", turned ? "one" : "two");
        tenon_solved_release(&r.out);
    }
}
END_TEST

/* Each of these has all layers of the last one twice. */
START_TEST(test_solve_merge_has_a_limit)
{
    struct run r = {0};
    struct tenon_node *last = mkfile("one", NULL, "/f", "one");

    for (int i = 0; i < 13; i++) {
        auto_free char *name = tenon_asprintf("merge %d", i);
        struct tenon_node *m = node("merge", name);
        OK(tenon_node_input(m, "input", last, 0, &err));
        OK(tenon_node_input(m, "input", last, 0, &err));
        last = m;
    }
    ck_assert_int_eq(run(last, &r), TENON_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "more than 4096 layers"));
    tenon_solved_release(&r.out);
}
END_TEST

START_TEST(test_solve_diff_has_only_what_is_above)
{
    struct run r = {0};
    struct tenon_node *base = mkfile("base", NULL, "/b", "b");
    struct tenon_node *upper = mkfile("upper", base, "/u", "u");
    struct tenon_node *d = node("diff", "diff"), *strange = node("diff", "strange");

    OK(tenon_node_input(d, "lower", base, 0, &err));
    OK(tenon_node_input(d, "upper", upper, 0, &err));
    OK(run(d, &r));
    ck_assert_uint_eq(r.out.chain.len, 1);
    assert_file(&r.out.chain, "u", "u");
    tenon_solved_release(&r.out);
    /* as many layers below, and others */
    OK(tenon_node_input(strange, "lower", mkfile("other", NULL, "/o", "o"), 0, &err));
    OK(tenon_node_input(strange, "upper", upper, 0, &err));
    OK(run(strange, &r));
    ck_assert_uint_eq(r.out.chain.len, 1);
    assert_file(&r.out.chain, "b", "b");
    assert_file(&r.out.chain, "u", "u");
    assert_absent(&r.out.chain, "o");
    tenon_solved_release(&r.out);
}
END_TEST

/* A directory that takes the place of another hides what was in that one, and nothing of a tree
 * that it comes to later. */
START_TEST(test_solve_diff_hides_no_more_than_it_removed)
{
    struct run r = {0};
    struct tenon_node *base = mkfile("base", dir("base"), "/d/a", "a");
    struct tenon_node *upper = node("file", "upper"), *gone, *made, *file;
    struct tenon_node *d = node("diff", "diff"), *m = node("merge", "merge");

    gone = part(upper, "rm", "path", "/d", NULL, NULL);
    OK(tenon_node_input(gone, "input", base, 0, &err));
    made = part(upper, "mkdir", "path", "/d", NULL, NULL);
    OK(tenon_node_set_int(made, "mode", 0755, &err));
    file = part(upper, "mkfile", "path", "/d/new", NULL, NULL);
    OK(tenon_node_set_int(file, "mode", 0644, &err));
    OK(tenon_node_input(d, "lower", base, 0, &err));
    OK(tenon_node_input(d, "upper", upper, 0, &err));
    for (int merged = 0; merged < 2; merged++) { /* by a diff, and by a merge of the whole */
        struct tenon_node *both = merged ? node("merge", "both") : m;
        OK(tenon_node_input(both, "input", mkfile("other", dir("other"), "/d/other", "o"), 0, &err));
        OK(tenon_node_input(both, "input", merged ? upper : d, 0, &err));
        OK(run(both, &r));
        assert_file(&r.out.chain, "d/other", "o");
        assert_file(&r.out.chain, "d/new", "");
        assert_absent(&r.out.chain, "d/a");
        tenon_solved_release(&r.out);
    }
}
END_TEST

/* A layer that comes again stays where it was, too: what was made upon the first is made upon it. */
START_TEST(test_solve_merge_has_a_layer_twice)
{
    struct run r = {0};
    struct tenon_node *a = mkfile("a", NULL, "/a", "a"), *c = mkfile("c", a, "/c", "c");
    struct tenon_node *e = mkfile("e", a, "/e", "e"), *f = mkfile("f", NULL, "/f", "f");
    struct tenon_node *nested = node("merge", "nested"), *rest = node("file", "rest");
    struct tenon_node *d = node("diff", "diff"), *m = node("merge", "merge"), *gone;

    OK(tenon_node_input(nested, "input", c, 0, &err));
    OK(tenon_node_input(nested, "input", f, 0, &err));
    OK(tenon_node_input(nested, "input", e, 0, &err));
    gone = part(rest, "rm", "path", "/f", NULL, NULL);
    OK(tenon_node_input(gone, "input", nested, 0, &err));
    OK(tenon_node_input(d, "lower", c, 0, &err));
    OK(tenon_node_input(d, "upper", rest, 0, &err));
    OK(tenon_node_input(m, "input", mkfile("another f", NULL, "/f", "another"), 0, &err));
    OK(tenon_node_input(m, "input", d, 0, &err));
    OK(run(m, &r));
    assert_file(&r.out.chain, "a", "a");
    assert_file(&r.out.chain, "e", "e");
    assert_absent(&r.out.chain, "c");
    assert_absent(&r.out.chain, "f"); /* the diff of the trees does not know of it */
    tenon_solved_release(&r.out);
}
END_TEST

/* ---- a file op with several results, as a graph from outside may have ----------- */

static const struct tenon_vertex *
file_with_two_outputs(void)
{
    struct tenon_op_action actions[2];
    struct tenon_op op = { .type = TENON_OP_FILE };
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT, def = TENON_BUF_INIT,
                              in = TENON_BUF_INIT, last = TENON_BUF_INIT;
    struct tenon_digest digest;
    struct tenon_edge edge = {0};

    for (int i = 0; i < 2; i++)
        actions[i] = (struct tenon_op_action){
            .type = TENON_FILE_MKFILE, .input = i - 1, .secondary = -1, .output = i,
            .src = "", .dest = i ? "/second" : "/first", .mode = 0644, .timestamp_ns = -1,
            .data = "x", .data_len = 1 };
    op.file.actions = actions;
    op.file.count = 2;
    tenon_op_encode(&op, NULL, 0, &bytes);
    tenon_digest_of(bytes.data, bytes.len, &digest);
    tenon_wire_put_message(&def, 1, &bytes);
    tenon_wire_put_string(&in, 1, digest.str);
    tenon_wire_put_message(&last, 1, &in);
    tenon_wire_put_message(&def, 1, &last);
    OK(tenon_graph_load(g, def.data, def.len, &edge, &err));
    return edge.vertex;
}

/* The second action works on the result of the first, which stays what it is. */
START_TEST(test_solve_results_of_actions_stay)
{
    const struct tenon_solver_options o = { .engine = &engine };
    const struct tenon_vertex *v = file_with_two_outputs();
    struct tenon_solved out[2] = {0};
    const struct tenon_edge edges[2] = { { v, 0 }, { v, 1 } };

    engine.events = tenon_events_new(on_event, NULL, NULL);
    struct tenon_solver *s = tenon_solver_new_stepped(&o);
    OK(tenon_solver_solve_all(s, edges, 2, NULL, out, &err));
    ck_assert_uint_eq(out[0].chain.len, 1);
    ck_assert_uint_eq(out[1].chain.len, 2);
    ck_assert_int_eq(out[0].chain.ids[0], out[1].chain.ids[0]);
    assert_file(&out[0].chain, "first", "x");
    assert_file(&out[1].chain, "first", "x");
    assert_file(&out[1].chain, "second", "x");
    auto_job_mounts struct job_mounts m = { .store = store };
    int root = job_mount(&m, &out[0].chain, NULL, &err);
    ck_assert_int_lt(faccessat(root, "second", F_OK, 0), 0);
    for (int i = 0; i < 2; i++)
        tenon_solved_release(&out[i]);
    tenon_solver_free(s);
    tenon_events_free(engine.events);
    engine.events = NULL;
}
END_TEST

/* Two actions on the result of one: neither sees what the other made. */
START_TEST(test_solve_actions_beside_each_other)
{
    struct run r = {0};
    struct tenon_node *f = node("file", "beside"), *a[3];

    for (int i = 0; i < 3; i++) {
        auto_free char *path = tenon_asprintf("/%d", i);
        a[i] = part(f, "mkfile", "path", path, NULL, NULL);
        OK(tenon_node_set_bytes(a[i], "data", "x", 1, &err));
        if (i)
            OK(tenon_node_input(a[i], "input", a[0], 0, &err));
    }
    OK(run(f, &r));
    assert_file(&r.out.chain, "0", "x");
    assert_file(&r.out.chain, "2", "x");
    auto_job_mounts struct job_mounts m = { .store = store };
    int root = job_mount(&m, &r.out.chain, NULL, &err);
    ck_assert_int_lt(faccessat(root, "1", F_OK, 0), 0);
    tenon_solved_release(&r.out);
}
END_TEST

/* ---- what is found by content is found by definition the next time --------------- */

START_TEST(test_solve_hit_by_content_is_linked)
{
    struct run r = {0};

    for (int way = 1; way < 4; way++) {
        /* the third one is the second, and its inputs are not looked at */
        struct tenon_node *gen = mkfile("gen", mkfile("one", NULL, "/way", way == 1 ? "1" : "2"),
                                        "/out", "same");
        struct tenon_node *user = copy("user", NULL, gen, "/out", "/out");
        const struct tenon_vertex *v = tenon_node_freeze(user, &err);
        OK(run(user, &r));
        tenon_solved_release(&r.out);
        ck_assert_ptr_nonnull(strstr(tenon_buf_str(&shown), way == 1 ? "user ran" : "user cached"));
        if (way < 2)
            continue;
        /* found under its definition */
        const struct tenon_solver_options o = { .engine = &engine };
        engine.events = tenon_events_new(on_event, NULL, NULL);
        struct tenon_solver *s = tenon_solver_new_stepped(&o);
        struct tenon_solved out = {0};
        OK(tenon_solver_solve(s, (struct tenon_edge){ .vertex = v }, NULL, &out, &err));
        ck_assert(!state_get(s, v)->k2.str[0]);
        ck_assert(state_get(s, v)->cached);
        tenon_solved_release(&out);
        tenon_solver_free(s);
        tenon_events_free(engine.events);
        engine.events = NULL;
    }
}
END_TEST

struct solving {
    struct tenon_solver *s;
    struct tenon_edge edge;
    int code;
};

static void *
solve_in_thread(void *data)
{
    struct solving *x = data;
    auto_error struct tenon_error e = TENON_ERROR_INIT;
    struct tenon_solved out;
    x->code = tenon_solver_solve(x->s, x->edge, NULL, &out, &e);
    if (x->code == 0)
        tenon_solved_release(&out);
    return NULL;
}

START_TEST(test_solve_many_requests_share_the_work)
{
    engine.jobs = 4;
    tenon_buf_clear(&shown);
    engine.events = tenon_events_new(on_event, NULL, NULL);
    const struct tenon_solver_options o = { .engine = &engine };
    struct tenon_solver *s = tenon_solver_new(&o);
    struct solving x[8];
    pthread_t t[8];

    for (unsigned i = 0; i < 8; i++) {
        char text[8];
        snprintf(text, sizeof text, "%u", i % 4);
        struct tenon_node *n =
            mkfile("leaf", mkfile("shared", NULL, "/s", "s"), "/f", text);
        x[i] = (struct solving){ .s = s,
            .edge = { .vertex = tenon_node_freeze(n, &err) } };
        pthread_create(&t[i], NULL, solve_in_thread, &x[i]);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(t[i], NULL);
        ck_assert_int_eq(x[i].code, 0);
    }
    tenon_solver_free(s);
    tenon_events_free(engine.events);
    engine.events = NULL;
    ck_assert_str_eq(tenon_buf_str(&shown), "shared ran\nleaf ran\nleaf ran\n"
                                            "leaf ran\nleaf ran\n");
}
END_TEST

/* ---- threads that there are not ------------------------------------------ */

static _Atomic int threads_left = -1; /* -1: any number */

/* In place of the library's, which is asked for those that there are. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run_it)(void *), void *data)
{
    union { /* what dlsym gives is a function */
        void *object;
        int (*function)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    } real = { .object = dlsym(RTLD_NEXT, "pthread_create") };

    if (threads_left == 0)
        return EAGAIN;
    if (threads_left > 0)
        threads_left--;
    return real.function(thread, attr, run_it, data);
}

/* Without a thread for what happens, for the loop, and for the first step. */
START_TEST(test_solve_without_threads)
{
    const struct tenon_solver_options o = { .engine = &engine, .explain = on_explain };
    struct run r = { .threads = true };
    const struct tenon_vertex *v = tenon_node_freeze(two_files(), &err);

    threads_left = 0;
    ck_assert_ptr_null(tenon_events_new(on_event, NULL, NULL));
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_ptr_null(tenon_solver_new(&o));
    ck_assert_int_eq(errno, EAGAIN);

    threads_left = 1;
    struct tenon_solver *s = tenon_solver_new(&o);
    ck_assert_ptr_nonnull(s);
    ck_assert_int_lt(tenon_solver_solve(s, (struct tenon_edge){ .vertex = v }, NULL, &r.out, &err),
                     0);
    ck_assert_msg(strstr(err.message, "start a thread for the step: "), "%s", err.message);
    tenon_error_release(&err);
    threads_left = 1; /* as many as there are do all of it */
    OK(tenon_solver_solve(s, (struct tenon_edge){ .vertex = v }, NULL, &r.out, &err));
    tenon_solved_release(&r.out);
    threads_left = -1;
    tenon_solver_free(s);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("solve");
    TCase *t = tcase_create("solve");

    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 77;
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_solve_made_once_then_cached);
    tcase_add_test(t, test_solve_copy_goes_by_content);
    tcase_add_test(t, test_solve_same_content_by_another_way_is_a_hit);
    tcase_add_test(t, test_solve_actions_of_one_op_share_a_snapshot);
    tcase_add_test(t, test_solve_action_copies_from_earlier_action);
    tcase_add_test(t, test_solve_merge_and_diff);
    tcase_add_test(t, test_solve_context_as_base_is_copied_once);
    tcase_add_test(t, test_solve_missing_file_names_place_and_vertex);
    tcase_add_test(t, test_solve_failure_leaves_solver_usable);
    tcase_add_test(t, test_solve_after_the_end);
    tcase_add_test(t, test_solve_with_fewer_descriptors_than_jobs);
    tcase_add_test(t, test_solve_cancelled_before_it_begins);
    tcase_add_test(t, test_solve_many_requests_share_the_work);
    tcase_add_test(t, test_solve_digests_are_remembered_apart);
    tcase_add_test(t, test_solve_explains_what_changed);
    tcase_add_test(t, test_solve_explains_what_is_gone);
    tcase_add_test(t, test_solve_merge_keeps_the_order);
    tcase_add_test(t, test_solve_merge_has_a_limit);
    tcase_add_test(t, test_solve_diff_has_only_what_is_above);
    tcase_add_test(t, test_solve_diff_hides_no_more_than_it_removed);
    tcase_add_test(t, test_solve_merge_has_a_layer_twice);
    tcase_add_test(t, test_solve_results_of_actions_stay);
    tcase_add_test(t, test_solve_actions_beside_each_other);
    tcase_add_test(t, test_solve_hit_by_content_is_linked);
    tcase_add_test(t, test_solve_without_threads);
    suite_add_tcase(s, t);
    return unit_run(s);
}
