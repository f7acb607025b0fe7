/* The mount plugins with a fake host: what they give, refuse and leave. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fakehost.h"

static struct fake_ctx ctx;
static const struct tenon_plugin *plugin;

static struct tenon_ctx *
fake(void)
{
    return (struct tenon_ctx *)(void *)&ctx;
}

/* false: not built. */
static bool
begin(const char *file, const char *symbol)
{
    memset(&ctx, 0, sizeof ctx);
    ctx.agent_fd = -1;
    plugin = fake_load(file, symbol);
    if (!plugin) {
        auto_free char *text = tenon_asprintf("%s: not built", file);
        unit_not_tried(text);
        return false;
    }
    void *self;
    struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(plugin->init(&fake_host, NULL, &self, &err), 0);
    return true;
}

static int
attach(const char *const *pairs, struct tenon_mount_request *req, struct tenon_mount *out,
       struct tenon_error *err)
{
    struct tenon_values *v = NULL;
    ck_assert_int_eq(tenon_values_parse(plugin->options, plugin->param_size, pairs, "test", &v,
                                        err), 0);
    req->struct_size = sizeof *req;
    req->options = v;
    req->target = "/t";
    *out = (struct tenon_mount){ .struct_size = sizeof *out, .fd = -1 };
    int r = plugin->ops.mount->attach(NULL, fake(), req, out, err);
    tenon_values_free(v);
    return r;
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
reopen(int fd, char *text, size_t size)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    auto_close int in = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(in, 0);
    ssize_t n = read(in, text, size - 1);
    ck_assert_int_ge(n, 0);
    text[n] = 0;
}

#define SECRET "mount-secret.so", "mount_secret_LTX_tenon_plugin_query"
#define SSH "mount-ssh.so", "mount_ssh_LTX_tenon_plugin_query"

START_TEST(test_secret_file_has_bytes_and_mode)
{
    if (geteuid() != 0) { /* it sets owners */
        unit_not_tried("owners: needs root");
        return;
    }
    if (!begin(SECRET))
        return;
    ctx.secret = "s3cret";
    ctx.secret_len = 6;
    struct tenon_mount_request req = { .input_fd = -1 };
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(attach(LIST("id=tok", "mode=0440"), &req, &m, &err), 0);
    char text[32];
    reopen(m.fd, text, sizeof text);
    ck_assert_str_eq(text, "s3cret");
    struct stat st;
    ck_assert_int_eq(fstat(m.fd, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0440);
    ck_assert_uint_eq(m.flags, TENON_MOUNT_RDONLY | TENON_MOUNT_NOEXEC);
    close(m.fd);
    fake_ctx_release(&ctx);
}
END_TEST

/* Owner and mode as they are asked for; set-id bits, too, which a chown takes away. */
START_TEST(test_secret_owner_and_mode)
{
    static const struct {
        const char *mode, *uid, *gid;
        unsigned is_mode, is_uid, is_gid;
    } files[] = {
        { "mode=0400", "uid=0", "gid=0", 0400, 0, 0 },
        { "mode=0640", "uid=7", "gid=8", 0640, 7, 8 },
        { "mode=06755", "uid=8", "gid=7", 06755, 8, 7 },
        { "mode=0", "uid=4294967294", "gid=1", 0, 4294967294u, 1 },
    };
    if (geteuid() != 0) {
        unit_not_tried("owners of secrets: needs root");
        return;
    }
    if (!begin(SECRET))
        return;
    for (size_t i = 0; i < tenon_countof(files); i++) {
        memset(&ctx, 0, sizeof ctx);
        ctx.agent_fd = -1;
        ctx.secret = "s3cret";
        ctx.secret_len = 6;
        struct tenon_mount_request req = { .input_fd = -1 };
        struct tenon_mount m;
        struct tenon_error err = TENON_ERROR_INIT;
        ck_assert_int_eq(attach(LIST("id=tok", files[i].mode, files[i].uid, files[i].gid), &req, &m, &err), 0);
        struct stat st;
        ck_assert_int_eq(fstat(m.fd, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, files[i].is_mode);
        ck_assert_uint_eq(st.st_uid, files[i].is_uid);
        ck_assert_uint_eq(st.st_gid, files[i].is_gid);
        ck_assert_int_eq(st.st_size, 6);
        close(m.fd);
        fake_ctx_release(&ctx);
    }
}
END_TEST

START_TEST(test_secret_missing)
{
    if (!begin(SECRET))
        return;
    struct tenon_mount_request req = { .input_fd = -1 };
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(attach(LIST("id=absent"), &req, &m, &err), 0);
    ck_assert_int_eq(m.fd, -1);
    ck_assert_int_eq(err.code, 0); /* nothing left behind */
    ck_assert_int_eq(attach(LIST("id=absent", "required=true"), &req, &m, &err),
                     TENON_E_NOT_FOUND);
    ck_assert_str_eq(err.message, "secret absent: not found");
    tenon_error_release(&err);
}
END_TEST

START_TEST(test_secret_too_large)
{
    if (!begin(SECRET))
        return;
    static char big[TENON_SECRET_MAX_BYTES + 1];
    memset(big, 'x', sizeof big);
    ctx.secret = big;
    ctx.secret_len = sizeof big;
    struct tenon_mount_request req = { .input_fd = -1 };
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(attach(LIST("id=tok"), &req, &m, &err), TENON_E_LIMIT);
    tenon_error_release(&err);
    fake_ctx_release(&ctx);
    memset(&ctx, 0, sizeof ctx);
    ctx.agent_fd = -1;
    ctx.secret = big;
    ctx.secret_len = sizeof big - 1; /* as much as BuildKit takes */
    ck_assert_int_eq(attach(LIST("id=tok"), &req, &m, &err), 0);
    struct stat st;
    ck_assert_int_eq(fstat(m.fd, &st), 0);
    ck_assert_int_eq(st.st_size, TENON_SECRET_MAX_BYTES);
    close(m.fd);
    fake_ctx_release(&ctx);
}
END_TEST

START_TEST(test_bind_selector_stays_inside)
{
    if (!begin("mount-bind.so", "mount_bind_LTX_tenon_plugin_query"))
        return;
    char dir[64];
    auto_close int fd = unit_tmpdir(dir);
    unit_write(fd, "file", "inside");
    ck_assert_int_eq(symlinkat("/file", fd, "absolute"), 0);
    ck_assert_int_eq(symlinkat("../../../../etc/passwd", fd, "climbs"), 0);
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_mount_request req = { .input_fd = fd, .selector = "/absolute",
                                       .flags = TENON_MOUNT_RDONLY };
    ck_assert_int_eq(attach(LIST(NULL), &req, &m, &err), 0);
    char text[32];
    reopen(m.fd, text, sizeof text);
    ck_assert_str_eq(text, "inside");
    ck_assert_uint_eq(m.flags, TENON_MOUNT_RDONLY);
    close(m.fd);
    req.flags = 0;
    ck_assert_int_eq(attach(LIST(NULL), &req, &m, &err), 0);
    ck_assert_uint_eq(m.flags, 0);
    close(m.fd);
    req.selector = NULL; /* all of it */
    ck_assert_int_eq(attach(LIST(NULL), &req, &m, &err), 0);
    struct stat st, whole;
    ck_assert(fstat(m.fd, &st) == 0 && fstat(fd, &whole) == 0 && st.st_ino == whole.st_ino);
    close(m.fd);
    req.selector = "/climbs";
    ck_assert_int_eq(attach(LIST(NULL), &req, &m, &err), TENON_E_NOT_FOUND);
    tenon_error_release(&err);
    unit_tmpdir_remove(tenon_steal_fd(&fd), dir);
}
END_TEST

START_TEST(test_cache_takes_mode_of_its_seed)
{
    if (!begin("mount-cache.so", "mount_cache_LTX_tenon_plugin_query"))
        return;
    char dir[64];
    auto_close int fd = unit_tmpdir(dir);
    ck_assert_int_eq(mkdirat(fd, "cache", 0750), 0);
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_mount_request req = { .input_fd = fd, .selector = "/cache" };
    ck_assert_int_eq(attach(LIST("id=a", "sharing=locked"), &req, &m, &err), 0);
    close(m.fd);
    ck_assert_str_eq(ctx.cache_id, "a");
    ck_assert_uint_eq(ctx.cache_mode, 0750);
    unit_tmpdir_remove(tenon_steal_fd(&fd), dir);
}
END_TEST

START_TEST(test_tmpfs_is_a_mount)
{
    if (getuid() != 0) {
        unit_not_tried("a tmpfs: needs root");
        return;
    }
    if (!begin("mount-tmpfs.so", "mount_tmpfs_LTX_tenon_plugin_query"))
        return;
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_mount_request req = { .input_fd = -1 };
    ck_assert_int_eq(attach(LIST("size=1048576"), &req, &m, &err), 0);
    struct stat st;
    ck_assert_int_eq(fstat(m.fd, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 01777);
    close(m.fd);
}
END_TEST

/* An agent that answers every request with its own type byte plus one. */
static void *
agent_main(void *data)
{
    int fd = *(int *)data;
    uint8_t head[5];
    while (recv(fd, head, 5, MSG_WAITALL) == 5) {
        uint32_t rest = ((uint32_t)head[2] << 8 | head[3]) - 1;
        uint8_t skip[65536];
        if (rest && recv(fd, skip, rest, MSG_WAITALL) != (ssize_t)rest)
            break;
        uint8_t answer[] = { 0, 0, 0, 1, (uint8_t)(head[4] + 1) };
        if (send(fd, answer, sizeof answer, MSG_NOSIGNAL) < 0)
            break;
    }
    return NULL;
}

static int
connect_to(const char *dir)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s/agent", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static uint8_t
ask(int fd, uint8_t type)
{
    uint8_t request[] = { 0, 0, 0, 3, type, 1, 2 };
    uint8_t answer[5] = {0};
    ck_assert_int_eq(send(fd, request, 2, MSG_NOSIGNAL), 2); /* in pieces */
    usleep(20000);
    ck_assert_int_eq(send(fd, request + 2, 5, MSG_NOSIGNAL), 5);
    ck_assert_int_eq(recv(fd, answer, 5, MSG_WAITALL), 5);
    return answer[4];
}

START_TEST(test_ssh_lists_and_signs_only)
{
    if (geteuid() != 0) { /* it sets owners */
        unit_not_tried("owners: needs root");
        return;
    }
    if (!begin(SSH))
        return;
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pthread_t agent;
    ck_assert_int_eq(pthread_create(&agent, NULL, agent_main, &pair[1]), 0);
    ctx.agent_fd = pair[0];

    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_mount_request req = { .input_fd = -1 };
    ck_assert_int_eq(attach(LIST("id=default", "mode=0660", "uid=7", "gid=8"), &req, &m, &err), 0);
    struct stat st;
    ck_assert_int_eq(fstat(m.fd, &st), 0);
    ck_assert(S_ISSOCK(st.st_mode));
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
    ck_assert_uint_eq(st.st_uid, 7);
    ck_assert_uint_eq(st.st_gid, 8);

    int a = connect_to(ctx.temp);
    int b = connect_to(ctx.temp);
    ck_assert_uint_eq(ask(a, 11), 12); /* list */
    ck_assert_uint_eq(ask(b, 13), 14); /* sign */
    ck_assert_uint_eq(ask(a, 17), 5);  /* add: refused */
    ck_assert_uint_eq(ask(a, 19), 5);  /* remove all */
    ck_assert_uint_eq(ask(b, 22), 5);  /* lock */
    ck_assert_uint_eq(ask(b, 27), 5);  /* extension */
    ck_assert_uint_eq(ask(a, 11), 12); /* and goes on */
    for (unsigned type = 1; type < 40; type++) /* nothing else gets through */
        if (type != 11 && type != 13)
            ck_assert_uint_eq(ask(b, (uint8_t)type), 5);

    /* One that leaves takes no other with it; a message without anything is none. */
    int c = connect_to(ctx.temp), d = connect_to(ctx.temp);
    ck_assert_uint_eq(ask(c, 11), 12);
    ck_assert_uint_eq(ask(d, 11), 12);
    static const uint8_t empty[4];
    uint8_t none;
    ck_assert_int_eq(send(c, empty, sizeof empty, MSG_NOSIGNAL), 4);
    ck_assert_int_le(recv(c, &none, 1, 0), 0);
    close(c);
    ck_assert_uint_eq(ask(a, 11), 12);
    ck_assert_uint_eq(ask(d, 13), 14);
    close(d);

    static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 11 };
    uint8_t end;
    ck_assert_int_eq(send(b, huge, sizeof huge, MSG_NOSIGNAL), 5);
    ck_assert_int_le(recv(b, &end, 1, 0), 0); /* hung up */

    close(m.fd);
    plugin->ops.mount->detach(NULL, fake(), m.cookie, true);
    ck_assert_int_le(recv(a, &end, 1, 0), 0);
    pthread_join(agent, NULL);
    close(a);
    close(b);
    close(pair[1]);
    fake_ctx_release(&ctx);
}
END_TEST

START_TEST(test_ssh_missing)
{
    if (!begin(SSH))
        return;
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_mount_request req = { .input_fd = -1 };
    ck_assert_int_eq(attach(LIST("id=default"), &req, &m, &err), 0);
    ck_assert_int_eq(m.fd, -1);
    ck_assert_int_eq(attach(LIST("id=default", "required=true"), &req, &m, &err),
                     TENON_E_NOT_FOUND);
    ck_assert_str_eq(err.message, "unset ssh forward key default");
    tenon_error_release(&err);
}
END_TEST

/* ---- agents that are none ------------------------------------------------------------- */

/* An agent that reads one request, sends this, and goes, or is as good as any from then on. */
static const struct bad_agent {
    const char *bytes;
    size_t len;
    bool stays;
} bad_agents[] = {
    { "", 0, false },                       /* nothing */
    { "\0\0", 2, false },                   /* the half of a length */
    { "\0\0\0\5\14half", 9 - 1, false },    /* less than it says */
    { "\0\0\0\0", 4, false },               /* a message without anything */
    { "\377\377\377\377\14", 5, false },    /* more than any message has */
    { "\0\0\0\0", 4, true },
    { "\377\377\377\377\14", 5, true },
};

static void *
bad_agent_main(void *data)
{
    const struct bad_agent *a = bad_agents + *(int *)data;
    int fd = ((int *)data)[1];
    uint8_t request[7];
    ck_assert_int_eq(recv(fd, request, sizeof request, MSG_WAITALL), (ssize_t)sizeof request);
    ck_assert_int_eq(send(fd, a->bytes, a->len, MSG_NOSIGNAL), (ssize_t)a->len);
    if (a->stays)
        agent_main(&fd);
    close(fd);
    return NULL;
}

/* The step is told that it failed, then and later, and its connections stay. */
START_TEST(test_ssh_agent_that_goes)
{
    if (geteuid() != 0) {
        unit_not_tried("owners: needs root");
        return;
    }
    if (!begin(SSH))
        return;
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    int what[2] = { _i, pair[1] };
    pthread_t agent;
    ck_assert_int_eq(pthread_create(&agent, NULL, bad_agent_main, what), 0);
    ctx.agent_fd = pair[0];
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_mount_request req = { .input_fd = -1 };
    ck_assert_int_eq(attach(LIST("id=default"), &req, &m, &err), 0);
    int a = connect_to(ctx.temp), b = connect_to(ctx.temp);
    ck_assert_uint_eq(ask(a, 11), 5);
    ck_assert_uint_eq(ask(a, 13), 5);
    ck_assert_uint_eq(ask(b, 11), 5);
    pthread_join(agent, NULL); /* who has been hung up on */
    close(a);
    close(b);
    close(m.fd);
    plugin->ops.mount->detach(NULL, fake(), m.cookie, false);
    fake_ctx_release(&ctx);
}
END_TEST

/* A step that opens connections without end gets 64, which go on. */
START_TEST(test_ssh_connections_are_counted)
{
    enum { MOST = 64 };
    if (geteuid() != 0) {
        unit_not_tried("owners: needs root");
        return;
    }
    if (!begin(SSH))
        return;
    int pair[2], fds[MOST];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pthread_t agent;
    ck_assert_int_eq(pthread_create(&agent, NULL, agent_main, &pair[1]), 0);
    ctx.agent_fd = pair[0];
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_mount_request req = { .input_fd = -1 };
    ck_assert_int_eq(attach(LIST("id=default"), &req, &m, &err), 0);
    for (int i = 0; i < MOST; i++) {
        fds[i] = connect_to(ctx.temp);
        ck_assert_uint_eq(ask(fds[i], 17), 5);
    }
    int more = connect_to(ctx.temp);
    uint8_t byte;
    ck_assert_int_le(recv(more, &byte, 1, 0), 0);
    close(more);
    ck_assert_uint_eq(ask(fds[0], 11), 12);
    ck_assert_uint_eq(ask(fds[MOST - 1], 13), 14);
    /* One that leaves makes room, once it is seen to have left. */
    close(fds[5]);
    ck_assert_uint_eq(ask(fds[0], 11), 12);
    fds[5] = connect_to(ctx.temp);
    ck_assert_uint_eq(ask(fds[5], 11), 12);
    for (int i = 0; i < MOST; i++)
        close(fds[i]);
    close(m.fd);
    plugin->ops.mount->detach(NULL, fake(), m.cookie, true);
    pthread_join(agent, NULL);
    close(pair[1]);
    fake_ctx_release(&ctx);
}
END_TEST

/* ---- a host that cannot --------------------------------------------------------------- */

#define CACHE "mount-cache.so", "mount_cache_LTX_tenon_plugin_query"
#define BIND "mount-bind.so", "mount_bind_LTX_tenon_plugin_query"
static const struct {
    const char *file, *symbol;
    const char *pairs[3];
    const char *fails, *selector;
    bool input; /* the mount has one */
    int status;
    const char *words;
} failures[] = {
    { SECRET, { "id=tok" }, "client_open", NULL, false, TENON_E_UNAVAILABLE,
      "secret tok: client_open fails" },
    { SECRET, { "id=tok", "required=true" }, "client_open", NULL, false, TENON_E_UNAVAILABLE,
      "secret tok: client_open fails" },
    { SECRET, { "id=tok" }, "temp_dir", NULL, false, TENON_E_UNAVAILABLE, "temp_dir fails" },
    { SSH, { "id=key" }, "client_open", NULL, false, TENON_E_UNAVAILABLE,
      "ssh agent key: client_open fails" },
    { SSH, { "id=key" }, "temp_dir", NULL, false, TENON_E_UNAVAILABLE, "ssh agent key: temp_dir fails" },
    { BIND, { NULL }, "open_in", "/d", true, TENON_E_UNAVAILABLE,
      "bind mount /t: source \"/d\": open_in fails" },
    { BIND, { NULL }, NULL, "/d", false, TENON_E_BUG, "bind mount /t: no input" },
    { BIND, { NULL }, NULL, "/nothing", true, TENON_E_NOT_FOUND, "bind mount /t: source \"/nothing\"" },
    { CACHE, { "id=c" }, "cache_dir", NULL, false, TENON_E_UNAVAILABLE, "cache \"c\": cache_dir fails" },
    { CACHE, { "id=c" }, "cache_dir", "/d", true, TENON_E_UNAVAILABLE, "cache \"c\": cache_dir fails" },
    { CACHE, { "id=c" }, "open_in", "/d", true, TENON_E_UNAVAILABLE,
      "cache \"c\": source: open_in fails" },
    { CACHE, { "id=c" }, NULL, "/file", true, TENON_E_NOT_FOUND, "cache \"c\": source" },
    { CACHE, { "id=c" }, NULL, "/nothing", true, TENON_E_NOT_FOUND, "cache \"c\": source" },
    { CACHE, { "id=c" }, NULL, "/nothing-at-all-there", false, TENON_E_NOT_FOUND, "cache \"c\": source" },
};

static int
open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* One error that names the mount; nothing given, and nothing left open. */
START_TEST(test_mounts_that_cannot_be)
{
    if (geteuid() != 0) {
        unit_not_tried("mounts: needs root");
        return;
    }
    if (!begin(failures[_i].file, failures[_i].symbol))
        return;
    char dir[64];
    auto_close int fd = unit_tmpdir(dir);
    int pair[2];
    ck_assert_int_eq(mkdirat(fd, "d", 0755), 0);
    unit_write(fd, "file", "");
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ctx.secret = "s3cret";
    ctx.secret_len = 6;
    ctx.fails = failures[_i].fails;
    ctx.agent_fd = -1;
    const int before = open_descriptors();
    ctx.agent_fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
    const int agent = ctx.agent_fd;

    struct tenon_mount_request req = { .input_fd = failures[_i].input ? fd : -1,
                                       .selector = failures[_i].selector };
    struct tenon_mount m;
    struct tenon_error err = TENON_ERROR_INIT;
    int rc = attach(failures[_i].pairs, &req, &m, &err);
    ck_assert_msg(rc == failures[_i].status, "%d: %s", rc, err.message);
    ck_assert_int_eq(err.code, rc);
    ck_assert_msg(strstr(err.message, failures[_i].words) != NULL, "%s", err.message);
    ck_assert_int_eq(m.fd, -1);
    ck_assert_ptr_null(m.cookie);
    if (ctx.agent_fd == agent) /* nobody asked for it */
        close(agent);
    tenon_error_release(&err);
    fake_ctx_release(&ctx);
    ck_assert_int_eq(open_descriptors(), before);
    close(pair[0]);
    close(pair[1]);
    unit_tmpdir_remove(tenon_steal_fd(&fd), dir);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("exec-mounts");
    TCase *t = tcase_create("plugins");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_secret_file_has_bytes_and_mode);
    tcase_add_test(t, test_secret_owner_and_mode);
    tcase_add_test(t, test_secret_missing);
    tcase_add_test(t, test_secret_too_large);
    tcase_add_test(t, test_bind_selector_stays_inside);
    tcase_add_test(t, test_cache_takes_mode_of_its_seed);
    tcase_add_test(t, test_tmpfs_is_a_mount);
    tcase_add_test(t, test_ssh_lists_and_signs_only);
    tcase_add_test(t, test_ssh_missing);
    tcase_add_loop_test(t, test_ssh_agent_that_goes, 0, tenon_countof(bad_agents));
    tcase_add_test(t, test_ssh_connections_are_counted);
    tcase_add_loop_test(t, test_mounts_that_cannot_be, 0, tenon_countof(failures));
    suite_add_tcase(s, t);
    return unit_run(s);
}
