/* frontend-gateway: a frontend that is a program.  The program is a function of this test in a
 * thread of its own, at its ends of the three pipes; what it asks for is answered by the engine, in
 * as many threads as it asks.  Needs to mount. */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "base/json.h"
#include "common/grpc/grpc.h"
#include "context/ctx.h"
#include "context/engine.h"
#include "context/session.h"
#include "engine/build_private.h"
#include "engine/host.h"
#include "fakehost.h"
#include "common/llbbridge/llbbridge.h"
#include "common/llbbridge/process.h"
#include "common/llbbridge/serving.h"
#include "graph/graph.h"
#include "solve/solve.h"
#include "tenon-graph.h"
#include "tools/buf.h"

static const struct tenon_plugin *plugin;
static struct tenon_bridge bridge; /* the engine's, but for the image and the process */
static const struct tenon_host *host;
static char store_path[64];
static int store_dir;
static struct tenon_plugins *plugins;
static struct tenon_engine engine;
static struct tenon_session session;
static struct tenon_build *build;
static struct tenon_ctx *ctx;
static struct tenon_error err = TENON_ERROR_INIT;
static struct tenon_buf definition; /* of a tree with a file "/f" */
static const char *image_config;    /* of the program's image */
#define INPUTS "moby.buildkit.frontend.inputs" /* it has one, if the image says that it knows of them */

/* Says what went wrong, too. */
#define ok(call) ck_assert_msg((call) >= 0, "%s: %s", #call, err.message)

/* ---- the program ------------------------------------------------------------------ */

struct program {
    void (*run)(struct program *p);
    int in, out, words;
    const struct tenon_op_exec *op; /* how it was to be started */
    struct grpc_conn *conn;
    pthread_t thread;
    int32_t status; /* what it ends with */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool killed;
    int code;             /* of its last call */
    struct tenon_buf said; /* message of that */
};
static struct program program;

static void *
program_main(void *data)
{
    struct program *p = data;
    p->run(p);
    if (p->conn)
        grpc_conn_free(p->conn);
    int *const ends[] = { &p->in, &p->out, &p->words };
    for (size_t i = 0; i < 3; i++) {
        if (*ends[i] >= 0)
            close(tenon_steal_fd(ends[i]));
    }
    return NULL;
}

static int
program_start(struct tenon_ctx *c, struct tenon_graph *g, struct tenon_node *n,
              const int32_t stdio[3], struct tenon_process **out, struct tenon_error *e)
{
    (void)c, (void)g;
    const struct tenon_vertex *v = tenon_node_freeze(n, e);
    program.in = stdio[0];
    program.out = stdio[1];
    program.words = stdio[2];
    if (!v) {
        close(program.in), close(program.out), close(program.words);
        return e->code;
    }
    program.op = &v->op.exec;
    *out = (struct tenon_process *)&program;
    ck_assert_int_eq(pthread_create(&program.thread, NULL, program_main, &program), 0);
    return TENON_OK;
}

static void
program_kill(struct tenon_process *process)
{
    struct program *p = (struct program *)process;
    pthread_mutex_lock(&p->lock);
    p->killed = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static int
program_wait(struct tenon_process *process, int32_t *status, struct tenon_error *e)
{
    struct program *p = (struct program *)process;
    (void)e;
    pthread_join(p->thread, NULL);
    *status = p->status;
    return TENON_OK;
}

static int
image_meta(struct tenon_ctx *c, struct tenon_graph *g, const struct tenon_source_query *q,
           struct tenon_source_meta *out, struct tenon_error *e)
{
    (void)c, (void)g;
    if (strcmp(q->identifier, "docker-image://docker.io/library/front:latest"))
        return tenon_error_set(e, TENON_E_NOT_FOUND, "%s", q->identifier);
    out->identifier = "docker-image://docker.io/library/front:latest@sha256:"
                      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    out->config = image_config;
    out->config_len = strlen(image_config);
    out->source = q->identifier;
    out->source_attrs = q->attrs;
    return TENON_OK;
}

/* ---- the build it is a frontend of ------------------------------------------------ */

static void
make_definition(void)
{
    struct tenon_ref *ref = NULL;
    const void *data = NULL;
    size_t len = 0;
    struct tenon_node *file = tenon_llb_file(host, build->graph, &err);
    ck_assert_msg(file != NULL, "%s", err.message);
    ck_assert_ptr_nonnull(tenon_llb_mkfile(host, file, "/f", 0640, "content", 7, NULL, NULL, &err));
    ok(bridge.solve(ctx, build->graph, file, 0, &ref, &err));
    ok(bridge.definition(ctx, ref, &data, &len, &err));
    tenon_buf_add(&definition, data, len);
}

/* Who makes a user namespace shares our memory, and TSan takes what it does for another
 * thread's; ids are other tests' subject. */
static struct json_object *plugin_settings;
#define PLUGIN_SETTINGS UNIT_MANY("{}", "{\"executor-native\": {\"user-namespace\": false}}")

static void
setup(void)
{
    plugin_settings = json_tokener_parse(PLUGIN_SETTINGS);
    const struct tenon_plugins_options po = {
        .builtin_dir = getenv("TENON_BUILD_PLUGIN_DIR"),
        .config = plugin_settings,
        .host = tenon_engine_host(),
    };
    void *self;
    host = tenon_engine_host();
    store_dir = unit_tmpdir(store_path);
    ok(tenon_plugins_new(&po, &plugins, &err));
    engine = (struct tenon_engine){
        .plugins = plugins, .session = &session, .config = json_object_new_object(),
        .host_platform = "linux/amd64", .cancel = tenon_cancel_new(NULL), .jobs = 2,
    };
    ok(tenon_store_open(store_path, &engine.store, &err));
    build = tenon_build_new(&engine);
    build->solver = tenon_solver_new(&(struct tenon_solver_options){ .engine = &engine });
    ctx = tenon_ctx_new(&engine, NULL, engine.cancel, NULL);
    bridge = tenon_build_bridge;
    bridge.resolve_source_meta = image_meta;
    bridge.process_start = program_start;
    bridge.process_kill = program_kill;
    bridge.process_wait = program_wait;
    image_config = "{\"config\":{\"Labels\":{\"moby.buildkit.frontend.caps\":\"" INPUTS "\"}}}";
    program = (struct program){ .in = -1, .out = -1, .words = -1 };
    pthread_mutex_init(&program.lock, NULL);
    pthread_cond_init(&program.changed, NULL);
    make_definition();
    ok(plugin->init(host, NULL, &self, &err));
}

static void
teardown(void)
{
    tenon_ctx_free(ctx);
    tenon_build_free(build);
    tenon_engine_release(&engine);
    tenon_store_close(engine.store);
    tenon_cancel_free(engine.cancel);
    json_object_put(engine.config);
    tenon_plugins_free(plugins);
    json_object_put(plugin_settings);
    tenon_error_release(&err);
    tenon_buf_release(&definition);
    tenon_buf_release(&program.said);
    pthread_mutex_destroy(&program.lock);
    pthread_cond_destroy(&program.changed);
    unit_tmpdir_remove(store_dir, store_path);
}

/* The whole of it, with a program that does this. */
static int
front(void (*run)(struct program *), struct tenon_result **result)
{
    static const char *const options[] = { "build-arg:A=1", "source=front", NULL };
    struct tenon_named_ref input = { .name = "base" };
    ok(bridge.solve_definition(ctx, build->graph, definition.data, definition.len, &input.ref, &err));
    const struct tenon_frontend_request request = {
        .struct_size = sizeof request, .options = options, .host_platform = "linux/amd64",
        .graph = build->graph, .inputs = &input, .input_count = strstr(image_config, INPUTS) != NULL,
    };
    program.run = run;
    *result = host->result->create(ctx);
    return plugin->ops.frontend->solve(NULL, ctx, &request, &bridge, *result, &err);
}

/* ---- calls of the program --------------------------------------------------------- */

static void
connect_to_us(struct program *p)
{
    p->conn = grpc_conn_new(GRPC_CLIENT, NULL);
    ck_assert_int_eq(grpc_conn_start(p->conn, tenon_steal_fd(&p->in), tenon_steal_fd(&p->out)), 0);
}

/* The code; what was answered lives in the arena. */
static int
call(struct program *p, struct tenon_arena *arena, const char *method,
     const struct message_type_info *in, const void *request, const struct message_type_info *out,
     void *answer, struct tenon_buf *said)
{
    auto_free char *path = tenon_asprintf("/moby.buildkit.v1.frontend.LLBBridge/%s", method);
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT, reply = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    const char *why;

    message_encode(&bytes, in, request);
    if (!grpc_call_unary(p->conn, path, NULL, 0, 0, tenon_buf_str(&bytes), bytes.len, &reply, &status)) {
        if (said)
            tenon_buf_adds(said, status.message ? status.message : "");
        return status.code;
    }
    const char *kept = tenon_arena_dup(arena, tenon_buf_str(&reply), reply.len);
    ck_assert(message_decode(arena, out, kept, reply.len, answer, &why));
    return GRPC_OK;
}

static const char *
solve_own(struct program *p, struct tenon_arena *arena)
{
    const struct gw_solve request = {
        .definition = { definition.data, definition.len }, .allow_result = true, .allow_refs = true,
    };
    struct gw_solved solved = {0};
    ck_assert_int_eq(call(p, arena, "Solve", &gw_solve_message, &request, &gw_solved_message, &solved,
                          NULL), GRPC_OK);
    ck_assert_ptr_nonnull(solved.result);
    ck_assert_ptr_nonnull(solved.result->ref);
    ck_assert_uint_eq(solved.result->ref->def.len, definition.len);
    return solved.result->ref->id;
}

static int
give(struct program *p, const char *ref, const struct gw_status *error)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    const struct gw_ref r = { .id = ref };
    const struct gw_blob key = { "made.by", { "a test", 6 } };
    const struct gw_result result = { .ref = &r, .metadata = { &key, 1 } };
    const struct gw_return request = { .result = error ? NULL : &result, .error = error };
    struct gw_none none = {0};
    p->code = call(p, &arena, "Return", &gw_return_message, &request, &gw_none_message, &none, &p->said);
    return p->code;
}

/* ---- many calls at once ----------------------------------------------------------- */

enum { CALLERS = 8, ROUNDS = 5 };
static struct caller {
    pthread_t thread;
    unsigned number;
    char refs[ROUNDS][24];
} callers[CALLERS];

/* Made and released, under a name that is free again each time. */
static void
own_container(struct program *p, struct tenon_arena *arena, const char *name, const char *ref)
{
    const struct gw_mount root = { .dest = "/", .ref = ref, .readonly = true };
    const struct gw_new_container make = { .id = name, .mounts = { &root, 1 }, .network = 2 };
    const struct gw_release_container release = { name };
    auto_buf struct tenon_buf said = TENON_BUF_INIT;
    struct gw_none none = {0};

    ck_assert_msg(call(p, arena, "NewContainer", &gw_new_container_message, &make,
                       &gw_none_message, &none, &said) == GRPC_OK, "%s", tenon_buf_str(&said));
    ck_assert_int_eq(call(p, arena, "NewContainer", &gw_new_container_message, &make,
                          &gw_none_message, &none, NULL), GRPC_UNKNOWN);
    ck_assert_int_eq(call(p, arena, "ReleaseContainer", &gw_release_container_message,
                          &release, &gw_none_message, &none, NULL), GRPC_OK);
}

/* A call that nobody waits for; what it has done by then is nobody's business. */
static void
give_up(struct program *p)
{
    const struct gw_solve request = {
        .definition = { definition.data, definition.len }, .allow_result = true, .evaluate = true,
    };
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct grpc_call *given_up = grpc_call_start(
        p->conn, "/moby.buildkit.v1.frontend.LLBBridge/Solve", NULL, 0, 0);

    message_encode(&bytes, &gw_solve_message, &request);
    grpc_call_send(given_up, tenon_buf_str(&bytes), bytes.len);
    grpc_call_close_send(given_up);
    grpc_call_free(given_up);
}

static void
one_round(struct program *p, struct caller *c, unsigned round)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    const char *ref = solve_own(p, &arena);
    snprintf(c->refs[round], sizeof c->refs[round], "%s", ref);

    struct gw_none none = {0};
    const struct gw_evaluate evaluate = { ref };
    ck_assert_int_eq(call(p, &arena, "Evaluate", &gw_evaluate_message, &evaluate,
                          &gw_none_message, &none, NULL), GRPC_OK);
    struct gw_file file = {0};
    const struct gw_range range = { .offset = c->number % 4, .length = 2 };
    const struct gw_read_file read = { .ref = ref, .path = "f", .range = &range };
    ck_assert_int_eq(call(p, &arena, "ReadFile", &gw_read_file_message, &read, &gw_file_message,
                          &file, NULL), GRPC_OK);
    ck_assert_uint_eq(file.data.len, 2);
    ck_assert_int_eq(memcmp(file.data.data, "content" + c->number % 4, 2), 0);

    struct gw_dir dir = {0};
    const struct gw_read_dir list = { .ref = ref, .path = "/" };
    ck_assert_int_eq(call(p, &arena, "ReadDir", &gw_read_dir_message, &list, &gw_dir_message,
                          &dir, NULL), GRPC_OK);
    ck_assert_uint_eq(dir.entries.len, 1);
    ck_assert_str_eq(((const struct gw_stat *)dir.entries.items)->path, "f");

    auto_free char *name = tenon_asprintf("of-%u", c->number);
    if (engine.executor)
        own_container(p, &arena, name, ref);
    const struct gw_warn warning = { .text = name, .level = 1 };
    ck_assert_int_eq(call(p, &arena, "Warn", &gw_warn_message, &warning, &gw_none_message,
                          &none, NULL), GRPC_OK);
    give_up(p);

    /* What fails for one says so to that one. */
    auto_buf struct tenon_buf said = TENON_BUF_INIT;
    const struct gw_stat_file stat = { .ref = ref, .path = name };
    struct gw_stat_answer answer = {0};
    ck_assert_int_eq(call(p, &arena, "StatFile", &gw_stat_file_message, &stat,
                          &gw_stat_answer_message, &answer, &said), GRPC_NOT_FOUND);
    ck_assert_msg(strstr(tenon_buf_str(&said), name) != NULL, "%s", tenon_buf_str(&said));
}

static void *
caller_main(void *data)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        one_round(&program, data, i);
    return NULL;
}

static void
asks_all_at_once(struct program *p)
{
    connect_to_us(p);
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i].number = i;
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]), 0);
    }
    for (unsigned i = 0; i < CALLERS; i++)
        pthread_join(callers[i].thread, NULL);
    give(p, callers[3].refs[2], NULL);
}

START_TEST(test_gateway_serves_many_calls_at_once)
{
    auto_free char *executor = tenon_asprintf("%s/executor-native.so", getenv("TENON_BUILD_PLUGIN_DIR"));
    engine.executor = access(executor, R_OK) == 0 ? "native" : NULL;
    if (!engine.executor)
        unit_not_tried("containers of many calls at once: executor-native was not built");
    struct tenon_result *result;
    bool seen[2 * CALLERS * ROUNDS + 1] = {0};
    size_t len = 0;

    ok(front(asks_all_at_once, &result));
    ck_assert_uint_eq(host->result->count(result), 1);
    ck_assert_str_eq(host->result->platform(result, 0), "linux/amd64");
    const struct tenon_ref *ref = host->result->ref(result, 0);
    ck_assert_ptr_nonnull(ref);
    const char *by = host->result->get(result, "made.by", &len);
    ck_assert_uint_eq(len, 6);
    ck_assert_int_eq(memcmp(by, "a test", 6), 0);
    /* Each reference has a name of its own. */
    for (unsigned i = 0; i < CALLERS * ROUNDS; i++) {
        const char *name = callers[i / ROUNDS].refs[i % ROUNDS];
        unsigned n = 0;
        ck_assert_int_eq(sscanf(name, "ref-%u", &n), 1);
        ck_assert_uint_ge(n, 1);
        ck_assert_uint_le(n, 2 * CALLERS * ROUNDS); /* those that were given up may have one */
        ck_assert_msg(!seen[n], "%s twice", name);
        seen[n] = true;
    }
}
END_TEST

/* ---- a directory with a file that says nothing of itself ---------------------------- */

static int
no_stat_more(struct tenon_ctx *c, struct tenon_ref *ref, const char *path,
             struct tenon_stat_more *out, struct tenon_error *e)
{
    (void)c, (void)ref, (void)out;
    return host->error->set(e, TENON_E_FAILED, EIO, "%s: list extended attributes", path);
}

static void
asks_for_a_list(struct program *p)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct gw_dir dir = {0};
    connect_to_us(p);
    const char *ref = solve_own(p, &arena);
    const struct gw_read_dir list = { .ref = ref, .path = "/" };
    ck_assert_int_eq(call(p, &arena, "ReadDir", &gw_read_dir_message, &list, &gw_dir_message,
                          &dir, NULL), GRPC_OK);
    ck_assert_uint_eq(dir.entries.len, 1);
    const struct gw_stat *st = dir.entries.items;
    ck_assert_str_eq(st->path, "f");
    ck_assert_int_eq(st->size, 7);
    ck_assert_uint_eq(st->xattrs.len, 0);
    give(p, ref, NULL);
}

START_TEST(test_gateway_lists_what_has_no_attributes)
{
    struct tenon_result *result;
    bridge.stat_more = no_stat_more;
    ok(front(asks_for_a_list, &result));
}
END_TEST

/* ---- several frontends of one build ------------------------------------------------- */

static struct sibling {
    struct program program;
    struct caller caller;
    pthread_t thread;
    size_t results;
    int code;
} siblings[6];
static unsigned siblings_started; /* locked by program.lock */

static int
sibling_start(struct tenon_ctx *c, struct tenon_graph *g, struct tenon_node *n,
              const int32_t stdio[3], struct tenon_process **out, struct tenon_error *e)
{
    (void)c, (void)g, (void)n, (void)e;
    pthread_mutex_lock(&program.lock);
    const unsigned number = siblings_started++;
    pthread_mutex_unlock(&program.lock);
    struct sibling *s = &siblings[number];
    s->caller.number = number;
    s->program = (struct program){
        .run = program.run, .in = stdio[0], .out = stdio[1], .words = stdio[2] };
    pthread_mutex_init(&s->program.lock, NULL);
    pthread_cond_init(&s->program.changed, NULL);
    *out = (struct tenon_process *)&s->program;
    ck_assert_int_eq(pthread_create(&s->program.thread, NULL, program_main, &s->program), 0);
    return TENON_OK;
}

static void
works_and_returns(struct program *p)
{
    struct sibling *s = &siblings[0];

    while (&s->program != p)
        s++;
    connect_to_us(p);
    for (unsigned i = 0; i < ROUNDS; i++)
        one_round(p, &s->caller, i);
    give(p, s->caller.refs[ROUNDS - 1], NULL);
}

static void *
sibling_main(void *data)
{
    struct sibling *s = data;
    struct tenon_ctx *own = tenon_ctx_new(&engine, NULL, engine.cancel, NULL);
    static const char *const options[] = { "source=front", NULL };
    const struct tenon_frontend_request request = {
        .struct_size = sizeof request, .options = options, .host_platform = "linux/amd64",
        .graph = build->graph,
    };
    struct tenon_error why = TENON_ERROR_INIT;
    struct tenon_result *result = host->result->create(own);

    s->code = plugin->ops.frontend->solve(NULL, own, &request, &bridge, result, &why);
    s->results = host->result->count(result);
    tenon_error_release(&why);
    tenon_ctx_free(own);
    return NULL;
}

START_TEST(test_gateway_runs_several_frontends_at_once)
{
    image_config = "{\"config\":{}}";
    bridge.process_start = sibling_start;
    program.run = works_and_returns;
    for (size_t i = 0; i < tenon_countof(siblings); i++)
        ck_assert_int_eq(pthread_create(&siblings[i].thread, NULL, sibling_main, &siblings[i]), 0);
    for (size_t i = 0; i < tenon_countof(siblings); i++) {
        pthread_join(siblings[i].thread, NULL);
        ck_assert_int_eq(siblings[i].code, TENON_OK);
        ck_assert_uint_eq(siblings[i].results, 1);
        tenon_buf_release(&siblings[i].program.said);
    }
    ck_assert_uint_eq(siblings_started, tenon_countof(siblings));
}
END_TEST

/* ---- how it ends ------------------------------------------------------------------ */

static void
says(struct program *p, const char *text)
{
    ck_assert_int_eq(write(p->words, text, strlen(text)), (ssize_t)strlen(text));
}

static void
ends_with_seven(struct program *p)
{
    says(p, "first\nout of eggs\n\n");
    p->status = 7 << 8;
}

static void
ends_by_signal(struct program *p)
{
    p->status = 9;
}

static void
ends_well_without_a_result(struct program *p)
{
    connect_to_us(p);
}

static void
returns_and_fails(struct program *p)
{
    connect_to_us(p);
    give(p, "", NULL);
    p->status = 3 << 8;
}

static void
is_no_http(struct program *p)
{
    static const char text[] = "What would you like to build today?  I have a few ideas.\n";
    ck_assert_int_eq(write(p->out, text, strlen(text)), (ssize_t)strlen(text));
    pthread_mutex_lock(&p->lock);
    while (!p->killed) /* it waits for an answer, which does not come */
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    p->status = 9;
}

static void
returns_what_is_not_its_own(struct program *p)
{
    connect_to_us(p);
    ck_assert_int_eq(give(p, "ref-1", NULL), GRPC_NOT_FOUND);
}

static void
returns_neither(struct program *p)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    const struct gw_return request = {0};
    struct gw_none none = {0};
    connect_to_us(p);
    ck_assert_int_eq(call(p, &arena, "Return", &gw_return_message, &request, &gw_none_message, &none,
                          &p->said), GRPC_UNKNOWN);
    ck_assert_str_eq(tenon_buf_str(&p->said), "no result");
}

static void
returns_platforms_without_end(struct program *p)
{
    enum { MANY = 1001 };
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct gw_named_ref *named = tenon_arena_array(&arena, MANY, sizeof *named);
    const struct gw_ref scratch = { .id = "" };
    for (size_t i = 0; i < MANY; i++) {
        auto_free char *key = tenon_asprintf("linux/amd64/v%zu", i);
        named[i] = (struct gw_named_ref){ tenon_arena_strdup(&arena, key), &scratch };
    }
    const struct gw_refs refs = { .refs = { named, MANY } };
    const struct gw_result result = { .refs = &refs };
    const struct gw_return request = { .result = &result };
    struct gw_none none = {0};
    connect_to_us(p);
    ck_assert_int_eq(call(p, &arena, "Return", &gw_return_message, &request, &gw_none_message, &none,
                          &p->said), GRPC_RESOURCE_EXHAUSTED);
}

static void
returns_an_error(struct program *p)
{
    static const char place[] =
        "{\"info\":{\"filename\":\"Own.file\",\"language\":\"own\",\"data\":\"b25lCnR3bwp0aHJlZQo=\"},"
        "\"ranges\":[{\"start\":{\"line\":2},\"end\":{\"line\":3}}]}";
    const struct gw_any details[] = {
        { "github.com/moby/buildkit/errdefs.Source+json", { place, sizeof place - 1 } },
        { "github.com/moby/buildkit/stack.Stack+json", { "{", 1 } }, /* half of one is none */
        { "type.googleapis.com/google.rpc.DebugInfo", { "\1", 1 } },
        { "github.com/moby/buildkit/tenon.Further+json", { "\"another\"", 9 } }, /* ours alone */
        /* names that are not ours */
        { "github.com/moby/buildkit/errdefs.Solve+json", { "{\"mountIDs\":[\"ref-1\"]}", 22 } },
    };
    const struct gw_status error = { .code = GRPC_UNKNOWN, .message = "line two is wrong",
                                     .details = { details, tenon_countof(details) } };
    connect_to_us(p);
    ck_assert_int_eq(give(p, "", &error), GRPC_OK);
    p->status = 1 << 8; /* as programs do; what they said before counts */
}

static void
returns_that_it_was_cancelled(struct program *p)
{
    const struct gw_status error = { .code = GRPC_CANCELLED, .message = "context canceled" };
    connect_to_us(p);
    give(p, "", &error);
}

static void
returns_an_error_without_words(struct program *p)
{
    const struct gw_status error = { .code = GRPC_INTERNAL, .message = "" };
    connect_to_us(p);
    give(p, "", &error);
}

static void
says_a_lot(struct program *p)
{
    says(p, "BEGIN");
    for (unsigned i = 0; i < 1000; i++)
        says(p, "0123456789");
    says(p, "THE END");
    p->status = 1 << 8;
}

static const struct {
    void (*run)(struct program *);
    int status;
    const char *words, *never; /* in the message, and not in it */
} endings[] = {
    { ends_with_seven, TENON_E_FAILED,
      "frontend image front: the frontend failed: exit code: 7: first\nout of eggs", "eggs\n" },
    { ends_by_signal, TENON_E_FAILED, "the frontend failed: it was ended by signal 9", "exit code" },
    { ends_well_without_a_result, TENON_E_FAILED, "the frontend ended without a result", "failed" },
    { returns_and_fails, TENON_E_FAILED, "the frontend failed: exit code: 3", "result" },
    { returns_what_is_not_its_own, TENON_E_FAILED, "the frontend returned what is no result", "ended" },
    { returns_neither, TENON_E_FAILED, "the frontend returned what is no result", "ended" },
    { returns_platforms_without_end, TENON_E_FAILED, "the frontend returned what is no result", "ended" },
    { returns_an_error, TENON_E_FAILED, "frontend image front: line two is wrong", "exit code" },
    { returns_that_it_was_cancelled, TENON_E_CANCELLED, "context canceled", "failed" },
    { returns_an_error_without_words, TENON_E_FAILED, "the frontend failed", "exit" },
    { says_a_lot, TENON_E_FAILED, "0123456789THE END", "BEGIN" },
};

START_TEST(test_gateway_says_how_the_program_ended)
{
    struct tenon_result *result;
    ck_assert_int_eq(front(endings[_i].run, &result), endings[_i].status);
    ck_assert_msg(strstr(err.message, endings[_i].words) != NULL, "%.300s", err.message);
    ck_assert_msg(strstr(err.message, endings[_i].never) == NULL, "%.300s", err.message);
    if (endings[_i].run == returns_an_error) {
        ck_assert_str_eq(err.file, "Own.file");
        ck_assert_uint_eq(err.line, 2);
        ck_assert_uint_eq(err.end_line, 3);
        ck_assert_ptr_nonnull(err.details);
        ck_assert_str_eq(err.details->type, "errdefs.Source");
        ck_assert_ptr_null(err.details->next);
    } else {
        ck_assert_ptr_null(err.file);
    }
}
END_TEST

/* It is given some seconds to end, and is ended then; why is the connection's end. */
START_TEST(test_gateway_says_that_it_does_not_speak_http)
{
    struct tenon_result *result;
    ck_assert_int_eq(front(is_no_http, &result), TENON_E_FAILED);
    ck_assert(program.killed);
    ck_assert_msg(strstr(err.message, "signal 9") != NULL, "%s", err.message);
}
END_TEST

static void
returns_twice(struct program *p)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    connect_to_us(p);
    give(p, solve_own(p, &arena), NULL);
    tenon_buf_clear(&p->said);
    give(p, "ref-9", NULL);
}

START_TEST(test_gateway_takes_one_result)
{
    struct tenon_result *result;
    ok(front(returns_twice, &result));
    ck_assert_uint_eq(host->result->count(result), 1);
    ck_assert_int_ne(program.code, GRPC_OK);
}
END_TEST

/* ---- what it may ask ---------------------------------------------------------------- */

static int
ask_solve(struct program *p, const struct gw_solve *request)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct gw_solved solved = {0};
    tenon_buf_clear(&p->said);
    return call(p, &arena, "Solve", &gw_solve_message, request, &gw_solved_message, &solved, &p->said);
}

static void
expects(struct program *p, int code, int wanted, const char *words)
{
    ck_assert_msg(code == wanted && strstr(tenon_buf_str(&p->said), words), "code %d: %s", code,
                  tenon_buf_str(&p->said));
}

static void
asks_what_is_refused(struct program *p)
{
    static const struct gw_rule rule = { .action = 1 };
    static const struct gw_policy policy = { .version = 1, .rules = { &rule, 1 } };
    static struct gw_pair many[1001];
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    static const char *const no_refs[] = { "ref-0", "ref-2", "ref-18446744073709551617", "ref-", "1",
                                           "ref-1x", "ref--1", "" };
    struct gw_file file = {0};

    for (size_t i = 0; i < tenon_countof(many); i++)
        many[i] = (struct gw_pair){ tenon_arena_strdup(&arena, i % 2 ? "odd" : "even"), "" };
    connect_to_us(p);
    ck_assert_str_eq(solve_own(p, &arena), "ref-1");
    for (size_t i = 0; i < tenon_countof(no_refs); i++) {
        const struct gw_read_file read = { .ref = no_refs[i], .path = "f" };
        tenon_buf_clear(&p->said);
        expects(p, call(p, &arena, "ReadFile", &gw_read_file_message, &read, &gw_file_message, &file,
                        &p->said), GRPC_NOT_FOUND, "no such reference");
    }
    expects(p, ask_solve(p, &(struct gw_solve){ .frontend = "other.v0" }), GRPC_NOT_FOUND,
            "no frontend is called \"other.v0\"");
    expects(p, ask_solve(p, &(struct gw_solve){ .frontend = "dockerfile.v0", .options = { many, 1001 } }),
            GRPC_RESOURCE_EXHAUSTED, "more than 1000 options");
    expects(p, ask_solve(p, &(struct gw_solve){ .final = true, .exporter_attr = { "{", 1 } }),
            GRPC_UNKNOWN, "ExporterAttr is malformed");
    expects(p, ask_solve(p, &(struct gw_solve){
                   .final = true, .exporter_attr = { "{\"k\":\"Z\"}", 9 } }),
            GRPC_UNKNOWN, "ExporterAttr is malformed");
    expects(p, ask_solve(p, &(struct gw_solve){ .definition = { definition.data, definition.len },
                                                .policies = { &policy, 1 } }),
            GRPC_UNKNOWN, "rules[0]: invalid nil selector in policy");
    expects(p, ask_solve(p, &(struct gw_solve){
                   .definition = { definition.data, definition.len / 2 }, .allow_result = true }),
            GRPC_UNKNOWN, "");
    give(p, "", NULL);
}

START_TEST(test_gateway_refuses)
{
    struct tenon_result *result;
    ok(front(asks_what_is_refused, &result));
    /* No reference is a result all the same: one without files. */
    ck_assert_uint_eq(host->result->count(result), 1);
    ck_assert_ptr_null(host->result->ref(result, 0));
}
END_TEST

static void
asks_for_inputs(struct program *p)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct gw_none none = {0};
    struct gw_inputs inputs = {0};
    connect_to_us(p);
    ck_assert_int_eq(call(p, &arena, "Inputs", &gw_none_message, &none, &gw_inputs_message, &inputs,
                          NULL), GRPC_OK);
    ck_assert_uint_eq(inputs.definitions.len, 1);
    const struct gw_blob *base = inputs.definitions.items;
    ck_assert_str_eq(base->key, "base");
    ck_assert_uint_eq(base->value.len, definition.len);
    ck_assert_int_eq(memcmp(base->value.data, definition.data, definition.len), 0);
    give(p, "", NULL);
}

START_TEST(test_gateway_gives_inputs)
{
    struct tenon_result *result;
    ok(front(asks_for_inputs, &result));
}
END_TEST

/* ---- attestations ------------------------------------------------------------------ */

enum { CROWD = 10001 };
static const char *const raw_digests[] = { "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca"
                                           "495991b7852b855" };
static const struct gw_subject subjects[] = { { 0, { 0 }, "" }, { 1, { raw_digests, 1 }, "x" } };
static const struct gw_subject odd_subject = { .kind = 2, .name = "" };
static const struct gw_subject crowd[CROWD];
static const struct gw_blob reason = { "reason", { "test", 4 } };
static const struct gw_blob odd_key = { "a=b", { "c", 1 } }, nul = { "a", { "b\0c", 3 } };
#define PREDICATE "https://example.org/predicate"

static const struct attestation_case {
    struct gw_attestation a; /* without its reference, which is the program's first */
    const char *platform;    /* NULL: the result's */
    const char *ref;         /* NULL: that one */
    const char *words;       /* of the refusal; NULL: it is taken */
} attestations[] = {
    { { 0, { &reason, 1 }, NULL, "f", PREDICATE, { subjects, 2 } }, NULL, NULL, NULL },
    { { 1, { 0 }, NULL, "", "", { 0 } }, NULL, NULL, NULL }, /* a bundle */
    { { 0, { 0 }, NULL, "f", PREDICATE, { 0 } }, "linux/arm64", NULL,
      "attestations of linux/arm64, which is no platform of the result" },
    { { 0, { 0 }, NULL, "f", PREDICATE, { 0 } }, NULL, "ref-9", "no such reference: \"ref-9\"" },
    { { 0, { 0 }, NULL, "f", PREDICATE, { 0 } }, NULL, "", "attestation" }, /* nothing to read */
    { { 0, { 0 }, NULL, "f", "", { 0 } }, NULL, NULL, "predicate type" },
    { { 2, { 0 }, NULL, "f", PREDICATE, { 0 } }, NULL, NULL, "unknown attestation kind" },
    { { -1, { 0 }, NULL, "f", PREDICATE, { 0 } }, NULL, NULL, "unknown attestation kind" },
    { { 0, { 0 }, NULL, "f", PREDICATE, { &odd_subject, 1 } }, NULL, NULL, "subject" },
    { { 0, { &odd_key, 1 }, NULL, "f", PREDICATE, { 0 } }, NULL, NULL, "is no text" },
    { { 0, { &nul, 1 }, NULL, "f", PREDICATE, { 0 } }, NULL, NULL, "is no text" },
    { { 0, { 0 }, NULL, "f", PREDICATE, { crowd, CROWD } }, NULL, NULL,
      "more than 10000 attestations" },
};
static const struct attestation_case *attesting;

static void
attests(struct program *p)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    connect_to_us(p);
    const struct gw_ref r = { .id = solve_own(p, &arena) };
    const struct gw_ref of = { .id = attesting->ref ? attesting->ref : r.id };
    struct gw_attestation a = attesting->a;
    a.ref = &of;
    const struct gw_attestations all = { { &a, 1 } }, none = { { NULL, 0 } };
    const struct gw_attested attested[] = {
        { attesting->platform ? attesting->platform : "linux/amd64", &all },
        { "none/such", &none }, /* nothing of nowhere is nothing */
    };
    const struct gw_result result = { .ref = &r, .attestations = { attested, 2 } };
    const struct gw_return request = { .result = &result };
    struct gw_none nothing = {0};
    p->code = call(p, &arena, "Return", &gw_return_message, &request, &gw_none_message, &nothing,
                   &p->said);
}

START_TEST(test_gateway_takes_attestations)
{
    struct tenon_result *result;
    attesting = &attestations[_i];
    const bool good = front(attests, &result) == 0;
    ck_assert_msg(good == !attesting->words, "%s: %s", err.message, tenon_buf_str(&program.said));
    ck_assert_int_eq(program.code == GRPC_OK, good);
    const struct tenon_attestation *a = host->result->attestation(result, "linux/amd64", 0);
    if (!good) {
        ck_assert_msg(strstr(tenon_buf_str(&program.said), attesting->words) != NULL, "%s",
                      tenon_buf_str(&program.said));
        ck_assert_ptr_null(a);
        return;
    }
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(host->result->attestation(result, "linux/amd64", 1));
    ck_assert_uint_eq(a->kind, (uint32_t)attesting->a.kind);
    ck_assert_str_eq(a->path, attesting->a.path);
    ck_assert_str_eq(a->predicate_type, attesting->a.predicate_type);
    ck_assert_ptr_eq(a->ref, host->result->ref(result, 0));
    ck_assert_uint_eq(a->subject_count, attesting->a.subjects.len);
    if (a->subject_count == 0)
        return;
    ck_assert_str_eq(a->metadata[0], "reason=test");
    ck_assert_ptr_null(a->metadata[1]);
    ck_assert_uint_eq(a->subjects[0].kind, TENON_SUBJECT_SELF);
    ck_assert_uint_eq(a->subjects[1].kind, TENON_SUBJECT_RAW);
    ck_assert_str_eq(a->subjects[1].name, "x");
    ck_assert_str_eq(a->subjects[1].digests[0], raw_digests[0]);
    ck_assert_ptr_null(a->subjects[1].digests[1]);
}
END_TEST

/* ---- how it is started ------------------------------------------------------------- */

static void
returns_nothing(struct program *p)
{
    connect_to_us(p);
    give(p, "", NULL);
}

static const struct {
    const char *config;
    const char *args, *cwd, *env; /* of the process */
    int network;
} started[] = {
    { "{\"config\":{}}", "/run", "/", NULL, 0 },
    { "{}", "/run", "/", NULL, 0 },
    { "", "/run", "/", NULL, 0 },
    { "{\"config\":{\"Entrypoint\":[\"/bin/front\",\"-v\"],\"Cmd\":[\"x\"],\"WorkingDir\":\"/w\","
      "\"User\":\"nobody\",\"Env\":[\"PATH=/p\",\"A=b\"]}}", "/bin/front -v", "/w", "PATH=/p A=b", 0 },
    { "{\"config\":{\"Entrypoint\":[],\"WorkingDir\":\"\"}}", "/run", "/", NULL, 0 },
    { "{\"config\":{\"Labels\":{\"moby.buildkit.frontend.network.none\":\"true\"}}}", "/run", "/",
      NULL, 2 },
    { "{\"config\":{\"Labels\":{\"moby.buildkit.frontend.network.none\":\"false\"}}}", "/run", "/",
      NULL, 0 },
};

static bool
has(const char *const *list, const char *text)
{
    for (; *list; list++) {
        if (!strcmp(*list, text))
            return true;
    }
    return false;
}

START_TEST(test_gateway_starts_what_the_image_says)
{
    auto_buf struct tenon_buf args = TENON_BUF_INIT;
    struct tenon_result *result;

    image_config = started[_i].config;
    ok(front(returns_nothing, &result));
    const struct tenon_op_exec *x = program.op;
    for (const char *const *a = x->args; *a; a++)
        tenon_buf_addf(&args, "%s%s", a == x->args ? "" : " ", *a);
    ck_assert_str_eq(tenon_buf_str(&args), started[_i].args);
    ck_assert_str_eq(x->cwd, started[_i].cwd);
    ck_assert_str_eq(x->user, "0:0"); /* whatever the image says */
    ck_assert_int_eq(x->network, started[_i].network);
    ck_assert_int_eq(x->security, 0);
    ck_assert(has(x->env, "BUILDKIT_FRONTEND_OPT_0=build-arg:A=1"));
    ck_assert(has(x->env, "BUILDKIT_FRONTEND_OPT_1=source=front"));
    ck_assert(has(x->env, "BUILDKIT_WORKERS=[{\"id\":\"tenon\",\"labels\":{},\"platforms\":"
                          "[{\"architecture\":\"amd64\",\"os\":\"linux\"}],\"gcPolicy\":null,"
                          "\"buildkitVersion\":{},\"cdiDevices\":null}]"));
    if (started[_i].env) {
        ck_assert_str_eq(x->env[0], "PATH=/p");
        ck_assert_str_eq(x->env[1], "A=b");
    }
}
END_TEST

START_TEST(test_gateway_refuses_a_list_that_is_none)
{
    static const char *const configs[] = {
        "{\"config\":{\"Entrypoint\":[\"/run\",1]}}", "{\"config\":{\"Env\":[null]}}",
    };
    struct tenon_result *result;
    image_config = configs[_i];
    ck_assert_int_eq(front(returns_nothing, &result), TENON_E_CORRUPT);
    ck_assert_msg(strstr(err.message, "is no list of strings") != NULL, "%s", err.message);
}
END_TEST

START_TEST(test_gateway_wants_an_image)
{
    static const char *const none[] = { "build-arg:A=1", NULL }, *const empty[] = { "source=", NULL },
                      *const bad[] = { "source=NO:such:name", NULL },
                      *const missing[] = { "source=missing", NULL };
    static const struct { const char *const *options; int status; const char *words; } table[] = {
        { none, TENON_E_INVALID, "names it" },
        { empty, TENON_E_INVALID, "names it" },
        { bad, TENON_E_INVALID, "NO:such:name" },
        { missing, TENON_E_NOT_FOUND, "frontend image missing: docker-image://docker.io/library/missing" },
    };
    for (size_t i = 0; i < tenon_countof(table); i++) {
        const struct tenon_frontend_request request = {
            .struct_size = sizeof request, .options = table[i].options,
            .host_platform = "linux/amd64", .graph = build->graph,
        };
        ck_assert_int_eq(plugin->ops.frontend->solve(NULL, ctx, &request, &bridge,
                                                     host->result->create(ctx), &err),
                         table[i].status);
        ck_assert_msg(strstr(err.message, table[i].words) != NULL, "%s", err.message);
        tenon_error_release(&err);
    }
}
END_TEST

/* ---- bytes for a process -------------------------------------------------------------------- */

static void *
write_much(void *data)
{
    enum { MUCH = 3 * GATEWAY_INPUT_MAX };
    auto_free char *bytes = tenon_calloc(1, MUCH);
    const struct gw_fd file = {.fd = 0, .data = {bytes, MUCH}};

    process_write(data, &file);
    return NULL;
}

/* One that does not read: so many wait, and whoever writes them. */
START_TEST(test_gateway_input_has_an_end)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    struct gateway_process p = {.fds = {-1, -1, -1}, .wake_fd = eventfd(0, EFD_CLOEXEC)};
    size_t waits = 0;
    pthread_t writer;

    p.fds[0] = memfd_create("input", MFD_CLOEXEC);
    pthread_mutex_init(&p.lock, NULL);
    pthread_cond_init(&p.changed, NULL);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_much, &p), 0);
    for (int i = 0; i < 60000 && waits < GATEWAY_INPUT_MAX; i++) {
        pthread_mutex_lock(&p.lock);
        waits = p.queue.len;
        p.gone = waits >= GATEWAY_INPUT_MAX; /* which ends the wait */
        pthread_cond_broadcast(&p.changed);
        pthread_mutex_unlock(&p.lock);
        nanosleep(&moment, NULL);
    }
    pthread_join(writer, NULL);
    ck_assert_uint_eq(waits, GATEWAY_INPUT_MAX);
    ck_assert_uint_eq(p.queue.len, GATEWAY_INPUT_MAX);
    tenon_buf_release(&p.queue);
    pthread_cond_destroy(&p.changed);
    pthread_mutex_destroy(&p.lock);
    close(p.wake_fd);
    close(p.fds[0]);
}
END_TEST

static struct gateway busy; /* as many answers are put together as may be */
static bool gathered;

static void
gather(void *user, struct grpc_call *call)
{
    const int *asked = user;
    struct serving s;

    serving_open(&s, &busy, call);
    eventfd_write(*asked, 1);
    gathered = serving_gather(&s);
    serving_done(&s);
}

static void *
serve_busy(void *data)
{
    static const struct grpc_method methods[] = {{"/a.B/Gather", gather}};
    int *asked = data;

    grpc_serve(busy.conn, methods, 1, asked);
    return NULL;
}

/* Who waits for a turn, and gives up, does not wait until there is one. */
START_TEST(test_gateway_turn_that_is_given_up)
{
    struct grpc_conn *client = grpc_conn_new(GRPC_CLIENT, NULL);
    int fds[2], asked = eventfd(0, EFD_CLOEXEC);
    eventfd_t count;
    pthread_t serving;

    busy = (struct gateway){.host = host, .ctx = ctx, .answers = GATEWAY_ANSWERS_MAX,
                            .conn = grpc_conn_new(GRPC_SERVER, NULL)};
    pthread_mutex_init(&busy.lock, NULL);
    pthread_cond_init(&busy.changed, NULL);
    ck_assert_int_eq(watch_start(&busy.watch, host, serving_wake, &busy), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(grpc_conn_start(client, fds[0], fds[0]), 0);
    ck_assert_int_eq(grpc_conn_start(busy.conn, fds[1], fds[1]), 0);
    gathered = true;
    ck_assert_int_eq(pthread_create(&serving, NULL, serve_busy, &asked), 0);
    struct grpc_call *call = grpc_call_start(client, "/a.B/Gather", NULL, 0, 0);
    grpc_call_close_send(call);
    ck_assert_int_eq(eventfd_read(asked, &count), 0);
    grpc_call_cancel(call);
    grpc_conn_shutdown(client); /* it was the last call */
    pthread_join(serving, NULL); /* which waits for the method */
    ck_assert(!gathered);
    ck_assert_uint_eq(busy.answers, GATEWAY_ANSWERS_MAX);
    grpc_call_free(call);
    grpc_conn_free(client);
    grpc_conn_free(busy.conn);
    close(asked);
    watch_stop(&busy.watch);
    pthread_cond_destroy(&busy.changed);
    pthread_mutex_destroy(&busy.lock);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("frontend-gateway");
    TCase *t = tcase_create("frontend-gateway");

    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        puts("needs root");
        return 77;
    }
    plugin = fake_load("frontend-gateway.so", "frontend_gateway_LTX_tenon_plugin_query");
    if (!plugin) {
        puts("frontend-gateway.so was not built");
        return EXIT_FAILURE;
    }
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_gateway_serves_many_calls_at_once);
    tcase_add_test(t, test_gateway_lists_what_has_no_attributes);
    tcase_add_test(t, test_gateway_runs_several_frontends_at_once);
    tcase_add_loop_test(t, test_gateway_says_how_the_program_ended, 0, tenon_countof(endings));
    tcase_add_test(t, test_gateway_says_that_it_does_not_speak_http);
    tcase_add_test(t, test_gateway_takes_one_result);
    tcase_add_test(t, test_gateway_refuses);
    tcase_add_test(t, test_gateway_gives_inputs);
    tcase_add_loop_test(t, test_gateway_takes_attestations, 0, tenon_countof(attestations));
    tcase_add_loop_test(t, test_gateway_starts_what_the_image_says, 0, tenon_countof(started));
    tcase_add_loop_test(t, test_gateway_refuses_a_list_that_is_none, 0, 2);
    tcase_add_test(t, test_gateway_wants_an_image);
    tcase_add_test(t, test_gateway_input_has_an_end);
    tcase_add_test(t, test_gateway_turn_that_is_given_up);
    suite_add_tcase(s, t);
    return unit_run(s);
}
