#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tools/buf.h"
#include "context/ctx.h"
#include "context/events.h"

static struct tenon_buf seen; /* consumer thread, then after its end */
static atomic_uint ticks; /* by the renderer's thread */

static void
on_event(void *data, const struct tenon_event *ev)
{
    (void)data;
    tenon_buf_addf(&seen, "%u %s", ev->type, ev->name ? ev->name : "-");
    for (size_t i = 0; ev->inputs && ev->inputs[i]; i++)
        tenon_buf_addf(&seen, " <%s", ev->inputs[i]);
    if (ev->type == TENON_EVENT_VERTEX)
        tenon_buf_addf(&seen, "%s%s%s%s%s", ev->started_ns ? " started" : "",
                       ev->completed_ns ? " done" : "",
                       ev->flags & TENON_EVENT_CACHED ? " cached" : "",
                       ev->flags & TENON_EVENT_CANCELED ? " canceled" : "",
                       ev->error ? ev->error : "");
    if (ev->type == TENON_EVENT_STATUS)
        tenon_buf_addf(&seen, " %lld%s", (long long)ev->current,
                       ev->completed_ns ? " done" : "");
    if (ev->type == TENON_EVENT_LOG)
        tenon_buf_addf(&seen, " %u:%.*s", ev->stream, (int)ev->len,
                       (const char *)ev->data);
    tenon_buf_addc(&seen, '\n');
}

static void
on_tick(void *data, int64_t now_ns)
{
    (void)data, (void)now_ns;
    ticks++;
}

static struct tenon_events *
begin(void)
{
    tenon_buf_release(&seen);
    return tenon_events_new(on_event, on_tick, NULL);
}

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"

START_TEST(test_events_life_of_a_vertex_in_order)
{
    const char *const inputs[] = { "a", "b", NULL };
    const struct tenon_vertex_info v = { .digest = D1, .name = "step",
                                         .inputs = inputs };
    struct tenon_events *e = begin();

    tenon_events_vertex(e, &v);
    tenon_events_start(e, &v);
    tenon_events_done(e, D1, true, NULL, false);
    tenon_events_done(e, D1, false, "twice", false);
    tenon_events_start(e, &v);
    tenon_events_done(e, D1, false, " boom", false);
    tenon_events_free(e);
    ck_assert_str_eq(tenon_buf_str(&seen), "1 step <a <b\n"
                                           "1 step <a <b started\n"
                                           "1 step <a <b started done cached\n"
                                           "1 step <a <b started\n"
                                           "1 step <a <b started done boom\n");
    tenon_buf_release(&seen);
}
END_TEST

START_TEST(test_events_nobody_looking_is_fine)
{
    char digest[72];
    tenon_events_post(NULL, &(struct tenon_event){0});
    tenon_events_done(NULL, D1, false, NULL, false);
    tenon_events_fresh_digest(digest);
    ck_assert_uint_eq(strlen(digest), 71);
}
END_TEST

START_TEST(test_events_tick_without_events)
{
    ticks = 0;
    struct tenon_events *e = begin();
    for (int tries = 0; ticks == 0 && tries < 1200; tries++)
        usleep(50000);
    tenon_events_free(e);
    ck_assert_uint_ge(ticks, 1);
}
END_TEST

START_TEST(test_ctx_status_lines_and_output)
{
    struct tenon_events *e = begin();
    struct tenon_ctx *ctx = tenon_ctx_new(NULL, e, NULL, D1);

    tenon_ctx_status(ctx, "transferring context:", 2, 0);
    tenon_ctx_status(ctx, "transferring context:", 40, 0);
    tenon_ctx_status_done(ctx, "transferring context:");
    tenon_ctx_output(ctx, 2, "hello", 5);
    tenon_ctx_output(ctx, 1, "", 0);
    tenon_ctx_free(ctx);
    tenon_events_free(e);
    ck_assert_str_eq(tenon_buf_str(&seen), "2 transferring context: 2\n"
                                           "2 transferring context: 40\n"
                                           "2 transferring context: 40 done\n"
                                           "3 - 2:hello\n");
    tenon_buf_release(&seen);
}
END_TEST

static int
open_log(void *data)
{
    return openat(*(int *)data, "log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

START_TEST(test_ctx_secrets_do_not_reach_the_log)
{
    char path[64];
    int dir = unit_tmpdir(path);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_ctx *ctx = tenon_ctx_new(NULL, NULL, NULL, D1);

    tenon_ctx_set_log(ctx, open_log, &dir);
    tenon_ctx_add_secret(ctx, "s3cret\n", 7);
    tenon_ctx_output(ctx, 1, "a s3cret b s3c", 14);
    tenon_ctx_output(ctx, 2, "other", 5);
    tenon_ctx_output(ctx, 1, "ret and s3c", 11);
    tenon_ctx_free(ctx);
    auto_close int in = openat(dir, "log", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(tenon_read_all(in, 1000, &text, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&text), "a ****** b other****** and s3c");
    unit_tmpdir_remove(dir, path);
}
END_TEST

static void
note(void *data)
{
    tenon_buf_adds(&seen, data);
}

START_TEST(test_ctx_cleanups_run_last_first)
{
    tenon_buf_release(&seen);
    struct tenon_cancel *parent = tenon_cancel_new(NULL);
    struct tenon_ctx *ctx = tenon_ctx_new(NULL, NULL, parent, NULL);
    char *s = tenon_ctx_strdup(ctx, "x");
    tenon_ctx_defer(ctx, note, (void *)"1");
    tenon_ctx_defer(ctx, note, (void *)"2");
    tenon_cancel_fire(parent);
    ck_assert(tenon_cancel_fired(tenon_ctx_cancel(ctx)));
    ck_assert_str_eq(s, "x");
    tenon_ctx_free(ctx);
    tenon_ctx_free(NULL);
    tenon_cancel_free(parent);
    ck_assert_str_eq(tenon_buf_str(&seen), "21");
    tenon_buf_release(&seen);
}
END_TEST

static void *
post_many(void *data)
{
    char line[20000];
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 500; i++) {
        struct tenon_event ev = { .struct_size = sizeof ev,
                                  .type = TENON_EVENT_LOG, .data = line,
                                  .len = sizeof line };
        tenon_events_post(data, &ev);
    }
    return NULL;
}

static size_t logged;
static void
count_event(void *data, const struct tenon_event *ev)
{
    (void)data;
    logged += ev->len;
}

START_TEST(test_events_many_threads_lose_nothing)
{
    pthread_t t[4];
    struct tenon_events *e = tenon_events_new(count_event, NULL, NULL);
    logged = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, post_many, e);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    tenon_events_free(e);
    ck_assert_uint_eq(logged, 4u * 500 * 20000);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("events");
    TCase *t = tcase_create("events");

    tcase_add_test(t, test_events_life_of_a_vertex_in_order);
    tcase_add_test(t, test_events_nobody_looking_is_fine);
    tcase_add_test(t, test_events_tick_without_events);
    tcase_add_test(t, test_ctx_status_lines_and_output);
    tcase_add_test(t, test_ctx_secrets_do_not_reach_the_log);
    tcase_add_test(t, test_ctx_cleanups_run_last_first);
    tcase_add_test(t, test_events_many_threads_lose_nothing);
    suite_add_tcase(s, t);
    return unit_run(s);
}
