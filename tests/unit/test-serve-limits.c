/* tenon serve: what a server has of builds, sessions and bytes at a time, and what the client is told
 * that wants one more. */
#include "unit.h"

#include <pthread.h>
#include <sys/socket.h>

#include "budget.h"
#include "common/grpc/grpc.h"
#include "servejob.h"
#include "server.h"
#include "tunnel.h"

static struct server server;

static void
setup(void)
{
    server = (struct server){0};
    pthread_mutex_init(&server.lock, NULL);
    server_cond_init(&server.changed);
}

static void
teardown(void)
{
    servejobs_release(&server);
    tenon_vec_release(&server.tunnels);
    pthread_cond_destroy(&server.changed);
    pthread_mutex_destroy(&server.lock);
}

/* ---- builds ------------------------------------------------------------------------------------ */

static struct servejob *
begin(unsigned number, int *code)
{
    const char *why = "";
    auto_free char *ref = tenon_asprintf("build-%u", number);
    struct servejob *j = servejob_new(&server, ref, code, &why);

    ck_assert(j || *why);
    return j;
}

static void
end(struct servejob *j, bool is_kept)
{
    servejob_end(j, is_kept);
    servejob_leave(j);
}

START_TEST(test_serve_builds_at_a_time)
{
    struct servejob *jobs[SERVER_JOBS_MAX];
    int code;

    for (unsigned i = 0; i < SERVER_JOBS_MAX; i++)
        ck_assert_ptr_nonnull(jobs[i] = begin(i, &code));
    ck_assert_ptr_null(begin(SERVER_JOBS_MAX, &code));
    ck_assert_int_eq(code, GRPC_RESOURCE_EXHAUSTED);
    ck_assert_ptr_null(begin(1, &code));
    ck_assert_int_eq(code, GRPC_ALREADY_EXISTS);
    end(jobs[1], false); /* which is still known, and in nobody's way */
    ck_assert_ptr_nonnull(jobs[1] = begin(1, &code));
    servejobs_cancel(&server);
    ck_assert_ptr_null(begin(SERVER_JOBS_MAX, &code));
    ck_assert_int_eq(code, GRPC_UNAVAILABLE);
    for (unsigned i = 0; i < SERVER_JOBS_MAX; i++) {
        ck_assert(tenon_cancel_fired(jobs[i]->cancel));
        end(jobs[i], true);
    }
    ck_assert_uint_eq(server.jobs.len, 0);
}
END_TEST

START_TEST(test_serve_builds_that_are_over)
{
    int code;

    for (unsigned i = 0; i < 3 * SERVER_JOBS_KEPT; i++)
        end(begin(i, &code), false);
    ck_assert_uint_eq(server.jobs.len, SERVER_JOBS_KEPT); /* the last ones */
    ck_assert_str_eq(server.jobs.items[0]->ref, "build-32");
    for (unsigned i = 0; i < SERVER_JOBS_MAX; i++) /* and they take nobody's place */
        end(begin(i, &code), true);
}
END_TEST

/* ---- sessions ---------------------------------------------------------------------------------- */

#define SESSION "/moby.buildkit.v1.Control/Session"

static void *
serve(void *conn)
{
    static const struct grpc_method methods[] = {{SESSION, tunnel_serve}};

    grpc_serve(conn, methods, 1, &server);
    return NULL;
}

/* What a client hears that opens one of that id; the call ends with the connection at the latest. */
static int
open_session(struct grpc_conn *client, const char *id, char **why)
{
    const struct grpc_header header = {"x-docker-expose-session-uuid", id};
    struct grpc_call *call = grpc_call_start(client, SESSION, &header, id ? 1 : 0, 0);
    auto_grpc_status struct grpc_status status = {0};

    grpc_call_close_send(call); /* one that is let in ends itself */
    grpc_call_status(call, &status);
    *why = status.message ? tenon_strdup(status.message) : NULL;
    grpc_call_free(call);
    return status.code;
}

START_TEST(test_serve_sessions_at_a_time)
{
    static struct tunnel others[SERVER_SESSIONS_MAX];
    static char one[] = "one";
    struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, NULL);
    struct grpc_conn *conn = grpc_conn_new(GRPC_SERVER, NULL);
    const struct session {
        const char *id;
        size_t others; /* that there are */
        int code;
        const char *why;
    } table[] = {
        {NULL, 0, GRPC_INVALID_ARGUMENT, "a session has an id"},
        {"two", 0, GRPC_OK, NULL},
        {"one", 1, GRPC_ALREADY_EXISTS, "there is a session of that id"},
        {"two", SERVER_SESSIONS_MAX - 1, GRPC_OK, NULL},
        {"two", SERVER_SESSIONS_MAX, GRPC_RESOURCE_EXHAUSTED, "there are too many sessions"},
    };
    pthread_t serving;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(grpc_conn_start(client, fds[0], fds[0]), 0);
    ck_assert_int_eq(grpc_conn_start(conn, fds[1], fds[1]), 0);
    ck_assert_int_eq(pthread_create(&serving, NULL, serve, conn), 0);
    for (size_t i = 0; i < tenon_countof(table); i++) {
        auto_free char *why = NULL;
        pthread_mutex_lock(&server.lock);
        while (server.tunnels.len < table[i].others) {
            struct tunnel *other = &others[server.tunnels.len];
            other->id = one;
            tenon_vec_push(&server.tunnels, other);
        }
        pthread_mutex_unlock(&server.lock);
        const int code = open_session(client, table[i].id, &why);
        ck_assert_msg(code == table[i].code, "%zu: %d %s", i, code, why ? why : "");
        ck_assert(!table[i].why || (why && strstr(why, table[i].why)));
    }
    grpc_conn_free(client);
    pthread_join(serving, NULL);
    grpc_conn_free(conn);
    ck_assert_uint_eq(server.tunnels.len, SERVER_SESSIONS_MAX); /* ours, who stay */
}
END_TEST

/* ---- bytes ------------------------------------------------------------------------------------- */

START_TEST(test_serve_bytes_of_a_client)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct budget b = {BUDGET_BYTES_MAX - 3};

    ck_assert_int_eq(budget_take(&b, 3, &err), TENON_OK);
    ck_assert_int_eq(budget_take(&b, 1, &err), TENON_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "256 GiB"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("serve-limits");
    TCase *t = tcase_create("serve-limits");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_serve_builds_at_a_time);
    tcase_add_test(t, test_serve_builds_that_are_over);
    tcase_add_test(t, test_serve_sessions_at_a_time);
    tcase_add_test(t, test_serve_bytes_of_a_client);
    suite_add_tcase(s, t);
    return unit_run(s);
}
