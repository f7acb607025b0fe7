/* Somebody is asked about the source of a node, and takes their time: the graph stays usable
 * meanwhile, and the node as it was asked about. */
#include "unit.h"

#include <pthread.h>

#include "graph/graph.h"
#include "tools/arena.h"
#include "tools/buf.h"

static struct tenon_graph *g;
static struct tenon_error err;

/* Who is asked: they answer each question when its `go` is set. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned asked;
    bool go[2];
    int answer[2];
    char identifier[64]; /* that they were asked about last */
} they;

static int
slow(void *data, const void *more, const struct tenon_op *op, struct tenon_arena *arena,
     struct tenon_op_source *source, struct tenon_error *e)
{
    (void)data, (void)more, (void)op;
    pthread_mutex_lock(&they.lock);
    snprintf(they.identifier, sizeof they.identifier, "%s", source->identifier);
    const unsigned i = they.asked++;
    ck_assert_uint_lt(i, tenon_countof(they.go));
    pthread_cond_broadcast(&they.changed);
    while (!they.go[i])
        pthread_cond_wait(&they.changed, &they.lock);
    int rc = they.answer[i];
    pthread_mutex_unlock(&they.lock);
    if (rc < 0)
        return tenon_error_set(e, TENON_E_DENIED, "no");
    if (rc > 0)
        source->identifier = tenon_arena_strdup(arena, "docker-image://other");
    return rc;
}

static void
await_asked(unsigned count)
{
    pthread_mutex_lock(&they.lock);
    while (they.asked < count)
        pthread_cond_wait(&they.changed, &they.lock);
    pthread_mutex_unlock(&they.lock);
}

static void
answer(unsigned i, int rc)
{
    pthread_mutex_lock(&they.lock);
    they.go[i] = true;
    they.answer[i] = rc;
    pthread_cond_broadcast(&they.changed);
    pthread_mutex_unlock(&they.lock);
}

static void
setup(void)
{
    g = tenon_graph_new();
    err = (struct tenon_error)TENON_ERROR_INIT;
    memset(&they, 0, sizeof they);
    pthread_mutex_init(&they.lock, NULL);
    pthread_cond_init(&they.changed, NULL);
    tenon_graph_set_filter(g, slow, NULL);
}

static void
teardown(void)
{
    pthread_cond_destroy(&they.changed);
    pthread_mutex_destroy(&they.lock);
    tenon_graph_free(g);
    tenon_error_release(&err);
}

static struct tenon_node *
source(const char *identifier)
{
    struct tenon_node *n = tenon_node_new(g, "source", &err);
    ck_assert_int_eq(tenon_node_set(n, "identifier", identifier, &err), 0);
    ck_assert_int_eq(tenon_node_set(n, "platform", "linux/arm64", &err), 0);
    return n;
}

struct freezing {
    struct tenon_node *node, *user; /* user: uses it as its input, or NULL */
    const struct tenon_vertex *made;
    int rc;
    struct tenon_error err;
    pthread_t thread;
};

static void *
freeze(void *data)
{
    struct freezing *f = data;
    if (f->user)
        f->rc = tenon_node_input(f->user, "lower", f->node, 0, &f->err);
    else
        f->made = tenon_node_freeze(f->node, &f->err);
    return NULL;
}

static void
begin(struct freezing *f)
{
    ck_assert_int_eq(pthread_create(&f->thread, NULL, freeze, f), 0);
}

static void
end(struct freezing *f)
{
    pthread_join(f->thread, NULL);
}

/* With the lock held all of this would wait for the answer, which only comes after it. */
START_TEST(test_graph_is_usable_while_somebody_is_asked)
{
    struct freezing f = {.err = TENON_ERROR_INIT};
    const uint32_t file = tenon_graph_source(g, "Dockerfile", "Dockerfile", "FROM x\n", 7);
    struct tenon_node *diff = tenon_node_new(g, "diff", &err);
    const struct tenon_vertex *v = tenon_node_freeze(diff, &err);
    auto_buf struct tenon_buf saved = TENON_BUF_INIT;

    f.node = source("docker-image://slow");
    f.user = _i ? tenon_node_new(g, "diff", &err) : NULL;
    begin(&f);
    await_asked(1);
    ck_assert_ptr_nonnull(v);
    ck_assert_ptr_eq(tenon_graph_vertex(g, v->digest.str), v);
    ck_assert_str_eq(tenon_graph_get_source(g, file)->filename, "Dockerfile");
    tenon_graph_save(g, (struct tenon_edge){v, 0}, &saved);
    ck_assert_uint_gt(saved.len, 0);
    ck_assert_int_eq(tenon_node_set(source("docker-image://b"), "identifier", "git://c", &err), 0);
    answer(0, 0);
    end(&f);
    ck_assert_msg(f.err.code == 0, "%s", f.err.message);
    const struct tenon_vertex *made = tenon_node_freeze(f.node, &err);
    ck_assert(f.user ? f.rc == 0 : f.made == made);
    ck_assert_str_eq(made->op.source.identifier, "docker-image://slow");
    ck_assert_str_eq(made->op.platform.arch, "arm64");
    ck_assert_uint_eq(they.asked, 1);
}
END_TEST

START_TEST(test_graph_node_stays_as_it_was_asked_about)
{
    struct freezing f = {.node = source("docker-image://a"), .err = TENON_ERROR_INIT};

    begin(&f);
    await_asked(1);
    ck_assert_int_eq(tenon_node_set(f.node, "identifier", "docker-image://evil", &err),
                     TENON_E_BUG);
    answer(0, 0);
    end(&f);
    ck_assert_str_eq(they.identifier, "docker-image://a");
    ck_assert_str_eq(f.made->op.source.identifier, "docker-image://a");
}
END_TEST

/* Both threads ask, and what the first made is the node's. */
START_TEST(test_graph_two_threads_use_a_node_that_is_asked_about)
{
    struct freezing f[2] = {{.err = TENON_ERROR_INIT}, {.err = TENON_ERROR_INIT}};

    f[0].node = f[1].node = source("docker-image://a");
    begin(&f[0]);
    begin(&f[1]);
    await_asked(2);
    answer(0, 1);
    answer(1, 1);
    end(&f[0]);
    end(&f[1]);
    ck_assert_ptr_nonnull(f[0].made);
    ck_assert_ptr_eq(f[0].made, f[1].made);
    ck_assert_str_eq(f[0].made->op.source.identifier, "docker-image://other");
    ck_assert_ptr_eq(tenon_node_freeze(f[0].node, &err), f[0].made);
    ck_assert_uint_eq(they.asked, 2);
}
END_TEST

/* A user whose own use comes to its end while its input is asked about. */
START_TEST(test_graph_user_is_used_while_its_input_is_asked_about)
{
    struct freezing f = {.node = source("docker-image://a"), .err = TENON_ERROR_INIT};

    f.user = tenon_node_new(g, "diff", &err);
    begin(&f);
    await_asked(1);
    ck_assert_ptr_nonnull(tenon_node_freeze(f.user, &err));
    answer(0, 0);
    end(&f);
    ck_assert_int_eq(f.rc, TENON_E_BUG);
    tenon_error_release(&f.err);
}
END_TEST

START_TEST(test_graph_denied_source_is_no_vertex)
{
    struct freezing f = {.node = source("docker-image://a"), .err = TENON_ERROR_INIT};

    answer(0, -1);
    begin(&f);
    end(&f);
    ck_assert_ptr_null(f.made);
    ck_assert_int_eq(f.err.code, TENON_E_DENIED);
    tenon_error_release(&f.err);
    answer(1, 0);
    ck_assert_int_eq(tenon_node_set(f.node, "identifier", "docker-image://b", &err), 0);
    ck_assert_str_eq(tenon_node_freeze(f.node, &err)->op.source.identifier, "docker-image://b");
}
END_TEST

START_TEST(test_graph_denied_thread_gets_no_vertex_of_another)
{
    struct freezing f[2] = {{.err = TENON_ERROR_INIT}, {.err = TENON_ERROR_INIT}};

    f[0].node = f[1].node = source("docker-image://a");
    begin(&f[0]);
    await_asked(1);
    begin(&f[1]);
    await_asked(2);
    answer(1, 0);
    end(&f[1]);
    ck_assert_ptr_nonnull(f[1].made);
    answer(0, -1);
    end(&f[0]);
    ck_assert_ptr_null(f[0].made);
    ck_assert_int_eq(f[0].err.code, TENON_E_DENIED);
    tenon_error_release(&f[0].err);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("graph-asked");
    TCase *t = tcase_create("graph-asked");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_graph_is_usable_while_somebody_is_asked, 0, 2);
    tcase_add_test(t, test_graph_node_stays_as_it_was_asked_about);
    tcase_add_test(t, test_graph_two_threads_use_a_node_that_is_asked_about);
    tcase_add_test(t, test_graph_user_is_used_while_its_input_is_asked_about);
    tcase_add_test(t, test_graph_denied_source_is_no_vertex);
    tcase_add_test(t, test_graph_denied_thread_gets_no_vertex_of_another);
    suite_add_tcase(s, t);
    return unit_run(s);
}
