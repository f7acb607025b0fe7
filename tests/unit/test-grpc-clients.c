/* A server with many clients, each on a connection of its own to a unix socket: those that work,
 * those that do not read, and those that vanish are nothing to each other. */
#include "grpckit.h"

#include <dirent.h>
#include <signal.h>
#include <sys/un.h>

#include "common/grpc/private.h"

enum { CLIENTS_MAX = 16 };

struct hall { /* the server */
    struct kit *kit; /* what methods did, on all connections */
    int listener;
    struct sockaddr_un address;
    pthread_t greeter;
    struct guest {
        pthread_t thread;
        struct grpc_conn *conn;
    } guests[CLIENTS_MAX];
    size_t count, left; /* connections accepted, and over; locked by kit->lock */
    char dir[64];
    int dirfd;
};

static size_t
count_files(const char *path)
{
    DIR *d = opendir(path);
    size_t n = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static struct hall *hall;

static void *
guest_main(void *data)
{
    struct guest *g = data;

    grpc_serve(g->conn, kit_methods, tenon_countof(kit_methods), hall->kit);
    grpc_conn_free(g->conn);
    pthread_mutex_lock(&hall->kit->lock);
    hall->left++;
    pthread_cond_broadcast(&hall->kit->changed);
    pthread_mutex_unlock(&hall->kit->lock);
    return NULL;
}

static void *
greeter_main(void *data)
{
    int fd;
    (void)data;

    while ((fd = accept4(hall->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct guest *g = &hall->guests[hall->count];
        ck_assert_uint_lt(hall->count, CLIENTS_MAX);
        g->conn = grpc_conn_new(GRPC_SERVER, &hall->kit->server_limits);
        ck_assert_int_eq(grpc_conn_start(g->conn, fd, fd), 0);
        ck_assert_int_eq(pthread_create(&g->thread, NULL, guest_main, g), 0);
        pthread_mutex_lock(&hall->kit->lock);
        hall->count++;
        pthread_cond_broadcast(&hall->kit->changed);
        pthread_mutex_unlock(&hall->kit->lock);
    }
    return NULL;
}

static void
hall_open(const struct grpc_limits *limits)
{
    hall = tenon_new0(struct hall);
    hall->kit = kit_new(0);
    if (limits)
        hall->kit->server_limits = *limits;
    hall->dirfd = unit_tmpdir(hall->dir);
    hall->address.sun_family = AF_UNIX;
    snprintf(hall->address.sun_path, sizeof hall->address.sun_path, "%.60s/socket", hall->dir);
    hall->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(hall->listener, (struct sockaddr *)&hall->address,
                          sizeof hall->address), 0);
    ck_assert_int_eq(listen(hall->listener, CLIENTS_MAX), 0);
    ck_assert_int_eq(pthread_create(&hall->greeter, NULL, greeter_main, NULL), 0);
}

static int
hall_enter(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&hall->address, sizeof hall->address), 0);
    return fd;
}

static struct kit *
client_open(void)
{
    struct kit *kit = kit_new(0);
    int fd = hall_enter();

    kit->client = grpc_conn_new(GRPC_CLIENT, &kit->client_limits);
    ck_assert_int_eq(grpc_conn_start(kit->client, fd, fd), 0);
    return kit;
}

static void
client_close(struct kit *kit)
{
    grpc_conn_free(kit->client);
    pthread_mutex_destroy(&kit->lock);
    pthread_cond_destroy(&kit->changed);
    free(kit);
}

/* Once the clients have gone: nothing of them is left. */
static void
hall_close(void)
{
    pthread_mutex_lock(&hall->kit->lock);
    while (hall->left < hall->count)
        pthread_cond_wait(&hall->kit->changed, &hall->kit->lock);
    pthread_mutex_unlock(&hall->kit->lock);
    shutdown(hall->listener, SHUT_RDWR); /* which ends accept4() */
    pthread_join(hall->greeter, NULL);
    close(hall->listener);
    for (size_t i = 0; i < hall->count; i++)
        pthread_join(hall->guests[i].thread, NULL);
    pthread_mutex_destroy(&hall->kit->lock);
    pthread_cond_destroy(&hall->kit->changed);
    unit_tmpdir_remove(hall->dirfd, hall->dir);
    free(hall->kit);
    free(hall);
}

/* ---- those that work ------------------------------------------------------------------------ */

enum { ROUNDS = 12 };

static void
one_of_each(struct kit *kit, unsigned number, char *data, size_t most)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    const size_t len = most / (number % 7 + 1);

    memset(data, (int)number, len);
    kit_unary(kit, "/test.Test/Echo", data, len, GRPC_OK, &m);
    ck_assert_uint_eq(m.len, len);
    ck_assert_int_eq(memcmp(m.data, data, len), 0);

    struct grpc_call *call = kit_call(kit, "Chat");
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(grpc_call_send(call, data, 1000 + i), 0);
        ck_assert_int_eq(grpc_call_recv(call, &m), 1);
        ck_assert_uint_eq(m.len, 1000 + i);
    }
    grpc_call_close_send(call);
    kit_ends(call, GRPC_OK, "");
    grpc_call_free(call);

    call = kit_call(kit, "Wait"); /* is given up, at some time or other */
    grpc_call_free(call);
}

static void *
worker_main(void *arg)
{
    enum { MOST = 300000 };
    auto_free char *data = tenon_malloc(MOST);
    struct kit *kit = client_open();

    for (unsigned i = 0; i < ROUNDS; i++)
        one_of_each(kit, *(unsigned *)arg + i, data, MOST);
    *(unsigned *)arg = ROUNDS;
    client_close(kit);
    return NULL;
}

/* All of their rounds, whoever else is there. */
static void
work(void)
{
    enum { WORKERS = 8 };
    pthread_t threads[WORKERS];
    unsigned rounds[WORKERS];

    for (unsigned i = 0; i < WORKERS; i++) {
        rounds[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, worker_main, &rounds[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_eq(rounds[i], ROUNDS);
    }
}

static void *
nothing_main(void *data)
{
    return data;
}

START_TEST(test_grpc_clients_at_once_leave_nothing)
{
    pthread_t first;

    /* A sanitizer has a thread of its own, from the first of ours on. */
    ck_assert_int_eq(pthread_create(&first, NULL, nothing_main, NULL), 0);
    pthread_join(first, NULL);
    const size_t descriptors = count_files("/proc/self/fd");
    const size_t threads = count_files("/proc/self/task");

    hall_open(NULL);
    work();
    hall_close();
    ck_assert_uint_eq(count_files("/proc/self/fd"), descriptors);
    /* A thread that was joined may be seen a moment longer. */
    for (int i = 0; i < 10000 && count_files("/proc/self/task") != threads; i++)
        usleep(1000);
    ck_assert_uint_eq(count_files("/proc/self/task"), threads);
}
END_TEST

/* On one connection, as many at once as may be; each answer is its own call's. */
START_TEST(test_grpc_clients_thousands_of_streams)
{
    enum { FLIGHTS = 20, EACH = 250 };
    static struct grpc_call *calls[EACH];
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    hall_open(NULL);
    struct kit *kit = client_open();
    for (unsigned f = 0; f < FLIGHTS; f++) {
        for (unsigned i = 0; i < EACH; i++) {
            const unsigned number = f * EACH + i;
            calls[i] = kit_call(kit, "Echo");
            ck_assert_int_eq(grpc_call_send(calls[i], &number, sizeof number), 0);
            grpc_call_close_send(calls[i]);
        }
        for (unsigned i = 0; i < EACH; i++) {
            const unsigned number = f * EACH + i;
            ck_assert_int_eq(grpc_call_recv(calls[i], &m), 1);
            ck_assert_int_eq(memcmp(m.data, &number, sizeof number), 0);
            kit_ends(calls[i], GRPC_OK, "");
            grpc_call_free(calls[i]);
        }
    }
    client_close(kit);
    hall_close();
}
END_TEST

/* ---- those that do not read -------------------------------------------------------------- */

/* It takes no messages of one call, and later all of them. */
START_TEST(test_grpc_clients_slow_reader)
{
    enum { COUNT = 60, SIZE = 100000 };
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    hall_open(NULL);
    struct kit *slow = client_open();
    struct grpc_call *call = kit_call(slow, "Many");
    grpc_call_send(call, "60 100000", 9);
    grpc_call_close_send(call);
    ck_assert_int_eq(grpc_call_recv(call, &m), 1); /* it has begun */
    work();
    kit_unary(slow, "/test.Test/Echo", "beside", 6, GRPC_OK, &m);
    pthread_mutex_lock(&slow->client->lock);
    const size_t ahead = slow->client->held_bytes;
    pthread_mutex_unlock(&slow->client->lock);
    ck_assert_uint_le(ahead, STREAM_WINDOW + 2 * (SIZE + MESSAGE_OVERHEAD));
    for (int i = 1; i < COUNT; i++) {
        ck_assert_int_eq(grpc_call_recv(call, &m), 1);
        ck_assert_uint_eq(m.len, SIZE);
        ck_assert_int_eq((unsigned char)m.data[SIZE - 1], i);
    }
    kit_ends(call, GRPC_OK, "");
    grpc_call_free(call);
    client_close(slow);
    hall_close();
}
END_TEST

/* It asks, and reads nothing at all, until it goes: its calls end, and whoever serves them. */
START_TEST(test_grpc_clients_deaf_one_vanishes)
{
    enum { CALLS = 30 };
    struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, NULL); /* makes what is sent */
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct grpc_call *calls[CALLS];

    hall_open(NULL);
    for (int i = 0; i < CALLS; i++) {
        calls[i] = kit_call(&(struct kit){.client = client}, "Many");
        grpc_call_send(calls[i], "100 100000", 10);
        grpc_call_close_send(calls[i]);
    }
    pthread_mutex_lock(&client->lock);
    grpc_conn_pull(client, &bytes, SIZE_MAX);
    pthread_mutex_unlock(&client->lock);
    int fd = hall_enter();
    ck_assert_int_eq(send(fd, bytes.data, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
    kit_await(hall->kit, &hall->kit->many, CALLS);
    work();
    close(fd);
    kit_await(hall->kit, &hall->kit->cut_off, CALLS); /* each found out */
    for (int i = 0; i < CALLS; i++)
        grpc_call_free(calls[i]);
    grpc_conn_free(client);
    hall_close();
}
END_TEST

/* ---- those that go ------------------------------------------------------------------------- */

START_TEST(test_grpc_clients_vanish_in_the_middle)
{
    enum { TIMES = 6, CALLS = 20 };
    struct grpc_call *calls[CALLS];

    hall_open(NULL);
    for (unsigned t = 0; t < TIMES; t++) {
        struct kit *kit = client_open();
        for (int i = 0; i < CALLS; i++)
            calls[i] = kit_call(kit, "Wait");
        kit_await(hall->kit, &hall->kit->waiting, (t + 1) * CALLS);
        grpc_conn_close(kit->client);
        kit_await(hall->kit, &hall->kit->ended, (t + 1) * CALLS);
        for (int i = 0; i < CALLS; i++)
            grpc_call_free(calls[i]);
        client_close(kit);
    }
    hall_close();
}
END_TEST

/* Those whose time is over end by themselves, with the right code, and free the server. */
START_TEST(test_grpc_clients_deadlines_in_masses)
{
    enum { CALLS = 200 };
    struct grpc_call *calls[CALLS];
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    hall_open(NULL);
    struct kit *kit = client_open();
    for (unsigned i = 0; i < CALLS; i++)
        calls[i] = grpc_call_start(kit->client, "/test.Test/Wait", NULL, 0,
                                   1000000 * (i % 20 + 1));
    for (unsigned i = 0; i < CALLS; i++) {
        kit_ends(calls[i], GRPC_DEADLINE_EXCEEDED, "");
        grpc_call_free(calls[i]);
    }
    kit_unary(kit, "/test.Test/Echo", "after", 5, GRPC_OK, &m);
    client_close(kit);
    hall_close();
}
END_TEST

struct until_goodbye {
    struct kit *kit;
    unsigned answered, code; /* of the last */
    pthread_t thread;
};

static void *
call_until_goodbye(void *data)
{
    struct until_goodbye *u = data;
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    do {
        auto_grpc_status struct grpc_status status = {0};
        grpc_call_unary(u->kit->client, "/test.Test/Echo", NULL, 0, 0, "x", 1, &m, &status);
        u->code = (unsigned)status.code;
        u->answered += status.code == GRPC_OK;
        if (u->answered == 20)
            kit_count(u->kit, &u->kit->waiting);
    } while (u->code == GRPC_OK);
    return NULL;
}

/* The server says goodbye while calls come: each is answered or told that it was not served. */
START_TEST(test_grpc_clients_goodbye_in_the_middle)
{
    enum { CALLERS = 6 };
    struct kit *kit = kit_open(0);
    struct until_goodbye callers[CALLERS] = {0};

    for (int i = 0; i < CALLERS; i++) {
        callers[i].kit = kit;
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call_until_goodbye, &callers[i]),
                         0);
    }
    kit_await(kit, &kit->waiting, CALLERS);
    grpc_conn_shutdown(kit->server);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        ck_assert_uint_ge(callers[i].answered, 20);
        ck_assert_uint_eq(callers[i].code, GRPC_UNAVAILABLE);
    }
    kit_free(kit);
}
END_TEST

/* ---- limits, to the byte ------------------------------------------------------------------- */

enum { LIMIT = 3000 };
static const struct {
    size_t offset; /* in struct grpc_limits */
    bool of_client;
    const char *name;
} exact[] = {
    {offsetof(struct grpc_limits, message_max), false, "message_max"},
    {offsetof(struct grpc_limits, message_max), true, "message_max"},
    {offsetof(struct grpc_limits, send_max), false, "send_max"},
    {offsetof(struct grpc_limits, send_max), true, "send_max"},
};

START_TEST(test_grpc_limits_to_the_byte)
{
    struct kit *kit = kit_new(0);
    static const char data[LIMIT + 1];
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    struct grpc_limits *limits = exact[_i].of_client ? &kit->client_limits : &kit->server_limits;

    *(size_t *)((char *)limits + exact[_i].offset) = LIMIT;
    kit_start(kit);
    kit_unary(kit, "/test.Test/Echo", data, LIMIT, GRPC_OK, &m);
    ck_assert_uint_eq(m.len, LIMIT);
    ck_assert(!grpc_call_unary(kit->client, "/test.Test/Echo", NULL, 0, 0, data, LIMIT + 1, &m,
                               &status));
    ck_assert_int_eq(status.code, GRPC_RESOURCE_EXHAUSTED);
    ck_assert_msg(strstr(status.message, exact[_i].name) && strstr(status.message, "3001"), "%s",
                  status.message);
    kit_unary(kit, "/test.Test/Echo", data, 1, GRPC_OK, &m); /* it alone */
    kit_free(kit);
}
END_TEST

/* The request's own headers are the same each time: what is allowed beside them is exact. */
START_TEST(test_grpc_header_max_to_the_byte)
{
    struct kit *kit = kit_new(0);
    auto_buf struct tenon_buf m = TENON_BUF_INIT;
    static char value[LIMIT];
    const struct grpc_header header = {"x-long", value};
    size_t least = 0, most = LIMIT; /* one is taken, the other is not */

    kit->server_limits.header_max = LIMIT;
    kit_start(kit);
    while (most - least > 1) {
        auto_grpc_status struct grpc_status status = {0};
        const size_t len = (least + most) / 2;
        memset(value, 'v', len);
        value[len] = '\0';
        if (grpc_call_unary(kit->client, "/test.Test/Echo", &header, 1, 0, "", 0, &m, &status)) {
            least = len;
        } else {
            ck_assert_int_eq(status.code, GRPC_RESOURCE_EXHAUSTED);
            most = len;
        }
    }
    size_t own = strlen("x-long") + HEADER_OVERHEAD;
    const char *const ours[] = {":method", "POST", ":scheme", "http", ":path", "/test.Test/Echo",
                                ":authority", "localhost", "content-type", "application/grpc",
                                "te", "trailers", "user-agent", "tenon/" TENON_VERSION};
    for (size_t i = 0; i < tenon_countof(ours); i++)
        own += strlen(ours[i]) + (i % 2) * HEADER_OVERHEAD;
    ck_assert_uint_eq(own + least, LIMIT);
    kit_free(kit);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("grpc-clients");
    TCase *t = tcase_create("clients"), *l = tcase_create("limits");

    signal(SIGPIPE, SIG_IGN);
    tcase_add_test(t, test_grpc_clients_at_once_leave_nothing);
    tcase_add_test(t, test_grpc_clients_thousands_of_streams);
    tcase_add_test(t, test_grpc_clients_slow_reader);
    tcase_add_test(t, test_grpc_clients_deaf_one_vanishes);
    tcase_add_test(t, test_grpc_clients_vanish_in_the_middle);
    tcase_add_test(t, test_grpc_clients_deadlines_in_masses);
    tcase_add_test(t, test_grpc_clients_goodbye_in_the_middle);
    suite_add_tcase(s, t);
    tcase_add_loop_test(l, test_grpc_limits_to_the_byte, 0, (int)tenon_countof(exact));
    tcase_add_test(l, test_grpc_header_max_to_the_byte);
    suite_add_tcase(s, l);
    return unit_run(s);
}
