/* A step between its definition and an executor: every setting reaches the
 * executor unchanged, and what the executor says of its end becomes the step's.
 * The executor is one that writes down what it is asked (executor-record.c). */
#include "layerkit.h"

#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "context/engine.h"
#include "engine/host.h"
#include "context/session.h"
#include "exec/exec.h"
#include "exec/private.h"
#include "exec/processors.h"

static struct kit kit;
static char plugin_dir[64], record[100];
static struct tenon_plugins *plugins;
static struct tenon_session session;
static struct tenon_engine engine;
static struct tenon_chain image; /* with users and groups */
static struct tenon_error err;
static const char *secret; /* of the session, or NULL */

static int
open_service(void *data, const char *service, const char *id,
             struct tenon_error *e)
{
    (void)data;
    if (strcmp(service, "secret") || !secret)
        return tenon_error_set(e, TENON_E_NOT_FOUND, "%s \"%s\"", service, id);
    return kit_fd(secret, strlen(secret));
}

/* An image: /etc/passwd, /etc/group, and a directory to mount. */
static void
make_image(void)
{
    static const char *const lines[] = {"d etc/", "d data/", "f data/file text",
                                        NULL};
    int64_t id;
    ck_assert_msg(kit_unpack(&kit, lines, NULL, &id, &err) == 0, "%s",
                  err.message);
    tenon_chain_append(&image, id);
    struct tenon_snapshot_work *w;
    ck_assert_int_eq(tenon_snapshot_begin(kit.store, &w, &err), 0);
    int fs = tenon_snapshot_work_fs(w);
    ck_assert_int_eq(mkdirat(fs, "etc", 0755), 0);
    unit_write(
        fs, "etc/passwd",
        "root:x:0:0::/root:/bin/sh\napp:x:1000:1002::/home/app:/bin/sh\n");
    unit_write(fs, "etc/group", "root:x:0:\nteam:x:1002:app\nextra:x:2000:app\n");
    ck_assert_int_eq(
        tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "users", &id, &err), 0);
    tenon_chain_append(&image, id);
}

static void
setup(void)
{
    secret = NULL; /* test cases may share a process */
    static struct json_object *config;
    if (!config)
        config = json_object_new_object();
    err = (struct tenon_error)TENON_ERROR_INIT;
    kit_open(&kit);
    const struct tenon_plugins_options o = {
        .dirs = (const char *[]){plugin_dir, NULL},
        .builtin_dir = getenv("TENON_BUILD_PLUGIN_DIR"),
        .host = tenon_engine_host(),
    };
    ck_assert_msg(tenon_plugins_new(&o, &plugins, &err) == 0, "%s", err.message);
    session = (struct tenon_session){.open = open_service};
    engine = (struct tenon_engine){.store = kit.store,
                                   .plugins = plugins,
                                   .session = &session,
                                   .config = config,
                                   .executor = "record",
                                   .host_platform = "linux/amd64",
                                   .jobs = 1};
    make_image();
}

static void
teardown(void)
{
    tenon_chain_release(&image);
    tenon_plugins_free(plugins);
    kit_close(&kit);
    tenon_error_release(&err);
}

/* The compiler that built us is there. */
static int
make_executor(void)
{
    unit_tmpname(plugin_dir);
    if (!mkdtemp(plugin_dir))
        return -1;
    snprintf(record, sizeof record, "%s/record", plugin_dir);
    setenv("TENON_RECORD", record, 1);
    const char *source =
        getenv("abs_top_srcdir") ? getenv("abs_top_srcdir") : ".";
    auto_free char *command = tenon_asprintf(
        "cc -shared -fPIC -I%s/core/include -o %s/executor-record.so "
        "%s/tests/unit/executor-record.c && chmod 644 %s/executor-record.so",
        source, plugin_dir, source, plugin_dir);
    return system(command);
}

/* Runs v with the image as its only input; what was asked of the executor is in *asked. */
static int
run(const struct tenon_vertex *v, struct tenon_buf *asked)
{
    struct tenon_exec_input input = {.chain = &image};
    struct tenon_chain outputs[2] = {0};
    auto_ctx struct tenon_ctx *ctx =
        tenon_ctx_new(&engine, NULL, NULL, "sha256:x");
    tenon_error_release(&err);
    unlink(record);
    int r = tenon_exec_step(&engine, ctx, v, &input, outputs,
                            tenon_countof(outputs), &err);
    for (size_t i = 0; i < tenon_countof(outputs); i++)
        tenon_chain_release(&outputs[i]);
    if (asked && access(record, F_OK) == 0) {
        auto_error struct tenon_error e = TENON_ERROR_INIT;
        tenon_buf_clear(asked);
        ck_assert_int_eq(tenon_read_file(record, 65536, asked, &e), 0);
    }
    return r;
}

/* ---- what the executor is asked ------------------------------------------ */

#define ROOT                     \
    {                            \
        .dest = "/", .output = 0 \
    }
#define SET_WORDS(field, ...)                               \
    static const char *const words[] = {__VA_ARGS__, NULL}; \
    v->op.exec.field = words
#define SET_LIST(type, field, count, ...)     \
    static const type list[] = {__VA_ARGS__}; \
    v->op.exec.field = list;                  \
    v->op.exec.count = tenon_countof(list)

/* The step that differs from the others in nothing. */
static struct tenon_vertex
plain(void)
{
    static const struct tenon_op_mount root[] = {ROOT};
    static const struct tenon_edge edges[1];
    struct tenon_vertex v = {.inputs = edges, .input_count = 1, .name = "step"};
    v.op.type = TENON_OP_EXEC;
    static const char *const args[] = {"program", "argument", NULL};
    v.op.exec.args = args;
    v.op.exec.mounts = root;
    v.op.exec.mount_count = 1;
    return v;
}

#define PATH_LINE "variable PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
static const char plain_asked[] =
    "flags \nroot rw\ndescriptors root work\nargument program\nargument "
    "argument\n"
    "variable "
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/"
    "bin\nvariable HOME=/root\n"
    "cwd /\nnetwork host\nhostname buildkitsandbox\ngroup above none\n"
    "mount /etc/resolv.conf rdonly noexec of rw\nmount /etc/hosts rdonly "
    "noexec of rw\n"
    "user 0\ngroup 0\ngroups 0\nmemory 0\nswap 0\nquota 0\nperiod 0\nshares "
    "0\ncpus all\nmems all\n";

/* A step that differs from the plain one in `set`, and how what is asked
 * differs: a line that is gone, and those that came ("" none). */
static void
set_args(struct tenon_vertex *v)
{
    SET_WORDS(args, "program", "other", "");
}
static void
set_env(struct tenon_vertex *v)
{
    SET_WORDS(env, "A=1", "B=x y", "HOME=/h", "PATH=/p");
}
static void
set_no_home(struct tenon_vertex *v)
{
    SET_WORDS(env, "HOME=");
}
static void
set_cwd(struct tenon_vertex *v)
{
    v->op.exec.cwd = "/made/here";
}
static void
set_no_cwd(struct tenon_vertex *v)
{
    v->op.exec.cwd = "";
}
static void
set_user(struct tenon_vertex *v)
{
    v->op.exec.user = "app";
}
static void
set_user_group(struct tenon_vertex *v)
{
    v->op.exec.user = "1000:77";
}
static void
set_hostname(struct tenon_vertex *v)
{
    v->op.exec.hostname = "name";
}
static void
set_group_above(struct tenon_vertex *v)
{
    v->op.exec.cgroup_parent = "above";
}
static void
set_host_net(struct tenon_vertex *v)
{
    v->op.exec.network = TENON_LLB_NET_HOST;
}
static void
set_no_net(struct tenon_vertex *v)
{
    v->op.exec.network = TENON_LLB_NET_NONE;
}
static void
set_insecure(struct tenon_vertex *v)
{
    v->op.exec.security = 1;
}
static void
set_memory(struct tenon_vertex *v)
{
    v->meta.memory = 1 << 20;
}
static void
set_swap(struct tenon_vertex *v)
{
    v->meta.memory_swap = -1;
}
static void
set_quota(struct tenon_vertex *v)
{
    v->meta.cpu_quota = 5000;
}
static void
set_period(struct tenon_vertex *v)
{
    v->meta.cpu_period = 50000;
}
static void
set_shares(struct tenon_vertex *v)
{
    v->meta.cpu_shares = 512;
}
static void
set_cpus(struct tenon_vertex *v)
{
    v->meta.cpuset_cpus = "0-1";
}
static void
set_mems(struct tenon_vertex *v)
{
    v->meta.cpuset_mems = "0";
}
static void
set_empty_sets(struct tenon_vertex *v)
{
    v->meta.cpuset_cpus = v->meta.cpuset_mems = "";
}

static void
set_limits(struct tenon_vertex *v)
{
    SET_LIST(struct tenon_op_ulimit, ulimits, ulimit_count, {"nofile", 10, 20},
             {"core", 0, -1});
}

static void
set_proxy(struct tenon_vertex *v)
{
    static const char *const names[5] = {"http", "https", "ftp", "no", "all"};
    for (size_t i = 0; i < 5; i++)
        v->op.exec.proxy[i] = names[i];
}

static void
set_other_proxy(struct tenon_vertex *v)
{
    SET_WORDS(env, "http_proxy=image's", "HTTP_PROXY_X=other", "PATH=/p",
              "HOME=/h");
    v->op.exec.proxy[0] = "build's";
}

static void
set_secret_variables(struct tenon_vertex *v)
{
    secret = "hush";
    SET_LIST(struct tenon_op_secretenv, secretenv, secretenv_count,
             {"one", "ONE", false}, {"two", "TWO", true});
}

static void
set_absent_variable(struct tenon_vertex *v)
{
    SET_LIST(struct tenon_op_secretenv, secretenv, secretenv_count,
             {"one", "ONE", true});
}

static void
set_network_none(struct tenon_vertex *v)
{
    (void)v;
    engine.default_network = "none";
}
static void
set_offline(struct tenon_vertex *v)
{
    v->op.exec.network = TENON_LLB_NET_HOST;
    engine.offline = true;
}
static void
set_rootless(struct tenon_vertex *v)
{
    (void)v;
    engine.rootless = true;
}

#define MOUNTS(...) \
    SET_LIST(struct tenon_op_mount, mounts, mount_count, __VA_ARGS__)

static void
set_readonly_root(struct tenon_vertex *v)
{
    MOUNTS({.dest = "/", .output = 0, .readonly = true});
}
static void
set_bind(struct tenon_vertex *v)
{
    MOUNTS(ROOT, {.dest = "/m", .output = -1});
}
static void
set_readonly_bind(struct tenon_vertex *v)
{
    MOUNTS(ROOT,
           {.dest = "/m", .output = -1, .readonly = true, .selector = "/data"});
}
static void
set_tmpfs(struct tenon_vertex *v)
{
    MOUNTS(
        ROOT,
        {.dest = "/m", .input = -1, .output = -1, .type = TENON_LLB_MOUNT_TMPFS});
}
static void
set_readonly_tmpfs(struct tenon_vertex *v)
{
    MOUNTS(ROOT, {.dest = "/m",
                  .input = -1,
                  .output = -1,
                  .type = TENON_LLB_MOUNT_TMPFS,
                  .readonly = true});
}
static void
set_cache(struct tenon_vertex *v)
{
    MOUNTS(ROOT, {.dest = "/m",
                  .input = -1,
                  .output = -1,
                  .type = TENON_LLB_MOUNT_CACHE,
                  .cache_id = "c"});
}
static void
set_readonly_cache(struct tenon_vertex *v)
{
    MOUNTS(ROOT, {.dest = "/m",
                  .input = -1,
                  .output = -1,
                  .type = TENON_LLB_MOUNT_CACHE,
                  .cache_id = "c",
                  .readonly = true});
}
static void
set_secret(struct tenon_vertex *v)
{
    secret = "hush";
    MOUNTS(ROOT, {.dest = "/m",
                  .input = -1,
                  .output = -1,
                  .type = TENON_LLB_MOUNT_SECRET,
                  .id = "s",
                  .mode = 0400});
}
static void
set_relative(struct tenon_vertex *v)
{
    v->op.exec.cwd = "/at";
    MOUNTS(ROOT, {.dest = "m", .output = -1, .readonly = true});
}
static void
set_covered(
    struct tenon_vertex *v) /* the later one is seen; others by their targets */
{
    MOUNTS(
        ROOT, {.dest = "/m", .output = -1},
        {.dest = "/b", .output = -1, .readonly = true},
        {.dest = "/m/", .input = -1, .output = -1, .type = TENON_LLB_MOUNT_TMPFS},
        {.dest = "/a", .output = -1, .readonly = true});
}

static const struct {
    const char *what;
    void (*set)(struct tenon_vertex *v);
    const char *gone, *came;
} settings[] = {
    {"arguments", set_args, "argument argument\n", "argument other\nargument \n"},
    {"environment",
     set_env, PATH_LINE "variable HOME=/root\n",
     "variable A=1\nvariable B=x y\nvariable HOME=/h\nvariable PATH=/p\n"},
    {"an empty HOME",
     set_no_home, PATH_LINE "variable HOME=/root\n",
     "variable HOME=/root\nvariable "
     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"},
    {"directory", set_cwd, "cwd /\n", "cwd /made/here\n"},
    {"no directory", set_no_cwd, "", ""},
    {"user", set_user, "variable HOME=/root\n;user 0\ngroup 0\ngroups 0\n",
     "variable HOME=/home/app\n;user 1000\ngroup 1002\ngroups 1002 2000\n"},
    {"user and group", set_user_group,
     "variable HOME=/root\n;user 0\ngroup 0\ngroups 0\n",
     "variable HOME=/home/app\n;user 1000\ngroup 77\ngroups 77\n"},
    {"host name", set_hostname, "hostname buildkitsandbox\n", "hostname name\n"},
    {"control group above", set_group_above, "group above none\n",
     "group above above\n"},
    {"network host", set_host_net, "", ""},
    {"network none", set_no_net, "network host\n", "network none\n"},
    {"network of the configuration", set_network_none, "network host\n",
     "network none\n"},
    {"offline", set_offline, "network host\n", "network none\n"},
    {"security", set_insecure, "flags \n", "flags  insecure\n"},
    {"an ordinary user", set_rootless, "flags \n", "flags  rootless\n"},
    {"memory", set_memory, "memory 0\n", "memory 1048576\n"},
    {"swap", set_swap, "swap 0\n", "swap -1\n"},
    {"quota", set_quota, "quota 0\n", "quota 5000\n"},
    {"period", set_period, "period 0\n", "period 50000\n"},
    {"shares", set_shares, "shares 0\n", "shares 512\n"},
    {"processors", set_cpus, "cpus all\n", "cpus 0-1\n"},
    {"memory nodes", set_mems, "mems all\n", "mems 0\n"},
    {"empty sets", set_empty_sets, "", ""},
    {"limits", set_limits, "user 0\n",
     "limit nofile 10 20\nlimit core 0 -1\nuser 0\n"},
    {"proxies",
     set_proxy, PATH_LINE,
     "variable HTTP_PROXY=http\nvariable http_proxy=http\nvariable "
     "HTTPS_PROXY=https\n"
     "variable https_proxy=https\nvariable FTP_PROXY=ftp\nvariable "
     "ftp_proxy=ftp\n"
     "variable NO_PROXY=no\nvariable no_proxy=no\nvariable "
     "ALL_PROXY=all\nvariable all_proxy=all\n"
     "variable "
     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"},
    {"a proxy instead of the image's",
     set_other_proxy, PATH_LINE "variable HOME=/root\n",
     "variable http_proxy=build's\nvariable HTTP_PROXY_X=other\nvariable "
     "PATH=/p\nvariable HOME=/h\n"
     "variable HTTP_PROXY=build's\n"},
    {"secrets as variables", set_secret_variables, "variable HOME=/root\n",
     "variable ONE=hush\nvariable TWO=hush\nvariable HOME=/root\n"},
    {"a secret that nobody gave", set_absent_variable, "variable HOME=/root\n",
     "variable ONE=\nvariable HOME=/root\n"},
    {"read-only root", set_readonly_root, "root rw\n", "root ro\n"},
    {"bind", set_bind, "user 0\n", "mount /m of rw\nuser 0\n"},
    {"bind, read-only", set_readonly_bind, "user 0\n",
     "mount /m rdonly of ro\nuser 0\n"},
    {"tmpfs", set_tmpfs, "user 0\n", "mount /m of rw\nuser 0\n"},
    {"tmpfs, read-only", set_readonly_tmpfs, "user 0\n",
     "mount /m rdonly of ro\nuser 0\n"},
    {"cache", set_cache, "user 0\n", "mount /m of rw\nuser 0\n"},
    {"cache, read-only", set_readonly_cache, "user 0\n",
     "mount /m rdonly of ro\nuser 0\n"},
    {"secret", set_secret, "user 0\n",
     "mount /m rdonly noexec of ro closed\nuser 0\n"},
    {"relative target", set_relative, "cwd /\n;user 0\n",
     "cwd /at\n;mount /at/m rdonly of ro\nuser 0\n"},
    {"mounts at one place", set_covered, "user 0\n",
     "mount /a rdonly of ro\nmount /b rdonly of ro\nmount /m of rw\nuser 0\n"},
};

/* plain_asked with `gone` replaced by `came`; parts are divided by ';'. */
static char *
expected(const char *gone, const char *came)
{
    struct tenon_buf out = TENON_BUF_INIT;
    const char *rest = plain_asked;
    while (*gone) {
        size_t g = strcspn(gone, ";"), c = strcspn(came, ";");
        auto_free char *part = tenon_strndup(gone, g);
        const char *at = strstr(rest, part);
        ck_assert_msg(at != NULL, "no \"%s\" in what is asked", part);
        tenon_buf_add(&out, rest, (size_t)(at - rest));
        tenon_buf_add(&out, came, c);
        rest = at + g;
        gone += g + (gone[g] == ';');
        came += c + (came[c] == ';');
    }
    tenon_buf_adds(&out, rest);
    return tenon_buf_steal(&out);
}

START_TEST(test_step_asks_for_what_it_was_given)
{
    struct tenon_vertex v = plain();
    auto_buf struct tenon_buf asked = TENON_BUF_INIT;
    ck_assert_msg(run(&v, &asked) == 0, "%s", err.message);
    ck_assert_str_eq(tenon_buf_str(&asked), plain_asked);

    settings[_i].set(&v);
    ck_assert_msg(run(&v, &asked) == 0, "%s: %s", settings[_i].what, err.message);
    auto_free char *want = expected(settings[_i].gone, settings[_i].came);
    ck_assert_msg(!strcmp(tenon_buf_str(&asked), want), "%s:\n%s\nnot\n%s",
                  settings[_i].what, tenon_buf_str(&asked), want);
}
END_TEST

/* What cannot be given is refused before anything runs. */
START_TEST(test_step_secret_variables_refused)
{
    static char big[TENON_SECRET_MAX_BYTES + 2];
    static const struct tenon_op_secretenv one[] = {{"one", "ONE", false}},
                                           nameless[] = {{"", "ONE", false}};
    memset(big, 'x', sizeof big - 1);
    const struct {
        const char *given;
        const struct tenon_op_secretenv *wanted;
        int code;
        const char *message;
    } refused[] = {
        {NULL, one, TENON_E_NOT_FOUND, "secret one: not found"},
        {big, one, TENON_E_LIMIT, "secret one too big. max size 500KB"},
        {"hush", nameless, TENON_E_INVALID,
         "secret ID missing for \"ONE\" environment variable"},
    };
    for (size_t i = 0; i < tenon_countof(refused); i++) {
        struct tenon_vertex v = plain();
        v.op.exec.secretenv = refused[i].wanted;
        v.op.exec.secretenv_count = 1;
        secret = refused[i].given;
        ck_assert_int_eq(run(&v, NULL), refused[i].code);
        ck_assert_msg(strstr(err.message, refused[i].message) != NULL, "%s",
                      err.message);
        ck_assert_int_ne(access(record, F_OK), 0);
    }
    big[TENON_SECRET_MAX_BYTES] = '\0'; /* as much as there may be */
    struct tenon_vertex v = plain();
    v.op.exec.secretenv = one;
    v.op.exec.secretenv_count = 1;
    secret = big;
    ck_assert_msg(run(&v, NULL) == 0, "%s", err.message);
    secret = NULL;
}
END_TEST

/* What a read-only root is given to mount at is taken away again. */
START_TEST(test_step_readonly_root_keeps_no_stubs)
{
    struct tenon_vertex v = plain();
    struct tenon_op_mount mounts[] = {
        {.dest = "/", .output = 0, .readonly = true},
        {.dest = "/made/here", .input = -1, .output = -1, .type = TENON_LLB_MOUNT_TMPFS},
    };
    v.op.exec.mounts = mounts;
    v.op.exec.mount_count = tenon_countof(mounts);
    struct tenon_exec_input input = {.chain = &image};
    struct tenon_chain outputs[1] = {0};
    auto_ctx struct tenon_ctx *ctx =
        tenon_ctx_new(&engine, NULL, NULL, "sha256:x");
    ck_assert_msg(tenon_exec_step(&engine, ctx, &v, &input, outputs, 1, &err) == 0,
                  "%s", err.message);
    ck_assert_uint_eq(outputs[0].len, image.len + 1);
    auto_close int fs =
        tenon_snapshot_open(kit.store, outputs[0].ids[image.len], &err);
    struct stat st;
    ck_assert_int_lt(fstatat(fs, "etc/hosts", &st, 0), 0);
    ck_assert_int_lt(fstatat(fs, "etc/resolv.conf", &st, 0), 0);
    ck_assert_int_eq(fstatat(fs, "proc", &st, 0), 0);
    ck_assert_int_lt(fstatat(fs, "made/here", &st, 0), 0);
    tenon_chain_release(outputs);
}
END_TEST

/* ---- options of mount plugins -------------------------------------------- */

static const struct {
    struct tenon_op_mount mount;
    const char *cache_id, *options;
} mount_options[] = {
    {{.type = TENON_LLB_MOUNT_BIND}, NULL, ""},
    {{.type = TENON_LLB_MOUNT_TMPFS}, NULL, ""},
    {{.type = TENON_LLB_MOUNT_TMPFS, .tmpfs_size = 4096}, NULL, "size=4096"},
    {{.type = TENON_LLB_MOUNT_SECRET, .id = "s", .mode = 0640, .uid = 7, .gid = 8},
     NULL,
     "id=s required=true mode=0640 uid=7 gid=8"},
    {{.type = TENON_LLB_MOUNT_SECRET, .id = "s", .mode = 04777, .optional = true},
     NULL,
     "id=s required=false mode=04777 uid=0 gid=0"},
    {{.type = TENON_LLB_MOUNT_SSH,
      .id = "default",
      .mode = 0600,
      .uid = 1,
      .gid = 4294967295u},
     NULL,
     "id=default required=true mode=0600 uid=1 gid=4294967295"},
    {{.type = TENON_LLB_MOUNT_CACHE, .cache_id = "c"}, NULL, "id=c sharing=shared"},
    {{.type = TENON_LLB_MOUNT_CACHE,
      .cache_id = "c",
      .cache_sharing = TENON_LLB_CACHE_PRIVATE},
     NULL,
     "id=c sharing=private"},
    {{.type = TENON_LLB_MOUNT_CACHE,
      .cache_id = "c",
      .cache_sharing = TENON_LLB_CACHE_LOCKED},
     "seeded",
     "id=seeded sharing=locked"},
};

START_TEST(test_step_mount_options)
{
    char **o = tenon_step_mount_options(&mount_options[_i].mount,
                                        mount_options[_i].cache_id);
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (char **p = o; p && *p; p++)
        tenon_buf_addf(&b, "%s%s", b.len ? " " : "", *p);
    ck_assert_str_eq(tenon_buf_str(&b), mount_options[_i].options);
    tenon_strv_free(o);
}
END_TEST

/* ---- how it ended -------------------------------------------------------- */

/* The step's end by a wait status: the code that BuildKit tells, or 0. */
static void
check_end(int32_t status, int code, const int64_t *valid, size_t valid_count)
{
    struct tenon_vertex v = plain();
    char number[16];
    snprintf(number, sizeof number, "%d", (int)status);
    const char *const args[] = {"status", number, NULL};
    v.op.exec.args = args;
    v.op.exec.valid_exit_codes = valid;
    v.op.exec.valid_exit_code_count = valid_count;
    int r = run(&v, NULL);
    if (code == 0) {
        ck_assert_msg(r == 0, "status %d: %s", (int)status, err.message);
        return;
    }
    ck_assert_int_eq(r, TENON_E_FAILED);
    auto_free char *message =
        tenon_asprintf("process \"status %d\" did not complete successfully: "
                       "exit code: %d",
                       (int)status, code);
    ck_assert_str_eq(err.message, message);
    auto_free char *json = tenon_asprintf("{\"Code\":%d}", code);
    ck_assert_ptr_nonnull(err.details);
    ck_assert_str_eq(err.details->type, "gatewayapi.ExitMessage");
    ck_assert_str_eq(err.details->json, json);
}

START_TEST(test_step_exit_codes)
{
    for (int code = 0; code < 256; code++)
        check_end(code << 8, code, NULL, 0);
}
END_TEST

START_TEST(test_step_signals)
{
    for (int number = 1; number < 65; number++)
        check_end(number, 128 + number, NULL, 0);
    check_end(SIGSEGV | 0x80, 139, NULL, 0); /* with a core dump */
}
END_TEST

START_TEST(test_step_valid_exit_codes)
{
    static const int64_t some[] = {3, 5, 137};
    check_end(3 << 8, 0, some, 3);
    check_end(5 << 8, 0, some, 3);
    check_end(SIGKILL, 0, some, 3);
    check_end(4 << 8, 4, some, 3);
    check_end(137 << 8, 0, some, 3);
    struct tenon_vertex v = plain(); /* and 0 is none of them */
    static const char *const args[] = {"status", "0", NULL};
    v.op.exec.args = args;
    v.op.exec.valid_exit_codes = some;
    v.op.exec.valid_exit_code_count = 3;
    ck_assert_int_eq(run(&v, NULL), TENON_E_FAILED);
    ck_assert_ptr_nonnull(strstr(err.message, "exit code: 0"));
}
END_TEST

/* Only what the interface says is success: a step that nobody tells of has failed, and who is to
 * blame is named. */
static const struct {
    const char *args[3], *probe, *says, *hint;
} answers[] = {
    { { "answer", "3" }, NULL, "executor-record: run answered 3, which is no status", NULL },
    { { "answer", "-1" }, NULL, "executor-record: run failed without saying why", NULL },
    { { "silent" }, NULL, "executor-record: run did not say how the step ended", NULL },
    { { "answer", "-5" }, "no namespaces", "run failed without saying why",
      "executor record cannot run steps here: no namespaces" },
    { { "status", "256" }, "no namespaces", "exit code: 1", NULL },
};

START_TEST(test_step_executor_answers_what_it_may_not)
{
    struct tenon_vertex v = plain();
    v.op.exec.args = answers[_i].args;
    if (answers[_i].probe)
        setenv("TENON_PROBE", answers[_i].probe, 1);
    const int r = run(&v, NULL);
    unsetenv("TENON_PROBE");
    ck_assert_int_eq(r, strcmp(answers[_i].args[0], "status") ? TENON_E_BUG : TENON_E_FAILED);
    ck_assert_msg(strstr(err.message, answers[_i].says) != NULL, "%s", err.message);
    if (answers[_i].hint)
        ck_assert_str_eq(err.hint, answers[_i].hint);
    else
        ck_assert_msg(!err.hint || !strstr(err.hint, "cannot run steps"), "%s", err.hint);
}
END_TEST

/* Whoever runs programs of a processor here: one that never ends is ended. */
START_TEST(test_step_processor_that_never_ends)
{
    char path[64];
    int dir = unit_tmpdir(path);
    struct utsname host;
    ck_assert_int_eq(uname(&host), 0);
    const struct tenon_processor *own = tenon_processor_find(
        strcmp(host.machine, "aarch64") ? "amd64" : "arm64");
    struct tenon_processor endless = *own;
    const bool arm = !strcmp(own->arch, "arm64");
    endless.exit = arm ? "\0\0\0\x14" : "\xeb\xfe"; /* a jump to itself */
    endless.exit_len = arm ? 4 : 2;
    if (strcmp(host.machine, "x86_64") && !arm) {
        unit_not_tried("a program that never ends: the instruction is of another processor");
    } else {
        ck_assert_int_eq(tenon_processor_try(own, path), 0);
        ck_assert_int_eq(tenon_processor_try_for(&endless, path, 1), ETIMEDOUT);
        ck_assert_int_eq(tenon_processor_try(own, path), 0);
    }
    unit_tmpdir_remove(dir, path); /* which is empty again */
}
END_TEST

/* Steps that fail at once all ask before any of them leaves something. */
START_TEST(test_step_leftovers_have_an_end)
{
    enum { ASKING = TENON_LEFTOVERS_MAX + 2 };
    static struct tenon_vertex v[ASKING];
    struct tenon_remains left;
    size_t kept = 0;

    tenon_exec_want_leftovers(&engine);
    for (size_t i = 0; i < ASKING; i++) {
        tenon_digest_of(&i, sizeof i, &v[i].digest);
        ck_assert(tenon_exec_leaves(&engine, &v[i]));
    }
    for (size_t i = 0; i < ASKING; i++)
        for (int again = 0; again < 2; again++) {
            left = (struct tenon_remains){.v = &v[i], .count = 1};
            left.mounts = tenon_calloc(1, sizeof *left.mounts);
            tenon_chain_append(&left.mounts[0], again);
            tenon_exec_leave(&engine, &left);
        }
    for (size_t i = 0; i < ASKING; i++)
        if (tenon_exec_leftover(&engine, v[i].digest.str, &left)) {
            ck_assert_int_eq(left.mounts[0].ids[0], 0); /* the first one's */
            kept++;
        }
    ck_assert_uint_eq(kept, TENON_LEFTOVERS_MAX);
}
END_TEST

int
main(void)
{
    if (!kit_can_mount()) {
        fprintf(stderr, "skipped: needs root, for it mounts\n");
        return 77;
    }
    Suite *s = suite_create("exec-step");
    TCase *t = tcase_create("step");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_step_asks_for_what_it_was_given, 0,
                        (int)tenon_countof(settings));
    tcase_add_test(t, test_step_secret_variables_refused);
    tcase_add_test(t, test_step_readonly_root_keeps_no_stubs);
    tcase_add_loop_test(t, test_step_mount_options, 0,
                        (int)tenon_countof(mount_options));
    tcase_add_test(t, test_step_exit_codes);
    tcase_add_test(t, test_step_signals);
    tcase_add_test(t, test_step_valid_exit_codes);
    tcase_add_loop_test(t, test_step_executor_answers_what_it_may_not, 0,
                        (int)tenon_countof(answers));
    tcase_add_test(t, test_step_processor_that_never_ends);
    tcase_add_test(t, test_step_leftovers_have_an_end);
    suite_add_tcase(s, t);
    int r = EXIT_FAILURE;
    if (make_executor() == 0)
        r = unit_run(s);
    else
        fprintf(stderr, "executor-record.c does not compile (abs_top_srcdir)\n");
    auto_error struct tenon_error e = TENON_ERROR_INIT;
    tenon_remove_tree(AT_FDCWD, plugin_dir, &e);
    return r;
}
