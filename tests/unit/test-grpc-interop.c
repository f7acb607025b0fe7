/* gRPC with an independent implementation, Debian's python3-grpcio, over a unix socket: its client
 * against our server, our client against its server. */
#include "grpckit.h"

#include <signal.h>
#include <spawn.h>
#include <sys/un.h>
#include <sys/wait.h>

extern char **environ;

/* Debian's, whatever stands before it in PATH. */
#define PYTHON "/usr/bin/python3"

static bool
have_grpcio(void)
{
    char *argv[] = {(char *)PYTHON, (char *)"-c", (char *)"import grpc", NULL};
    pid_t pid;
    int status;

    if (posix_spawn(&pid, PYTHON, NULL, NULL, argv, environ) != 0)
        return false;
    return waitpid(pid, &status, 0) == pid && status == 0;
}

/* grpc-peer.py, with pipes as its standard input and output. */
static pid_t
peer_start(const char *role, const char *socket, int *to, int *from)
{
    const char *top = secure_getenv("abs_top_srcdir");
    auto_free char *script = tenon_asprintf("%s/tests/unit/grpc-peer.py", top ? top : ".");
    char *argv[] = {(char *)PYTHON, script, (char *)role, (char *)socket, NULL};
    posix_spawn_file_actions_t actions;
    int in[2], out[2];
    pid_t pid;

    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ck_assert_int_eq(posix_spawn(&pid, PYTHON, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    *to = in[1];
    *from = out[0];
    return pid;
}

/* why: how the connection ended for us, in case that it did not end well for the peer. */
static void
peer_ends_well(pid_t pid, int to, int from, const char *why)
{
    int status;

    close(to);
    close(from);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "the peer ended with %d; of the connection we know: %s", status, why);
}

static struct sockaddr_un
address(const char *dir)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path, sizeof a.sun_path, "%.60s/socket", dir);
    return a;
}

START_TEST(test_grpc_interop_their_client)
{
    struct kit *kit = kit_new(0);
    char dir[64];
    int dirfd = unit_tmpdir(dir), to, from;
    struct sockaddr_un a = address(dir);
    auto_close int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    pid_t pid = peer_start("client", a.sun_path, &to, &from);
    int fd = accept(listener, NULL, NULL);
    kit->server = grpc_conn_new(GRPC_SERVER, NULL);
    ck_assert_int_eq(grpc_conn_start(kit->server, fd, fd), 0);
    kit_serve(kit); /* until it has gone */
    auto_grpc_status struct grpc_status why = {0};
    grpc_conn_alive(kit->server, &why);
    peer_ends_well(pid, to, from, why.message);
    kit->client = NULL;
    grpc_conn_free(kit->server);
    free(kit);
    unit_tmpdir_remove(dirfd, dir);
}
END_TEST

static void
their_server_serves(struct kit *kit)
{
    enum { BIG = 5 * 1024 * 1024 };
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    auto_free char *big = tenon_malloc(BIG);

    memset(big, 'b', BIG);
    kit_unary(kit, "/test.Test/Echo", "", 0, GRPC_OK, &m);
    kit_unary(kit, "/test.Test/Echo", big, BIG, GRPC_OK, &m);
    ck_assert_uint_eq(m.len, BIG);
    ck_assert_int_eq(memcmp(m.data, big, BIG), 0);
    kit_unary(kit, "/test.Test/None", "", 0, GRPC_UNIMPLEMENTED, &m);

    struct grpc_call *call = kit_call(kit, "Many");
    grpc_call_send(call, "50 100000", 9);
    grpc_call_close_send(call);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(grpc_call_recv(call, &m), 1);
        ck_assert_uint_eq(m.len, 100000);
        ck_assert_int_eq(m.data[99999], i);
    }
    kit_ends(call, GRPC_OK, "");
    grpc_call_free(call);

    call = kit_call(kit, "Sum");
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(grpc_call_send(call, "123", 3), 0);
    grpc_call_close_send(call);
    ck_assert_int_eq(grpc_call_recv(call, &m), 1);
    ck_assert_str_eq(tenon_buf_str(&m), "1000 messages, 3000 bytes");
    grpc_call_free(call);

    call = kit_call(kit, "Chat");
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(grpc_call_send(call, big, 30000), 0);
        ck_assert_int_eq(grpc_call_recv(call, &m), 1);
        ck_assert_uint_eq(m.len, 30000);
    }
    grpc_call_close_send(call);
    kit_ends(call, GRPC_OK, "");
    grpc_call_free(call);
}

static void
their_server_fails(struct kit *kit)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    struct grpc_call *call = kit_call(kit, "Fail");

    grpc_call_send(call, "\0\1\2\xff", 4);
    grpc_call_close_send(call);
    grpc_call_status(call, &status);
    ck_assert_int_eq(status.code, GRPC_NOT_FOUND);
    ck_assert_str_eq(status.message, "100% \xc3\xa4\xe2\x82\xac\n no such thing ");
    ck_assert_uint_eq(status.details_len, 4);
    ck_assert_int_eq(memcmp(status.details, "\0\1\2\xff", 4), 0);
    ck_assert_str_eq(grpc_call_trailer(call, "x-trailer"), "there");
    grpc_call_free(call);

    call = grpc_call_start(kit->client, "/test.Test/Wait", NULL, 0, 50000000);
    grpc_call_send(call, "", 0);
    grpc_call_close_send(call);
    kit_ends(call, GRPC_DEADLINE_EXCEEDED, "");
    grpc_call_free(call);
    call = kit_call(kit, "Wait");
    grpc_call_send(call, "", 0);
    grpc_call_cancel(call);
    kit_ends(call, GRPC_CANCELLED, "");
    grpc_call_free(call);
    kit_unary(kit, "/test.Test/Echo", "on", 2, GRPC_OK, &m);
    ck_assert(grpc_conn_ping(kit->client, UINT64_C(60000000000)));
}

START_TEST(test_grpc_interop_their_server)
{
    struct kit *kit = kit_new(0);
    char dir[64], byte;
    int dirfd = unit_tmpdir(dir), to, from;
    struct sockaddr_un a = address(dir);
    pid_t pid = peer_start("server", a.sun_path, &to, &from);

    ck_assert_int_eq(read(from, &byte, 1), 1); /* "ready" */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    kit->client = grpc_conn_new(GRPC_CLIENT, NULL);
    ck_assert_int_eq(grpc_conn_start(kit->client, fd, fd), 0);
    their_server_serves(kit);
    their_server_fails(kit);
    grpc_conn_free(kit->client);
    peer_ends_well(pid, to, from, "we closed it");
    free(kit);
    unit_tmpdir_remove(dirfd, dir);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("grpc-interop");
    TCase *t = tcase_create("grpcio");

    signal(SIGPIPE, SIG_IGN);
    if (!have_grpcio()) {
        unit_not_tried("gRPC with grpcio: needs python3-grpcio");
    } else {
        tcase_add_test(t, test_grpc_interop_their_client);
        tcase_add_test(t, test_grpc_interop_their_server);
    }
    suite_add_tcase(s, t);
    return unit_run(s);
}
