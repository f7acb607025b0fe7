/* What the engine does for a frontend while it works: files, directories and attributes of
 * what was described, both where they lie (a context, of which a filter shows a part) and of
 * what was made for it; definitions that come marshalled; warnings.  Needs to mount. */
#include "unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "base/json.h"
#include "context/ctx.h"
#include "context/engine.h"
#include "context/session.h"
#include "engine/attestation.h"
#include "engine/build_private.h"
#include "engine/host.h"
#include "graph/graph.h"
#include "solve/import.h"
#include "tenon-graph.h"
#include "tools/buf.h"

static const struct tenon_bridge *const bridge = &tenon_build_bridge;
static const struct tenon_host *host;
static char store_path[64], context_path[64];
static int store_dir, context_dir;
static struct tenon_plugins *plugins;
static struct json_object *plugins_config;
static struct tenon_engine engine;
static struct tenon_session session;
static struct tenon_build *build;
static struct tenon_ctx *ctx;
static struct tenon_error err = TENON_ERROR_INIT;

enum { CONTEXT_OWNER = 1234, MADE_OWNER = 77, MADE_GROUP = 78 };
static const int64_t moment_ns = INT64_C(1234567890123456789);

/* Says what went wrong, too. */
#define ok(call) ck_assert_msg((call) >= 0, "%s: %s", #call, err.message)

static int
local_open(void *data, const char *service, const char *id, struct tenon_error *e)
{
    (void)data;
    if (strcmp(service, "local"))
        return tenon_error_set(e, TENON_E_UNSUPPORTED, "there is no %s", service);
    if (strcmp(id, "context") && strcmp(id, context_path))
        return tenon_error_set(e, TENON_E_NOT_FOUND, "%s \"%s\"", service, id);
    return open(context_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static const char *
local_path(void *data, const char *name)
{
    (void)data, (void)name;
    return context_path;
}

static void
fill_context(void)
{
    const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = moment_ns / 1000000000,
                                                          .tv_nsec = moment_ns % 1000000000 } };
    context_dir = unit_tmpdir(context_path);
    ck_assert_int_eq(mkdirat(context_dir, "d", 0750), 0);
    ck_assert_int_eq(mkdirat(context_dir, "hidden", 0755), 0);
    unit_write(context_dir, "f", "of the context");
    unit_write(context_dir, "d/b", "b");
    unit_write(context_dir, "d/a", "a");
    unit_write(context_dir, "d/c.log", "not shown");
    unit_write(context_dir, "hidden/x", "not shown");
    unit_write(context_dir, "outside", "");
    ck_assert_int_eq(symlinkat("../f", context_dir, "d/link"), 0);
    ck_assert_int_eq(symlinkat("/etc/hostname", context_dir, "away"), 0);
    ck_assert_int_eq(fchownat(context_dir, "f", CONTEXT_OWNER, CONTEXT_OWNER, 0), 0);
    ck_assert_int_eq(fchmodat(context_dir, "f", 0640, 0), 0);
    ck_assert_int_eq(utimensat(context_dir, "f", times, 0), 0);
}

static void
setup(void)
{
    plugins_config = json_tokener_parse("{\"frontend-gateway\": {\"allowed\": [\"team/f\"]}}");
    const struct tenon_plugins_options po = {
        .config = plugins_config,
        .builtin_dir = getenv("TENON_BUILD_PLUGIN_DIR"),
        .host = tenon_engine_host(),
    };
    host = tenon_engine_host();
    fill_context();
    store_dir = unit_tmpdir(store_path);
    ok(tenon_plugins_new(&po, &plugins, &err));
    session = (struct tenon_session){ .open = local_open, .local_path = local_path };
    engine = (struct tenon_engine){
        .plugins = plugins, .session = &session, .config = json_object_new_object(),
        .host_platform = "linux/amd64", .cancel = tenon_cancel_new(NULL), .jobs = 2,
    };
    ok(tenon_store_open(store_path, &engine.store, &err));
    build = tenon_build_new(&engine);
    build->solver = tenon_solver_new(&(struct tenon_solver_options){ .engine = &engine });
    ctx = tenon_ctx_new(&engine, NULL, engine.cancel, NULL);
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
    json_object_put(plugins_config);
    tenon_error_release(&err);
    unit_tmpdir_remove(store_dir, store_path);
    unit_tmpdir_remove(context_dir, context_path);
}

/* ---- the two kinds of trees ------------------------------------------------------- */

static struct tenon_ref *
ref_of(struct tenon_node *n)
{
    struct tenon_ref *ref = NULL;
    ck_assert_msg(n != NULL, "%s", err.message);
    ok(bridge->solve(ctx, build->graph, n, 0, &ref, &err));
    return ref;
}

static struct tenon_ref *
shown_context(void)
{
    struct tenon_node *n = tenon_llb_source(host, build->graph, "local://context", NULL, &err);
    ck_assert_msg(n != NULL, "%s", err.message);
    ok(tenon_llb_source_attr(host, n, "local.excludepatterns", "[\"hidden\",\"**/*.log\",\"outside\"]", &err));
    return ref_of(n);
}

static struct tenon_node *
made_node(void)
{
    const struct tenon_llb_owner owner = { .user = "77", .group = "78" };
    struct tenon_node *file = tenon_llb_file(host, build->graph, &err);
    ck_assert_msg(file != NULL, "%s", err.message);
    const char text[] = "of the context"; /* the same name, the same size */
    ck_assert_ptr_nonnull(tenon_llb_mkfile(host, file, "/f", 0640, text, strlen(text), &owner,
                                           &moment_ns, &err));
    ck_assert_ptr_nonnull(tenon_llb_mkdir(host, file, "/d", 0750, false, NULL, &moment_ns, &err));
    ck_assert_ptr_nonnull(tenon_llb_mkfile(host, file, "/d/b", 0644, "b", 1, NULL, &moment_ns, &err));
    ck_assert_ptr_nonnull(tenon_llb_mkfile(host, file, "/d/a", 0644, "a", 1, NULL, &moment_ns, &err));
    ck_assert_ptr_nonnull(tenon_llb_symlink(host, file, "../f", "/d/link", NULL, &moment_ns, &err));
    ck_assert_ptr_nonnull(tenon_llb_symlink(host, file, "/etc/hostname", "/away", NULL, &moment_ns, &err));
    return file;
}

static struct tenon_ref *
one_of(int i)
{
    return i ? ref_of(made_node()) : shown_context();
}

static void
refused(int rc, int status, const char *words)
{
    ck_assert_int_eq(rc, status);
    ck_assert_int_eq(err.code, status);
    ck_assert_msg(strstr(err.message, words) != NULL, "\"%s\" in \"%s\"", words, err.message);
    tenon_error_release(&err);
    err = (struct tenon_error)TENON_ERROR_INIT;
}

/* ---- files ------------------------------------------------------------------------ */

START_TEST(test_bridge_reads_files)
{
    struct tenon_ref *ref = one_of(_i);
    static const struct { const char *path, *text; } files[] = {
        { "f", "of the context" }, { "/f", "of the context" }, { "//d/../f", "of the context" },
        { "d/a", "a" }, { "/d/b", "b" }, { "d/link", "of the context" },
    };
    for (size_t i = 0; i < tenon_countof(files); i++) {
        const void *data = NULL;
        size_t len = 0;
        ok(bridge->read_file(ctx, ref, files[i].path, 0, &data, &len, &err));
        ck_assert_uint_eq(len, strlen(files[i].text));
        ck_assert_str_eq(data, files[i].text); /* a zero follows what was read */
    }
}
END_TEST

START_TEST(test_bridge_reads_no_more_than_asked)
{
    struct tenon_ref *ref = one_of(_i);
    const void *data = NULL;
    size_t len = 0;
    ok(bridge->read_file(ctx, ref, "f", 14, &data, &len, &err));
    ck_assert_uint_eq(len, 14);
    refused(bridge->read_file(ctx, ref, "f", 13, &data, &len, &err), TENON_E_LIMIT, "read f: ");
}
END_TEST

START_TEST(test_bridge_reads_nothing_else)
{
    struct tenon_ref *ref = one_of(_i);
    const void *data = NULL;
    size_t len = 0;
    refused(bridge->read_file(ctx, ref, "d", 0, &data, &len, &err), TENON_E_INVALID,
            "d: not a regular file");
    refused(bridge->read_file(ctx, ref, "nothing", 0, &data, &len, &err), TENON_E_NOT_FOUND, "nothing");
    /* Of the tree, never of the machine, which has one. */
    refused(bridge->read_file(ctx, ref, "away", 0, &data, &len, &err), TENON_E_NOT_FOUND, "away");
    refused(bridge->read_file(ctx, ref, "../../etc/passwd", 0, &data, &len, &err), TENON_E_NOT_FOUND,
            "passwd");
    ck_assert_ptr_null(data);
}
END_TEST

/* ---- attributes ------------------------------------------------------------------- */

START_TEST(test_bridge_stats)
{
    struct tenon_ref *ref = one_of(_i);
    struct { struct tenon_stat st; int64_t later; } room = {0};
    struct tenon_stat st = { .struct_size = offsetof(struct tenon_stat, linkname) };
    memset((char *)&st + sizeof st.struct_size, 0x11, sizeof st - sizeof st.struct_size);
    /* One of before a member, and one of after it, get what there is room for. */
    ok(bridge->stat(ctx, ref, "/d/link", &st, &err));
    ck_assert_int_eq(memcmp(&st.linkname, "\x11\x11\x11\x11", 4), 0);
    room.later = 7;
    room.st.struct_size = sizeof room;
    ok(bridge->stat(ctx, ref, "/d/link", &room.st, &err));
    ck_assert_uint_eq(room.st.struct_size, sizeof room);
    ck_assert_str_eq(room.st.linkname, "../f");
    ck_assert_int_eq(room.later, 7);
    memset(&st, 0x11, sizeof st);
    st.struct_size = sizeof st;
    ok(bridge->stat(ctx, ref, "/f", &st, &err));
    ck_assert_str_eq(st.path, "f");
    ck_assert_ptr_null(st.linkname);
    ck_assert_uint_eq(st.mode, S_IFREG | 0640);
    ck_assert_int_eq(st.size, 14);
    ck_assert_int_eq(st.mtime_ns, moment_ns);
    /* Whose the files of a context are on this machine is nobody's affair. */
    ck_assert_uint_eq(st.uid, _i ? MADE_OWNER : 0);
    ck_assert_uint_eq(st.gid, _i ? MADE_GROUP : 0);

    ok(bridge->stat(ctx, ref, "d", &st, &err));
    ck_assert_uint_eq(st.mode, S_IFDIR | 0750);
    /* A link itself, by whatever way it is reached. */
    ok(bridge->stat(ctx, ref, "d/../d/link", &st, &err));
    ck_assert_uint_eq(st.mode & S_IFMT, S_IFLNK);
    ck_assert_str_eq(st.path, "link");
    ck_assert_str_eq(st.linkname, "../f");
    ok(bridge->stat(ctx, ref, "away", &st, &err));
    ck_assert_str_eq(st.linkname, "/etc/hostname");

    refused(bridge->stat(ctx, ref, "d/nothing", &st, &err), TENON_E_NOT_FOUND, "d/nothing");
    refused(bridge->stat(ctx, ref, "nothing/f", &st, &err), TENON_E_NOT_FOUND, "nothing");

    struct tenon_stat_more more = { .struct_size = sizeof more };
    refused(bridge->stat_more(ctx, ref, "d/nothing", &more, &err), TENON_E_NOT_FOUND, "d/nothing");
    ok(bridge->stat_more(ctx, ref, "f", &more, &err));
    ck_assert_uint_eq(more.dev_major, 0);
}
END_TEST

/* ---- directories ------------------------------------------------------------------ */

static void
lists(struct tenon_ref *ref, const char *path, const char *wanted)
{
    auto_buf struct tenon_buf names = TENON_BUF_INIT;
    const struct tenon_stat *const *entries = NULL;
    size_t count = 0;
    ok(bridge->read_dir(ctx, ref, path, &entries, &count, &err));
    for (size_t i = 0; i < count; i++) {
        tenon_buf_addf(&names, "%s%s", entries[i]->path, i + 1 < count ? " " : "");
        ck_assert_int_eq(entries[i]->linkname != NULL, S_ISLNK(entries[i]->mode));
    }
    ck_assert_str_eq(tenon_buf_str(&names), wanted);
}

START_TEST(test_bridge_lists_by_name)
{
    struct tenon_ref *ref = one_of(_i);
    lists(ref, "/", "away d f");
    lists(ref, "", "away d f");
    lists(ref, ".", "away d f");
    lists(ref, "d", "a b link");
    lists(ref, "/d", "a b link");

    const struct tenon_stat *const *entries = NULL;
    size_t count = 0;
    refused(bridge->read_dir(ctx, ref, "nothing", &entries, &count, &err), TENON_E_NOT_FOUND, "nothing");
    ck_assert_int_lt(bridge->read_dir(ctx, ref, "f", &entries, &count, &err), 0);
    ck_assert_int_eq(err.sys, ENOTDIR);
    ck_assert_ptr_null(entries);
}
END_TEST

START_TEST(test_bridge_shows_nothing_that_is_excluded)
{
    static const char *const paths[] = { "hidden", "/hidden", "hidden/x", "//hidden/x", "d/c.log",
                                         "outside" };
    struct tenon_ref *ref = shown_context();
    for (size_t i = 0; i < tenon_countof(paths); i++) {
        const struct tenon_stat *const *entries;
        const void *data;
        size_t len;
        struct tenon_stat st = { .struct_size = sizeof st };
        refused(bridge->read_file(ctx, ref, paths[i], 0, &data, &len, &err), TENON_E_NOT_FOUND, "");
        refused(bridge->stat(ctx, ref, paths[i], &st, &err), TENON_E_NOT_FOUND, "");
        refused(bridge->read_dir(ctx, ref, paths[i], &entries, &len, &err), TENON_E_NOT_FOUND, "");
    }
}
END_TEST

/* ---- what there is to read -------------------------------------------------------- */

/* A name that begins with a dot is not the one without it. */
START_TEST(test_bridge_lists_dotted_directories)
{
    static const char *const paths[] = { ".dots", "/.dots", "./.dots", "/./.dots/" };
    ck_assert_int_eq(mkdirat(context_dir, ".dots", 0755), 0);
    unit_write(context_dir, ".dots/x", "x");
    struct tenon_node *n = tenon_llb_source(host, build->graph, "local://context", NULL, &err);
    ok(tenon_llb_source_attr(host, n, "local.excludepatterns", "[\"d\",\"hidden\",\"dots\"]", &err));
    struct tenon_ref *ref = ref_of(n);
    for (size_t i = 0; i < tenon_countof(paths); i++)
        lists(ref, paths[i], "x");
    lists(ref, "./", ".dots away f outside");
}
END_TEST

START_TEST(test_bridge_scratch_is_empty)
{
    struct tenon_ref *ref = NULL;
    const void *data;
    size_t len;
    ok(bridge->solve(ctx, build->graph, NULL, 0, &ref, &err));
    lists(ref, "/", "");
    refused(bridge->read_file(ctx, ref, "f", 0, &data, &len, &err), TENON_E_NOT_FOUND, "f");
}
END_TEST

START_TEST(test_bridge_takes_definitions)
{
    auto_buf struct tenon_buf definition = TENON_BUF_INIT;
    struct tenon_ref *made = ref_of(made_node()), *loaded = NULL;
    tenon_graph_save(build->graph, made->edge, &definition);
    ck_assert_uint_gt(definition.len, 100);
    ok(bridge->solve_definition(ctx, build->graph, definition.data, definition.len, &loaded, &err));
    ck_assert_ptr_ne(loaded, made);
    ck_assert_ptr_eq(loaded->edge.vertex, made->edge.vertex); /* by its digest the same */
    lists(loaded, "d", "a b link");

    /* None at all is the empty tree; half of one is none. */
    ok(bridge->solve_definition(ctx, build->graph, "", 0, &loaded, &err));
    lists(loaded, "/", "");
    loaded = NULL;
    ck_assert_int_lt(bridge->solve_definition(ctx, build->graph, definition.data, definition.len / 2,
                                              &loaded, &err), 0);
    ck_assert_ptr_null(loaded);
}
END_TEST

START_TEST(test_bridge_refuses_a_node_that_is_none)
{
    struct tenon_ref *ref = NULL;
    struct tenon_node *n = host->graph->node_new(build->graph, "source", &err);
    ck_assert_ptr_nonnull(n); /* of nothing */
    ck_assert_int_lt(bridge->solve(ctx, build->graph, n, 0, &ref, &err), 0);
    ck_assert_ptr_null(ref);
}
END_TEST

/* Frontends that call others, none of them deep, come to an end: each may be a process. */
START_TEST(test_bridge_frontends_are_counted)
{
    static const char *const options[] = { NULL };
    const struct tenon_frontend_call call = { .struct_size = sizeof call, .frontend = "none",
                                              .options = options };
    struct tenon_result *result = host->result->create(ctx);
    int calls = 0, rc = 0;
    for (; calls < 1000 && rc != TENON_E_LIMIT; calls++) {
        tenon_error_release(&err);
        rc = bridge->solve_frontend(ctx, build->graph, &call, result, &err);
        ck_assert_int_lt(rc, 0);
    }
    ck_assert_int_eq(calls, 251);
    ck_assert_msg(strstr(err.message, "more than 250 in one build") != NULL, "%s", err.message);
}
END_TEST

/* What stands for a frontend is the user's to say: who drives is the user, and of others the
 * user's options are those of the call that all began with.  So in a scope of theirs. */
START_TEST(test_bridge_knows_the_users_contexts)
{
    static const char *const options[] = {
        "context:example.invalid/f=nothing:other", "source=example.invalid/f", NULL,
    };
    static const struct { bool drives; const char *const *users; bool denied; } callers[] = {
        { false, NULL, true }, { false, options + 1, true }, { false, options, false },
        { true, NULL, false }, { true, options + 1, false },
    };
    const struct tenon_frontend_call call = { .struct_size = sizeof call, .frontend = "gateway",
                                              .options = options };
    struct tenon_result *result = host->result->create(ctx);

    tenon_ctx_set_users_own(ctx, callers[_i].drives);
    tenon_ctx_set_users_options(ctx, callers[_i].users);
    struct tenon_ctx *scopes[] = { ctx, host->ctx->scope_begin(ctx) };
    for (size_t i = 0; i < tenon_countof(scopes); i++) {
        tenon_error_release(&err);
        ck_assert_int_lt(bridge->solve_frontend(scopes[i], build->graph, &call, result, &err), 0);
        ck_assert_msg((strstr(err.message, "by another frontend") != NULL) == callers[_i].denied,
                      "%zu: %s", i, err.message);
    }
    host->ctx->scope_end(scopes[1]);
}
END_TEST

/* ---- warnings --------------------------------------------------------------------- */

struct warned {
    int count;
    char text[3][200];
    struct tenon_lines more;
};

static void
see_warning(void *data, const struct tenon_event *ev)
{
    struct warned *w = data;
    if (ev->type != TENON_EVENT_WARNING)
        return;
    ck_assert_int_lt(w->count, 3);
    ck_assert_uint_eq(ev->more_count, w->count == 0);
    if (ev->more_count)
        w->more = ev->more[0];
    snprintf(w->text[w->count++], sizeof w->text[0], "%s|%s|%s|%s|%s|%u-%u|%u",
             ev->vertex ? ev->vertex : "-", ev->name, ev->detail ? ev->detail[0] : "-",
             ev->url ? ev->url : "-", ev->filename ? ev->filename : "-", ev->line, ev->end_line,
             ev->level);
}

START_TEST(test_bridge_warns)
{
    static const char *const detail[] = { "why", NULL };
    struct warned seen = {0};
    struct tenon_events *events = tenon_events_new(see_warning, NULL, &seen);
    struct tenon_ctx *shown = tenon_ctx_new(&engine, events, engine.cancel, NULL);
    struct tenon_warning w = {
        .struct_size = sizeof w, .level = 2, .digest = "sha256:0", .summary = "Rule: text",
        .detail = detail, .url = "https://example.com/rule", .filename = "Dockerfile", .line = 3,
        .end_line = 4, .more = &(struct tenon_lines){ 7, 8 }, .more_count = 1,
    };
    bridge->warn(shown, build->graph, &w);
    /* Of a frontend that was built when a warning had no place. */
    w.struct_size = offsetof(struct tenon_warning, filename);
    bridge->warn(shown, build->graph, &w);
    const struct tenon_warning least = { .struct_size = sizeof least, .summary = "text" };
    bridge->warn(shown, build->graph, &least);
    tenon_ctx_free(shown);
    tenon_events_free(events);
    ck_assert_int_eq(seen.count, 3);
    ck_assert_str_eq(seen.text[0], "sha256:0|Rule: text|why|https://example.com/rule|Dockerfile|3-4|2");
    ck_assert_str_eq(seen.text[1], "sha256:0|Rule: text|why|https://example.com/rule|-|0-0|2");
    ck_assert_str_eq(seen.text[2], "-|text|-|-|-|0-0|0");
    ck_assert(seen.more.line == 7 && seen.more.end_line == 8);
}
END_TEST

static void
count_warning(void *data, const struct tenon_event *ev)
{
    if (ev->type == TENON_EVENT_WARNING)
        ++*(unsigned *)data;
}

/* Those of a frontend that warns without end are left out from some point on. */
START_TEST(test_bridge_warnings_have_an_end)
{
    enum { MANY = 80, MIB = 1 << 20 };
    auto_free char *text = tenon_calloc(MIB + 1, 1);
    unsigned seen = 0;
    struct tenon_events *events = tenon_events_new(count_warning, NULL, &seen);
    struct tenon_ctx *shown = tenon_ctx_new(&engine, events, engine.cancel, NULL);
    memset(text, 'x', MIB);
    const char *const detail[] = { text, NULL };
    const struct tenon_warning w = { .struct_size = sizeof w, .summary = "", .detail = detail };
    for (unsigned i = 0; i < MANY; i++)
        bridge->warn(shown, build->graph, &w);
    tenon_ctx_free(shown);
    tenon_events_free(events);
    ck_assert_uint_ge(seen, 60);
    ck_assert_uint_le(seen, 64); /* MiB in all */
}
END_TEST

/* What a directory's names and links take is bounded, not their number. */
START_TEST(test_bridge_directories_have_an_end)
{
    enum { LINKS = 17000, TARGET = 4000 };
    const struct tenon_stat *const *entries;
    char target[TARGET + 1];
    size_t count;

    memset(target, 'x', TARGET);
    target[TARGET] = '\0';
    for (unsigned i = 0; i < LINKS; i++) {
        char name[16];
        snprintf(name, sizeof name, "d/%u", i);
        ck_assert_int_eq(symlinkat(target, context_dir, name), 0);
    }
    ck_assert_int_eq(bridge->read_dir(ctx, shown_context(), "d", &entries, &count, &err),
                     TENON_E_LIMIT);
    ck_assert_msg(strstr(err.message, "directory d has too many files") != NULL, "%s", err.message);
}
END_TEST

/* A file that is empty says nothing: null. */
START_TEST(test_predicates_of_nothing)
{
    tenon_statements made = {0};
    struct tenon_result r = {0};
    const struct tenon_attestation a = {
        .struct_size = sizeof a, .kind = TENON_ATTESTATION_INTOTO, .path = "p",
        .predicate_type = "https://example.org/p", .ref = shown_context(),
    };
    unit_write(context_dir, "p", "");
    ok(tenon_result_attest(&r, "", &a, &err));
    ok(tenon_statements_make(ctx, &r, "", true, NULL, 0, &made, &err));
    ck_assert_uint_eq(made.len, 1);
    ck_assert_msg(strstr(made.items[0].text, "\"predicate\":null") != NULL, "%s",
                  made.items[0].text);
    tenon_statements_release(&made);
    tenon_result_release(&r);
}
END_TEST

/* A bundle is as large as somebody else makes it. */
START_TEST(test_bundles_have_an_end)
{
    tenon_statements made = {0};
    struct tenon_result r = {0};
    for (unsigned i = 0; i < 1001; i++) {
        char name[16];
        snprintf(name, sizeof name, "d/%u", i);
        unit_write(context_dir, name, "{}");
    }
    const struct tenon_attestation a = {
        .struct_size = sizeof a, .kind = TENON_ATTESTATION_BUNDLE, .path = "d",
        .ref = shown_context(),
    };
    ok(tenon_result_attest(&r, "", &a, &err));
    refused(tenon_statements_make(ctx, &r, "", true, NULL, 0, &made, &err), TENON_E_LIMIT,
            "attestation bundle: 1004 entries, at most 1000");
    tenon_statements_release(&made);
    tenon_result_release(&r);
}
END_TEST

/* A blob of a layout in the context. */
static void
put_blob(const char *text, char digest[72])
{
    host->blobs->digest(text, strlen(text), digest);
    auto_free char *path = tenon_asprintf("blobs/sha256/%s", digest + strlen("sha256:"));
    unit_write(context_dir, path, text);
}

/* A cache of one record that has no result, and a key. */
static void
fill_cache(void)
{
#define KEY "sha256:2222222222222222222222222222222222222222222222222222222222222222"
    static const char config[] =
        "{\"layers\":[],\"records\":[{\"digest\":\"sha256:"
        "1111111111111111111111111111111111111111111111111111111111111111\","
        "\"results\":[],\"tenon.keys\":[\"" KEY "\"]}]}";
    char config_digest[72], digest[72];

    ck_assert_int_eq(mkdirat(context_dir, "blobs", 0755), 0);
    ck_assert_int_eq(mkdirat(context_dir, "blobs/sha256", 0755), 0);
    unit_write(context_dir, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    put_blob(config, config_digest);
    auto_free char *manifest = tenon_asprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
        "\"config\":{\"mediaType\":\"application/vnd.buildkit.cacheconfig.v0\",\"digest\":\"%s\","
        "\"size\":%zu},\"layers\":[]}",
        config_digest, strlen(config));
    put_blob(manifest, digest);
    auto_free char *index = tenon_asprintf(
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
        "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu,"
        "\"annotations\":{\"org.opencontainers.image.ref.name\":\"latest\"}}]}",
        digest, strlen(manifest));
    unit_write(context_dir, "index.json", index);
}

/* While it builds, a frontend names a cache: it is looked into from then on. */
START_TEST(test_bridge_imports_caches)
{
    auto_free char *src = tenon_asprintf("src=%s", context_path);
    auto_free char *origin = tenon_asprintf("local:%s", context_path);
    const char *const options[] = {src, NULL}, *const wrong[] = {src, "sorce=x", NULL};
    const char *const elsewhere[] = {"src=/etc", NULL};

    fill_cache();
    ck_assert_ptr_null(import_find(build->solver, KEY));
    ck_assert_int_eq(bridge->import_cache(ctx, build->graph, "local", wrong, &err),
                     TENON_E_INVALID);
    tenon_error_release(&err);
    ok(bridge->import_cache(ctx, build->graph, "local", options, &err));
    ck_assert_msg(build->imports.len == 1, "%s", err.message);
    ck_assert_ptr_nonnull(import_find(build->solver, KEY));
    ck_assert_str_eq(import_origin(build->solver), origin);
    ok(bridge->import_cache(ctx, build->graph, "local", options, &err)); /* nothing new */
    ck_assert_uint_eq(build->imports.len, 1);
    /* What cannot be had is never an error, and not held against the others. */
    ok(bridge->import_cache(ctx, build->graph, "nowhere", options, &err));
    ok(bridge->import_cache(ctx, build->graph, "local", elsewhere, &err));
    ck_assert_uint_eq(build->imports.len, 1);
    ck_assert_ptr_nonnull(import_find(build->solver, KEY));
}
END_TEST

/* What all caches of a build may take: one more is left out. */
START_TEST(test_bridge_caches_have_an_end)
{
    enum { MOST = 256 << 20 };
    auto_free char *src = tenon_asprintf("src=%s", context_path);
    const char *const options[] = {src, NULL};

    fill_cache();
    build->cache_bytes = MOST - 1;
    ok(bridge->import_cache(ctx, build->graph, "local", options, &err));
    ck_assert_ptr_null(import_find(build->solver, KEY));
    ck_assert_uint_eq(build->cache_bytes, MOST - 1);
}
END_TEST

static const char *silent[2]; /* options of a cache whose registry says nothing */

static void *
ask_for_cache(void *scope)
{
    int rc =
        bridge->import_cache(scope, build->graph, "registry", silent, host->error->create(scope));
    return (void *)(intptr_t)rc;
}

/* Also while a registry does not answer, and while another one's import is waited for. */
START_TEST(test_bridge_gives_up_an_import)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    auto_close int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct tenon_ctx *scopes[2];
    pthread_t threads[2];
    auto_close int connection = -1;
    void *rc;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    auto_free char *ref = tenon_asprintf("ref=127.0.0.1:%u/x:1", ntohs(at.sin_port));
    silent[0] = ref;
    for (unsigned i = 0; i < 2; i++) {
        scopes[i] = host->ctx->scope_begin(ctx);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_for_cache, scopes[i]), 0);
        if (i == 0) /* it is asked by now, and the second will wait for that */
            connection = accept(listener, NULL, NULL);
    }
    for (unsigned i = 2; i-- > 0;) { /* the one who waits goes first */
        host->ctx->scope_cancel(scopes[i]);
        pthread_join(threads[i], &rc);
        ck_assert_int_eq((intptr_t)rc, TENON_E_CANCELLED);
        host->ctx->scope_end(scopes[i]);
    }
    ck_assert_uint_eq(build->caches.len, 0); /* the next one who names it asks again */
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("build-bridge");
    TCase *t = tcase_create("build-bridge");

    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        puts("needs root");
        return 77;
    }
    tcase_add_checked_fixture(t, setup, teardown);
    /* Each of a context and of a tree that was made. */
    tcase_add_loop_test(t, test_bridge_reads_files, 0, 2);
    tcase_add_loop_test(t, test_bridge_reads_no_more_than_asked, 0, 2);
    tcase_add_loop_test(t, test_bridge_reads_nothing_else, 0, 2);
    tcase_add_loop_test(t, test_bridge_stats, 0, 2);
    tcase_add_loop_test(t, test_bridge_lists_by_name, 0, 2);
    tcase_add_test(t, test_bridge_shows_nothing_that_is_excluded);
    tcase_add_test(t, test_bridge_lists_dotted_directories);
    tcase_add_test(t, test_bridge_scratch_is_empty);
    tcase_add_test(t, test_bridge_takes_definitions);
    tcase_add_test(t, test_bridge_refuses_a_node_that_is_none);
    tcase_add_test(t, test_bridge_frontends_are_counted);
    tcase_add_loop_test(t, test_bridge_knows_the_users_contexts, 0, 5);
    tcase_add_test(t, test_bridge_warns);
    tcase_add_test(t, test_bridge_warnings_have_an_end);
    tcase_add_test(t, test_bridge_directories_have_an_end);
    tcase_add_test(t, test_predicates_of_nothing);
    tcase_add_test(t, test_bundles_have_an_end);
    tcase_add_test(t, test_bridge_imports_caches);
    tcase_add_test(t, test_bridge_caches_have_an_end);
    tcase_add_test(t, test_bridge_gives_up_an_import);
    suite_add_tcase(s, t);
    return unit_run(s);
}
