/* Several requests of one solver at a time: each has its own failure, and one that is given up
 * stops nothing that others want.  Stepped: what happens in between is decided here.
 * Needs to mount: skipped without root. */
#include "unit.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>

#include "context/engine.h"
#include "engine/host.h"
#include "graph/graph.h"
#include "graph/builder.h"
#include "solve/private.h"

static char store_path[64];
static int store_dir;
static struct tenon_engine engine;
static struct tenon_graph *g;
static struct tenon_solver *s;
static struct tenon_error err;

#define OK(e) ck_assert_msg((e) == 0, "%s", err.message ? err.message : "?")

static void
setup(void)
{
    err = (struct tenon_error)TENON_ERROR_INIT;
    store_dir = unit_tmpdir(store_path);
    engine = (struct tenon_engine){ .host_platform = "linux/amd64", .jobs = 1 };
    OK(tenon_store_open(store_path, &engine.store, &err));
    const struct tenon_plugins_options po = {
        .builtin_dir = getenv("TENON_BUILD_PLUGIN_DIR"),
        .host = tenon_engine_host(),
    };
    OK(tenon_plugins_new(&po, &engine.plugins, &err));
    const struct tenon_solver_options o = { .engine = &engine };
    g = tenon_graph_new();
    s = tenon_solver_new_stepped(&o);
}

static void
teardown(void)
{
    tenon_solver_free(s);
    tenon_graph_free(g);
    tenon_plugins_free(engine.plugins);
    tenon_store_close(engine.store);
    engine.plugins = NULL;
    engine.store = NULL;
    tenon_engine_release(&engine);
    unit_tmpdir_remove(store_dir, store_path);
    tenon_error_release(&err);
}

/* ---- vertices -------------------------------------------------------------------- */

static struct tenon_node *
file_op(const char *action, struct tenon_node *base, struct tenon_node *from, const char *k1,
        const char *v1, const char *k2, const char *v2)
{
    struct tenon_node *f = tenon_node_new(g, "file", &err);
    ck_assert_ptr_nonnull(f);
    struct tenon_node *a = tenon_node_part(f, action, &err);
    ck_assert_ptr_nonnull(a);
    OK(tenon_node_set(a, k1, v1, &err));
    if (k2)
        OK(tenon_node_set(a, k2, v2, &err));
    OK(tenon_node_input(a, "input", base, 0, &err));
    if (from)
        OK(tenon_node_input(a, "secondary", from, 0, &err));
    return f;
}

static struct tenon_node *
directory(struct tenon_node *base, const char *path)
{
    return file_op("mkdir", base, NULL, "path", path, NULL, NULL);
}

/* It fails when it is looked at. */
static struct tenon_node *
broken(struct tenon_node *base)
{
    return file_op("copy", NULL, base, "src", "/gone", "dest", "/");
}

/* ---- requests -------------------------------------------------------------------- */

struct asked {
    struct tenon_edge edge;
    struct tenon_solved made;
    struct request r;
};

/* As tenon_solver_solve does before it waits. */
static void
ask(struct asked *a, struct tenon_node *n)
{
    *a = (struct asked){ .edge = { .vertex = tenon_node_freeze(n, &err) } };
    ck_assert_ptr_nonnull(a->edge.vertex);
    a->r = (struct request){ .edges = &a->edge, .count = 1, .made = &a->made,
                             .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    pthread_mutex_lock(&s->lock);
    *s->incoming_last = &a->r;
    s->incoming_last = &a->r.next;
    pthread_mutex_unlock(&s->lock);
}

static void
give_up(struct asked *a)
{
    pthread_mutex_lock(&s->lock);
    a->r.cancelled = s->cancel_asked = true;
    pthread_mutex_unlock(&s->lock);
}

static void
ends(struct asked *a, int code, const char *words)
{

    for (int i = 0; i < 1000 && !a->r.finished; i++)
        tenon_solver_step(s);
    ck_assert(a->r.finished);
    ck_assert_msg(a->r.code == code, "%d, not %d: %s", a->r.code, code,
                  a->r.err.message ? a->r.err.message : "");
    ck_assert(code == 0 || strstr(a->r.err.message, words));
    ck_assert_int_eq(a->made.chain.len > 0, code == 0);
    tenon_solved_release(&a->made);
    tenon_error_release(&a->r.err);
    close(a->r.event_fd);
}

static void
step(int times)
{
    while (times-- > 0)
        tenon_solver_step(s);
}

/* ---- tests ----------------------------------------------------------------------- */

/* However far they are. */
START_TEST(test_requests_failure_is_of_who_wanted_it)
{
    struct asked good, bad;
    ask(&good, directory(NULL, "/other"));
    step(_i);
    ask(&bad, broken(directory(NULL, "/base")));
    ends(&bad, TENON_E_NOT_FOUND, "/gone");
    ends(&good, 0, "");
}
END_TEST

START_TEST(test_requests_failure_is_of_each_who_wanted_it)
{
    struct tenon_node *n = broken(directory(NULL, "/base"));
    struct asked asked[3], good;
    for (int i = 0; i < 3; i++) {
        ask(&asked[i], n);
        step(_i);
    }
    ask(&good, directory(NULL, "/base")); /* which the failure stands on */
    for (int i = 0; i < 3; i++)
        ends(&asked[i], TENON_E_NOT_FOUND, "/gone");
    ends(&good, 0, "");
    ask(&good, n); /* and again */
    ends(&good, TENON_E_NOT_FOUND, "/gone");
}
END_TEST

/* The other waits for the same, for what it stands on, or for something else. */
START_TEST(test_requests_given_up_stops_nothing_else)
{
    struct tenon_node *base = directory(NULL, "/base"), *top = directory(base, "/base/top");
    struct tenon_node *others[] = { top, base, directory(base, "/base/other"),
                                    directory(NULL, "/alone") };
    struct asked gone, stays;
    ask(&gone, top);
    ask(&stays, others[_i % 4]);
    step(_i / 4); /* it is not there yet */
    give_up(&gone);
    ends(&gone, TENON_E_CANCELLED, "cancel");
    ends(&stays, 0, "");
}
END_TEST

/* Whoever comes while it is being stopped gets it. */
START_TEST(test_requests_begin_anew)
{
    struct tenon_node *n = directory(directory(NULL, "/base"), "/base/top");
    struct asked gone, comes;
    ask(&gone, n);
    step(2);
    ck_assert(!gone.r.finished);
    give_up(&gone);
    ask(&comes, n);
    ends(&gone, TENON_E_CANCELLED, "cancel");
    ends(&comes, 0, "");
    ck_assert_uint_eq(s->stopped.len, 0);
    ck_assert_ptr_null(s->held);
}
END_TEST

/* What comes has inputs below its own that are being stopped. */
START_TEST(test_requests_come_while_what_they_stand_on_is_stopped)
{
    struct tenon_node *base = directory(directory(NULL, "/a"), "/a/b");
    struct asked gone, comes;
    ask(&gone, directory(base, "/a/b/top"));
    step(_i);
    give_up(&gone);
    ask(&comes, directory(base, "/a/b/other"));
    ends(&gone, TENON_E_CANCELLED, "cancel");
    ends(&comes, 0, "");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("solve-requests");
    TCase *t = tcase_create("solve-requests");

    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 77;
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_requests_failure_is_of_who_wanted_it, 0, 6);
    tcase_add_loop_test(t, test_requests_failure_is_of_each_who_wanted_it, 0, 4);
    tcase_add_loop_test(t, test_requests_given_up_stops_nothing_else, 0, 16);
    tcase_add_test(t, test_requests_begin_anew);
    tcase_add_loop_test(t, test_requests_come_while_what_they_stand_on_is_stopped, 1, 5);
    suite_add_tcase(suite, t);
    return unit_run(suite);
}
