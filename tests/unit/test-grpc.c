/* gRPC, our client against our server: all kinds of calls in odd cuts, more than the windows
 * hold, many at once, and how calls and connections end. */
#include "grpckit.h"

#include <poll.h>

#include "common/grpc/private.h"

#define MIB (1024 * 1024)

/* ---- what arrives ---------------------------------------------------------------------------- */

static const size_t cuts[] = {0, 1, 2, 3, 7, 1000};

START_TEST(test_grpc_unary_in_any_cut)
{
    struct kit *kit = kit_open(cuts[_i]);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    static const size_t sizes[] = {0, 1, 4, 5, 6, 255, 256, 4096, 20000};
    auto_free char *data = tenon_malloc(20000);

    for (size_t i = 0; i < 20000; i++)
        data[i] = (char)(i * 7);
    for (size_t i = 0; i < tenon_countof(sizes); i++) {
        kit_unary(kit, "/test.Test/Echo", data, sizes[i], GRPC_OK, &reply);
        ck_assert_uint_eq(reply.len, sizes[i]);
        ck_assert_int_eq(memcmp(tenon_buf_str(&reply), data, sizes[i]), 0);
    }
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_streams_in_any_cut)
{
    struct kit *kit = kit_open(cuts[_i]);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    struct grpc_call *many = kit_call(kit, "Many");
    grpc_call_send(many, "20 300", 6);
    grpc_call_close_send(many);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(grpc_call_recv(many, &m), 1);
        ck_assert_uint_eq(m.len, 300);
        ck_assert_int_eq(m.data[299], (char)i);
    }
    ck_assert_int_eq(grpc_call_recv(many, &m), 0);
    grpc_call_free(many);

    struct grpc_call *sum = kit_call(kit, "Sum");
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(grpc_call_send(sum, "some bytes", (size_t)i % 10), 0);
    grpc_call_close_send(sum);
    ck_assert_int_eq(grpc_call_recv(sum, &m), 1);
    ck_assert_str_eq(tenon_buf_str(&m), "20 messages, 90 bytes");
    kit_ends(sum, GRPC_OK, "");
    grpc_call_free(sum);

    struct grpc_call *chat = kit_call(kit, "Chat");
    for (int i = 0; i < 20; i++) { /* a question, an answer */
        ck_assert_int_eq(grpc_call_send(chat, "hello there", 11), 0);
        ck_assert_int_eq(grpc_call_recv(chat, &m), 1);
        ck_assert_str_eq(tenon_buf_str(&m), "hello there");
    }
    grpc_call_close_send(chat);
    ck_assert_int_eq(grpc_call_recv(chat, &m), 0);
    grpc_call_free(chat);
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_messages_larger_than_all_windows)
{
    struct kit *kit = kit_new(0);
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    const size_t size = 40 * MIB;
    auto_free char *data = tenon_malloc(size);

    kit->client_limits.message_max = kit->client_limits.send_max = 64 * MIB;
    kit->server_limits = kit->client_limits;
    kit_start(kit);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i ^ i >> 13);
    kit_unary(kit, "/test.Test/Echo", data, size, GRPC_OK, &reply);
    ck_assert_uint_eq(reply.len, size);
    ck_assert_int_eq(memcmp(reply.data, data, size), 0);
    kit_free(kit);
}
END_TEST

/* Each sends all before it reads any: both directions are full at once. */
START_TEST(test_grpc_stream_that_is_not_read_waits)
{
    struct kit *kit = kit_open(0);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    struct grpc_call *many = kit_call(kit, "Many");

    grpc_call_send(many, "64 1048576", 10);
    grpc_call_close_send(many);
    ck_assert_int_eq(grpc_call_recv(many, &m), 1);
    /* It has more than may wait; others are not held up by it. */
    for (int i = 0; i < 30; i++)
        kit_unary(kit, "/test.Test/Echo", "x", 1, GRPC_OK, &m);
    for (int i = 1; i < 64; i++) {
        ck_assert_int_eq(grpc_call_recv(many, &m), 1);
        ck_assert_uint_eq(m.len, MIB);
        ck_assert_int_eq(m.data[i], (char)i);
    }
    ck_assert_int_eq(grpc_call_recv(many, &m), 0);
    grpc_call_free(many);
    kit_free(kit);
}
END_TEST

enum { PARALLEL = 240, THREADS = 8, EACH = 100 };

START_TEST(test_grpc_hundreds_of_streams_at_once)
{
    struct kit *kit = kit_open(0);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    struct grpc_call *calls[PARALLEL];
    char text[32];

    for (int i = 0; i < PARALLEL; i++) {
        calls[i] = kit_call(kit, "Chat");
        snprintf(text, sizeof text, "call %d", i);
        ck_assert_int_eq(grpc_call_send(calls[i], text, strlen(text)), 0);
    }
    for (int i = PARALLEL - 1; i >= 0; i--) {
        snprintf(text, sizeof text, "call %d", i);
        ck_assert_int_eq(grpc_call_recv(calls[i], &m), 1);
        ck_assert_str_eq(tenon_buf_str(&m), text);
    }
    for (int i = 0; i < PARALLEL; i++) {
        grpc_call_close_send(calls[i]);
        kit_ends(calls[i], GRPC_OK, "");
        grpc_call_free(calls[i]);
    }
    kit_free(kit);
}
END_TEST

static void *
caller(void *arg)
{
    struct kit *kit = arg;
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    char text[32];

    for (int i = 0; i < EACH; i++) {
        snprintf(text, sizeof text, "%d of %p", i, (void *)text);
        kit_unary(kit, "/test.Test/Echo", text, strlen(text), GRPC_OK, &m);
        ck_assert_str_eq(tenon_buf_str(&m), text);
    }
    return NULL;
}

START_TEST(test_grpc_threads_share_a_connection)
{
    struct kit *kit = kit_open(0);
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, caller, kit), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    kit_free(kit);
}
END_TEST

/* A method that has answered is still being cleaned up when the next call arrives. */
START_TEST(test_grpc_who_keeps_to_streams_max_is_never_refused)
{
    struct kit *kit = kit_new(0);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    kit->server_limits.streams_max = 1;
    kit_start(kit);
    ck_assert(grpc_conn_ping(kit->client, UINT64_C(60000000000))); /* it knows of the limit */
    for (int i = 0; i < 5; i++)
        kit_unary(kit, "/test.Test/Linger", "x", 1, GRPC_OK, &m);
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_metadata_both_ways)
{
    struct kit *kit = kit_open(0);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    static const struct grpc_header headers[] = {
        {"x-list", "one"}, {"x-list", "two"}, {"x-bytes-bin", "/wA"}};
    struct grpc_call *call = grpc_call_start(kit->client, "/test.Test/Headers", headers,
                                             tenon_countof(headers), 0);

    grpc_call_send(call, "", 0);
    grpc_call_close_send(call);
    ck_assert_int_eq(grpc_call_recv(call, &m), 1);
    ck_assert_ptr_nonnull(strstr(tenon_buf_str(&m), "x-list: one\nx-list: two\nx-bytes-bin: /wA\n"));
    ck_assert_str_eq(grpc_call_header(call, "x-answer"), "yes");
    ck_assert_str_eq(grpc_call_header(call, "x-blob-bin"), "AAEC");
    ck_assert_ptr_null(grpc_call_header(call, "x-other"));
    kit_ends(call, GRPC_OK, "");
    ck_assert_ptr_null(grpc_call_trailer(call, "x-answer"));
    grpc_call_free(call);
    kit_free(kit);
}
END_TEST

/* ---- how calls end --------------------------------------------------------------------------- */

START_TEST(test_grpc_status_arrives_as_it_was)
{
    struct kit *kit = kit_open(0);
    static const char *const messages[] = {
        "plain", "100% \"sure\"", "zwei\nZeilen\tund \xc3\xa4\xe2\x82\xac", " blanks ", "%41"};
    static const size_t details[] = {0, 1, 2, 3, 1000, 47 * 1024};
    auto_free char *data = tenon_malloc(47 * 1024);

    for (size_t i = 0; i < 47 * 1024; i++)
        data[i] = (char)(i * 31);
    for (size_t i = 0; i < tenon_countof(messages) * tenon_countof(details); i++) {
        const char *text = messages[i % tenon_countof(messages)];
        size_t len = details[i / tenon_countof(messages)];
        auto_buf struct tenon_buf coded = TENON_BUF_INIT, reply = TENON_BUF_INIT;
        auto_grpc_status struct grpc_status status = {0};
        grpc_base64_encode(&coded, text, strlen(text));
        const struct grpc_header header = {"x-message", tenon_buf_str(&coded)};
        ck_assert(!grpc_call_unary(kit->client, "/test.Test/Fail", &header, 1, 0, data, len,
                                   &reply, &status));
        ck_assert_int_eq(status.code, GRPC_NOT_FOUND);
        ck_assert_str_eq(status.message, text);
        ck_assert_uint_eq(status.details_len, len);
        ck_assert(len == 0 || memcmp(status.details, data, len) == 0);
    }
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_unknown_method_and_one_without_answer)
{
    struct kit *kit = kit_open(0);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    kit_unary(kit, "/test.Test/None", "", 0, GRPC_UNIMPLEMENTED, &m);
    kit_unary(kit, "/test.Test/Silent", "", 0, GRPC_UNKNOWN, &m);
    kit_unary(kit, "/test.Test/Echo", "", 0, GRPC_OK, &m); /* and it goes on */
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_unary_wants_one_message)
{
    struct kit *kit = kit_open(0);
    struct grpc_call *none = kit_call(kit, "Echo");
    struct grpc_call *two = kit_call(kit, "Echo");

    grpc_call_close_send(none);
    kit_ends(none, GRPC_INTERNAL, "no message");
    grpc_call_send(two, "a", 1);
    grpc_call_send(two, "b", 1);
    kit_ends(two, GRPC_INTERNAL, "more than one message");
    grpc_call_free(none);
    grpc_call_free(two);
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_cancel_reaches_the_method)
{
    struct kit *kit = kit_open(0);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    struct grpc_call *call = kit_call(kit, "Wait");
    struct pollfd over = {.fd = grpc_call_over_fd(call), .events = POLLIN};

    kit_await(kit, &kit->waiting, 1);
    ck_assert_int_eq(poll(&over, 1, 0), 0);
    grpc_call_cancel(call);
    ck_assert_int_eq(poll(&over, 1, -1), 1);
    ck_assert_int_eq(grpc_call_send(call, "x", 1), -1);
    kit_ends(call, GRPC_CANCELLED, "cancelled");
    kit_await(kit, &kit->ended, 1);
    grpc_call_free(call);

    /* Freed without a word is cancelled, too. */
    grpc_call_free(kit_call(kit, "Wait"));
    call = kit_call(kit, "Wait");
    grpc_call_close_send(call);
    grpc_call_free(call);
    kit_unary(kit, "/test.Test/Echo", "x", 1, GRPC_OK, &m);
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_cancel_frees_a_method_that_sends)
{
    struct kit *kit = kit_open(0);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    struct grpc_call *call = kit_call(kit, "Many");

    grpc_call_send(call, "1000 1048576", 12);
    grpc_call_close_send(call);
    ck_assert_int_eq(grpc_call_recv(call, &m), 1);
    grpc_call_free(call); /* it waits in grpc_call_send() */
    kit_await(kit, &kit->cut_off, 1);
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_deadline_ends_the_call)
{
    struct kit *kit = kit_open(0);
    struct grpc_call *call = grpc_call_start(kit->client, "/test.Test/Wait", NULL, 0, 1000000);

    kit_ends(call, GRPC_DEADLINE_EXCEEDED, "time is over");
    grpc_call_free(call);
    kit_free(kit);
}
END_TEST

/* The client as well, with all that it has to say said: this server says nothing at all. */
START_TEST(test_grpc_client_keeps_the_deadline)
{
    int ends[2];
    auto_grpc_status struct grpc_status status = {0};
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct grpc_conn *conn = grpc_conn_new(GRPC_CLIENT, NULL);
    ck_assert_int_eq(grpc_conn_start(conn, ends[0], ends[0]), 0);
    ck_assert(!grpc_call_unary(conn, "/test.Test/Wait", NULL, 0, 50000000, "", 0, &reply, &status));
    ck_assert_int_eq(status.code, GRPC_DEADLINE_EXCEEDED);
    grpc_conn_free(conn);
    close(ends[1]);
}
END_TEST

/* The server keeps the time by itself: this client has told it one, and waits for ever. */
START_TEST(test_grpc_server_keeps_the_deadline)
{
    struct kit *kit = kit_open(0);
    static const struct grpc_header header = {"grpc-timeout", "20m"};
    struct grpc_call *call = grpc_call_start(kit->client, "/test.Test/Wait", &header, 1, 0);

    kit_ends(call, GRPC_DEADLINE_EXCEEDED, "time is over");
    kit_await(kit, &kit->waiting, 1);
    kit_await(kit, &kit->ended, 1);
    grpc_call_free(call);
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_deadline_that_is_none)
{
    struct kit *kit = kit_open(0);
    static const char *const texts[] = {"", "1", "S", "123456789S", "1x", "-1S", "1 S", "1SS"};

    for (size_t i = 0; i < tenon_countof(texts); i++) {
        const struct grpc_header header = {"grpc-timeout", texts[i]};
        struct grpc_call *call = grpc_call_start(kit->client, "/test.Test/Echo", &header, 1, 0);
        kit_ends(call, GRPC_INTERNAL, "malformed grpc-timeout");
        grpc_call_free(call);
    }
    kit_free(kit);
}
END_TEST

/* ---- how connections end ----------------------------------------------------------------------- */

START_TEST(test_grpc_server_vanishes)
{
    struct kit *kit = kit_open(0);
    auto_grpc_status struct grpc_status why = {0};
    struct grpc_call *before = kit_call(kit, "Wait"), *after;

    kit_await(kit, &kit->waiting, 1);
    ck_assert(grpc_conn_alive(kit->client, &why));
    grpc_conn_close(kit->server);
    kit_ends(before, GRPC_UNAVAILABLE, "peer");
    after = kit_call(kit, "Echo");
    kit_ends(after, GRPC_UNAVAILABLE, "peer");
    ck_assert(!grpc_conn_alive(kit->client, &why));
    ck_assert_int_eq(why.code, GRPC_UNAVAILABLE);
    kit_await(kit, &kit->ended, 1);
    grpc_call_free(before);
    grpc_call_free(after);
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_client_vanishes)
{
    struct kit *kit = kit_open(0);
    struct grpc_call *call = kit_call(kit, "Wait");

    kit_await(kit, &kit->waiting, 1);
    grpc_conn_close(kit->client);
    kit_await(kit, &kit->ended, 1);
    pthread_join(kit->serving, NULL); /* it has ended by itself */
    kit_ends(call, GRPC_UNAVAILABLE, "closed");
    grpc_call_free(call);
    ck_assert_int_eq(pthread_create(&kit->serving, NULL, kit_serve, kit), 0);
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_shutdown_lets_calls_end)
{
    struct kit *kit = kit_open(0);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status why = {0};
    struct grpc_call *before = kit_call(kit, "Chat"), *after;

    ck_assert_int_eq(grpc_call_send(before, "one", 3), 0);
    ck_assert_int_eq(grpc_call_recv(before, &m), 1);
    grpc_conn_shutdown(kit->server);
    ck_assert(grpc_conn_ping(kit->client, UINT64_C(60000000000))); /* it has arrived by then */
    after = kit_call(kit, "Echo");
    kit_ends(after, GRPC_UNAVAILABLE, "takes no more calls");
    ck_assert_int_eq(grpc_call_send(before, "two", 3), 0);
    ck_assert_int_eq(grpc_call_recv(before, &m), 1);
    ck_assert_str_eq(tenon_buf_str(&m), "two");
    grpc_call_close_send(before);
    kit_ends(before, GRPC_OK, "");
    pthread_join(kit->serving, NULL);
    ck_assert(!grpc_conn_alive(kit->server, &why));
    grpc_call_free(before);
    grpc_call_free(after);
    ck_assert_int_eq(pthread_create(&kit->serving, NULL, kit_serve, kit), 0);
    kit_free(kit);
}
END_TEST

/* The other end reads nothing before the server has no more to say: what a socket does not take
 * has to wait, and its end comes after that. */
START_TEST(test_grpc_shutdown_sends_all_that_was_said)
{
    struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, NULL);
    struct grpc_conn *server = grpc_conn_new(GRPC_SERVER, NULL);
    struct grpc_call *call = grpc_call_start(client, "/a.B/C", NULL, 0, 0);
    auto_buf struct tenon_buf out = TENON_BUF_INIT, m = TENON_BUF_INIT;
    auto_free char *data = tenon_calloc(1, 900000);
    const int small = 4096;
    char part[4096];
    int fds[2];
    ssize_t n;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    ck_assert_int_eq(grpc_conn_start(server, fds[0], fds[0]), 0);
    grpc_call_close_send(call);
    grpc_conn_pull(client, &out, SIZE_MAX);
    ck_assert_int_eq(write(fds[1], out.data, out.len), (ssize_t)out.len);
    struct grpc_call *served = grpc_conn_accept(server);
    ck_assert_int_eq(grpc_call_send(served, data, 900000), 0);
    ok(served);
    grpc_conn_shutdown(server);
    grpc_call_free(served);
    while ((n = read(fds[1], part, sizeof part)) > 0)
        grpc_conn_feed(client, part, (size_t)n);
    ck_assert_int_eq(grpc_call_recv(call, &m), 1);
    ck_assert_uint_eq(m.len, 900000);
    ck_assert_int_eq(grpc_call_recv(call, &m), 0);
    ck_assert_ptr_null(grpc_conn_accept(server));
    grpc_call_free(call);
    grpc_conn_free(client);
    grpc_conn_free(server);
    close(fds[1]);
}
END_TEST

START_TEST(test_grpc_ping)
{
    struct kit *kit = kit_open(0);
    int fds[2];

    for (int i = 0; i < 3; i++) {
        ck_assert(grpc_conn_ping(kit->client, UINT64_C(60000000000)));
        ck_assert(grpc_conn_ping(kit->server, UINT64_C(60000000000)));
    }
    kit_free(kit);
    /* One that never says anything. */
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct grpc_conn *lonely = grpc_conn_new(GRPC_CLIENT, NULL);
    ck_assert_int_eq(grpc_conn_start(lonely, fds[0], fds[0]), 0);
    ck_assert(!grpc_conn_ping(lonely, 1000000));
    grpc_conn_free(lonely);
    close(fds[1]);
}
END_TEST

START_TEST(test_grpc_two_pipes_are_a_connection)
{
    auto_buf struct tenon_buf reply = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    struct kit *kit = kit_new(0);
    int up[2], down[2];

    ck_assert_int_eq(pipe2(up, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(down, O_CLOEXEC), 0);
    kit->client = grpc_conn_new(GRPC_CLIENT, NULL);
    kit->server = grpc_conn_new(GRPC_SERVER, NULL);
    ck_assert_int_eq(grpc_conn_start(kit->server, up[0], down[1]), 0);
    ck_assert_int_eq(grpc_conn_start(kit->client, down[0], up[1]), 0);
    ck_assert_int_eq(pthread_create(&kit->serving, NULL, kit_serve, kit), 0);
    ck_assert(grpc_call_unary(kit->client, "/test.Test/Echo", NULL, 0, 0, "piped", 5, &reply,
                              &status));
    ck_assert_str_eq(tenon_buf_str(&reply), "piped");
    kit_free(kit);
}
END_TEST

START_TEST(test_grpc_start_takes_descriptors_that_are_none)
{
    struct grpc_conn *conn = grpc_conn_new(GRPC_SERVER, NULL);

    ck_assert_int_eq(grpc_conn_start(conn, -1, -1), -EBADF);
    grpc_conn_free(conn);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("grpc");
    TCase *arrives = tcase_create("arrives"), *calls = tcase_create("calls");
    TCase *conns = tcase_create("connections");

    tcase_add_loop_test(arrives, test_grpc_unary_in_any_cut, 0, (int)tenon_countof(cuts));
    tcase_add_loop_test(arrives, test_grpc_streams_in_any_cut, 0, (int)tenon_countof(cuts));
    tcase_add_test(arrives, test_grpc_messages_larger_than_all_windows);
    tcase_add_test(arrives, test_grpc_stream_that_is_not_read_waits);
    tcase_add_test(arrives, test_grpc_hundreds_of_streams_at_once);
    tcase_add_test(arrives, test_grpc_threads_share_a_connection);
    tcase_add_test(arrives, test_grpc_who_keeps_to_streams_max_is_never_refused);
    tcase_add_test(arrives, test_grpc_metadata_both_ways);
    suite_add_tcase(s, arrives);
    tcase_add_test(calls, test_grpc_status_arrives_as_it_was);
    tcase_add_test(calls, test_grpc_unknown_method_and_one_without_answer);
    tcase_add_test(calls, test_grpc_unary_wants_one_message);
    tcase_add_test(calls, test_grpc_cancel_reaches_the_method);
    tcase_add_test(calls, test_grpc_cancel_frees_a_method_that_sends);
    tcase_add_test(calls, test_grpc_deadline_ends_the_call);
    tcase_add_test(calls, test_grpc_client_keeps_the_deadline);
    tcase_add_test(calls, test_grpc_server_keeps_the_deadline);
    tcase_add_test(calls, test_grpc_deadline_that_is_none);
    suite_add_tcase(s, calls);
    tcase_add_test(conns, test_grpc_server_vanishes);
    tcase_add_test(conns, test_grpc_client_vanishes);
    tcase_add_test(conns, test_grpc_shutdown_lets_calls_end);
    tcase_add_test(conns, test_grpc_shutdown_sends_all_that_was_said);
    tcase_add_test(conns, test_grpc_ping);
    tcase_add_test(conns, test_grpc_two_pipes_are_a_connection);
    tcase_add_test(conns, test_grpc_start_takes_descriptors_that_are_none);
    suite_add_tcase(s, conns);
    return s;
}

int
main(void)
{
    return unit_run(suite());
}
