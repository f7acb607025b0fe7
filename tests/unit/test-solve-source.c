/* What a source plugin is asked, by the solver and for a frontend, and what it may
 * answer. */
#include "keykit.h"

#include "solve/layerset.h"

/* ---- sources -------------------------------------------------------------------------- */

/* A source that says what it was asked, and answers as its name demands. */
static const char asked_source[] =
    "#include <tenon-plugin.h>\n"
    "#include <stdio.h>\n#include <string.h>\n"
    "static const struct tenon_host *host;\n"
    "static int init(const struct tenon_host *h, const struct tenon_values *v, void **self,"
    " struct tenon_error *e) { (void)v, (void)e; host = h; *self = 0; return 0; }\n"
    "static int resolve(void *self, struct tenon_ctx *ctx,"
    " const struct tenon_source_request *r, struct tenon_source_info *i,"
    " struct tenon_error *e) {\n"
    "    char text[512]; int n; static struct tenon_descriptor layer;\n"
    "    static const struct tenon_descriptor *const layers[] = { &layer };\n"
    "    (void)self, (void)e;\n"
    "    n = snprintf(text, sizeof text, \"%s|%s\", r->identifier, r->platform);\n"
    "    for (const char *const *a = r->attrs; a && *a; a++)\n"
    "        n += snprintf(text + n, sizeof text - n, \"|%s\", *a);\n"
    "    if (strstr(text, \"twice\") && r->before)\n"
    "        snprintf(text + n, sizeof text - n, \" after %.*s\","
    " (int)strcspn(r->before->digest, \" \"), r->before->digest);\n"
    "    i->digest = host->ctx->strdup(ctx, text);\n"
    "    i->config = i->digest; i->config_len = strlen(i->digest);\n"
    "    i->key = strstr(text, \"keyless\") ? NULL : i->digest;\n"
    "    i->flags = strstr(text, \"none\") ? 0 : strstr(text, \"two\") ?"
    " TENON_SOURCE_TREE | TENON_SOURCE_LAYERS : strstr(text, \"layers\") ?"
    " TENON_SOURCE_LAYERS : strstr(text, \"inplace\") ? TENON_SOURCE_IN_PLACE :"
    " TENON_SOURCE_TREE;\n"
    "    if (strstr(text, \"layers\")) { i->layers = layers; i->layer_count = 1;"
    " layer.struct_size = strstr(text, \"sizeless\") ? 0 : sizeof layer;"
    " layer.digest = \"d\"; layer.diff_id = strstr(text, \"bare\") ? 0 :"
    " \"sha256:" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" "\"; }\n"
    "    return 0; }\n"
    "static int fetch(void *self, struct tenon_ctx *c, const struct tenon_source_request *r,"
    " const struct tenon_source_info *i, int fd, struct tenon_error *e)"
    " { (void)self,(void)c,(void)r,(void)i,(void)fd,(void)e; return 0; }\n"
    "static int layer(void *self, struct tenon_ctx *c, const struct tenon_source_request *r,"
    " const struct tenon_source_info *i, const struct tenon_descriptor *l,"
    " struct tenon_error *e)"
    " { (void)self,(void)c,(void)r,(void)i,(void)l,(void)e; return 0; }\n"
    "static const char *const schemes[] = { \"asked\", 0 };\n"
    "static const struct tenon_source_ops ops = { .struct_size = sizeof ops,"
    " .schemes = schemes, .resolve = resolve, .fetch = fetch, .fetch_layer = layer };\n"
    "static const struct tenon_plugin p = { TENON_PLUGIN_HEADER(TENON_KIND_SOURCE),"
    " .key_policy = TENON_KEY_OPTIONS, .name = \"asked\", .init = init,"
    " .ops.source = &ops };\n"
    "TENON_PLUGIN_EXPORT(source_asked, p);\n";

static const struct {
    const char *identifier, *platform, *attr;
} questions[] = {
    { "asked://a", NULL, NULL }, { "asked://b", NULL, NULL },
    { "asked://a", "linux/arm64", NULL }, { "asked://a", "linux/arm/v6", NULL },
    { "asked://a", "linux/arm/v7", NULL }, { "asked://a", "linux(1)/amd64", NULL },
    { "asked://a", NULL, "k=1" }, { "asked://a", NULL, "k=2" },
};

/* A source does not ask, and not in the place of who does. */
static const struct {
    const char *attr, *wanted, *told; /* told: what the plugin gets */
} wishes[] = {
    { "http.digest=sha256:6868", NULL, "" },
    { NULL, "http.digest=sha256:6868", "|http.digest=sha256:6868" },
    { "http.digest=sha256:68", "http.digest=sha256:7a", "|http.digest=sha256:7a" },
    { "git.object=true", NULL, "" },
    { NULL, "git.object=true", "|git.object=true" },
    { "image.attestations=true", NULL, "" },
    { "image.predicate=p", "image.predicate=q", "|image.predicate=q" },
    { "image.resolvemode=pull", "git.object=true", "|image.resolvemode=pull|git.object=true" },
};

static void
expected_answer(size_t i, char text[128])
{
    snprintf(text, 128, "%s|%s%s%s", questions[i].identifier,
             questions[i].platform ? questions[i].platform : "linux/amd64",
             questions[i].attr ? "|" : "", questions[i].attr ? questions[i].attr : "");
}

/* Each question is asked of its own, of one solver. */
START_TEST(test_keys_metadata_of_each_question)
{
    compile("source", "asked", asked_source);
    open_plugins();
    const struct tenon_solver_options o = { .engine = &engine };
    struct tenon_solver *s = tenon_solver_new_stepped(&o);
    struct tenon_ctx *ctx = tenon_ctx_new(&engine, engine.events, NULL, "x");

    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < tenon_countof(questions); i++) {
            const char *const attrs[] = { questions[i].attr, NULL };
            const struct tenon_source_query q = {
                .struct_size = sizeof q, .identifier = questions[i].identifier,
                .platform = questions[i].platform, .attrs = attrs };
            struct tenon_source_meta meta = { .struct_size = sizeof meta };
            char text[128];
            expected_answer(i, text);
            OK(tenon_solver_source_meta(s, ctx, &q, &meta, &err));
            ck_assert_str_eq(meta.digest, text);
            ck_assert_uint_eq(meta.config_len, strlen(text));
            ck_assert_mem_eq(meta.config, text, strlen(text));
        }
        for (size_t i = 0; i < tenon_countof(wishes); i++) {
            const char *const attrs[] = { wishes[i].attr, NULL };
            const char *const wanted[] = { wishes[i].wanted, NULL };
            const struct tenon_source_query q = { .struct_size = sizeof q,
                .identifier = "asked://a", .attrs = attrs, .wanted = wanted };
            struct tenon_source_meta meta = { .struct_size = sizeof meta };
            char text[128];
            snprintf(text, sizeof text, "asked://a|linux/amd64%s", wishes[i].told);
            OK(tenon_solver_source_meta(s, ctx, &q, &meta, &err));
            ck_assert_str_eq(meta.digest, text);
        }
    }
    tenon_ctx_free(ctx);
    tenon_solver_free(s);
}
END_TEST

/* Of what was said before, a plugin is given what was said to the nearest question. */
START_TEST(test_keys_metadata_said_before)
{
#define NAME "asked://twice|linux/amd64"
    static const struct {
        const char *attrs[3], *wanted[2], *answer;
    } cases[] = {
        { {"claim=1"}, {NULL}, NAME "|claim=1" },
        { {NULL}, {NULL}, NAME " after " NAME "|claim=1" },
        { {"name=x"}, {NULL}, NAME "|name=x after " NAME },
        { {NULL}, {"more=1"}, NAME "|more=1 after " NAME },
        { {"b=2", "a=1"}, {NULL}, NAME "|b=2|a=1 after " NAME },
        { {"a=1", "b=2"}, {"more=1"}, NAME "|a=1|b=2|more=1 after " NAME "|b=2|a=1" },
        { {"claim=1", "a=1"}, {NULL}, NAME "|claim=1|a=1 after " NAME "|claim=1" },
        { {"claim=1"}, {"more=1"}, NAME "|claim=1|more=1 after " NAME "|claim=1" },
    };
#undef NAME
    compile("source", "asked", asked_source);
    open_plugins();
    const struct tenon_solver_options o = { .engine = &engine };
    struct tenon_solver *s = tenon_solver_new_stepped(&o);
    struct tenon_ctx *ctx = tenon_ctx_new(&engine, engine.events, NULL, "x");

    for (size_t i = 0; i < tenon_countof(cases); i++) {
        const struct tenon_source_query q = {
            .struct_size = sizeof q, .identifier = "asked://twice", .platform = "linux/amd64",
            .attrs = cases[i].attrs, .wanted = cases[i].wanted };
        struct tenon_source_meta meta = { .struct_size = sizeof meta };
        OK(tenon_solver_source_meta(s, ctx, &q, &meta, &err));
        ck_assert_str_eq(meta.digest, cases[i].answer);
    }
    tenon_ctx_free(ctx);
    tenon_solver_free(s);
}
END_TEST

static int
resolve_source(size_t i, const char *identifier, char text[128])
{
    const struct tenon_solver_options o = { .engine = &engine };
    struct tenon_solver *s = tenon_solver_new_stepped(&o);
    struct tenon_node *n = new_node("source");
    int code;

    set(n, "identifier", identifier ? identifier : questions[i].identifier);
    if (!identifier && questions[i].platform)
        set(n, "platform", questions[i].platform);
    if (!identifier && questions[i].attr)
        set(n, "attr.k", questions[i].attr + 2);
    struct job *j = job_new(state_get(s, tenon_node_freeze(n, &err)), work_resolve, NULL);
    code = work_resolve(j);
    if (code == 0)
        snprintf(text, 128, "%s", source_key(j->state) ? source_key(j->state) : "");
    job_free(j);
    tenon_solver_free(s);
    return code;
}

/* The plugin sees what the op says, and its word is the key. */
START_TEST(test_keys_source_is_asked_all)
{
    compile("source", "asked", asked_source);
    open_plugins();
    for (size_t i = 0; i < tenon_countof(questions); i++) {
        char want[128], got[128];
        expected_answer(i, want);
        ck_assert_int_eq(resolve_source(i, NULL, got), 0);
        ck_assert_str_eq(got, want);
    }
}
END_TEST

static const struct {
    const char *identifier;
    int code;
} answers[] = {
    { "asked://tree", 0 },
    { "asked://tree-keyless", 0 },
    { "asked://layers", 0 },
    { "asked://layers-keyless", TENON_E_BUG },
    { "asked://layers-bare", TENON_E_INVALID },
    { "asked://layers-sizeless", TENON_E_BUG },
    { "asked://none", TENON_E_BUG },
    { "asked://two", TENON_E_BUG },
    { "asked://inplace", TENON_E_BUG }, /* it has no open_tree */
    { "asked", TENON_E_INVALID },
    { "nobody://x", TENON_E_NOT_FOUND },
};

START_TEST(test_keys_source_answers_are_checked)
{
    compile("source", "asked", asked_source);
    open_plugins();
    for (size_t i = 0; i < tenon_countof(answers); i++) {
        char text[128];
        int code = resolve_source(0, answers[i].identifier, text);
        ck_assert_msg(code == answers[i].code, "%s: %d", answers[i].identifier, code);
    }
}
END_TEST

/* ---- their layers ----------------------------------------------------------------------- */

#define EMPTY_TAR "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
#define LONGER_TAR "sha256:e5a00aa9991ac8a5ee3109844d84a55583bd20572ad3ffcd42792f3c36b183ad"

/* What is to come is an archive without entries, of one size or the other. */
struct arrival {
    const char *what;
    size_t bytes; /* 0: it does not come */
    const char *digest, *diff_id;
    int64_t said;
    bool known; /* its files are there, as a cache brought them */
    int code;
    const char *message;
};
static const struct arrival arrivals[] = {
    { "as it was said", 1024, EMPTY_TAR, EMPTY_TAR, 1024, false, 0, NULL },
    { "of a size that nobody said", 1024, EMPTY_TAR, EMPTY_TAR, 0, false, 0, NULL },
    { "longer", 1024, EMPTY_TAR, EMPTY_TAR, 1023, false, TENON_E_CORRUPT,
      "has 1024 bytes, and 1023 were said" },
    { "something else inside", 1024, EMPTY_TAR, LONGER_TAR, 1024, false, TENON_E_CORRUPT, EMPTY_TAR },
    { "not at all", 0, EMPTY_TAR, EMPTY_TAR, 1024, false, TENON_E_DENIED, "it does not come" },
    { "known", 1024, EMPTY_TAR, EMPTY_TAR, 1024, true, 0, NULL },
    { "known, and something else inside", 2048, LONGER_TAR, EMPTY_TAR, 2048, true, TENON_E_CORRUPT,
      "it is " LONGER_TAR " inside" },
};

static int
bring(void *data, size_t i, struct tenon_error *e)
{
    static const char zeros[2048];
    const struct arrival *a = data;
    struct tenon_digest digest;

    (void)i;
    return a->bytes ? tenon_blob_put(store, zeros, a->bytes, &digest, e)
                    : tenon_error_set(e, TENON_E_DENIED, "it does not come");
}

static const char *
of_a_cache(void *data, size_t i)
{
    (void)data, (void)i;
    return "cache";
}

START_TEST(test_layers_are_what_was_said)
{
    const struct arrival *a = &arrivals[_i];
    struct tenon_ctx *ctx = tenon_ctx_new(&engine, engine.events, NULL, "x");
    const struct tenon_descriptor said = {
        .struct_size = sizeof said, .digest = a->digest, .size = a->said, .diff_id = a->diff_id };
    const struct tenon_descriptor *const list[] = { &said };
    const struct layer_set set = { .store = store, .ctx = ctx, .layers = list, .count = 1,
                                   .fetch = bring, .data = (void *)a };
    auto_chain struct tenon_chain chain = {0};

    if (a->known) {
        auto_chain struct tenon_chain before = {0};
        const struct tenon_descriptor cached = { .struct_size = sizeof cached,
                                                 .digest = EMPTY_TAR, .diff_id = EMPTY_TAR };
        const struct tenon_descriptor *const other[] = { &cached };
        struct layer_set cache = set;
        cache.layers = other;
        cache.data = (void *)&arrivals[0];
        cache.variant = of_a_cache;
        OK(layers_make(&cache, &before, &err));
    }
    ck_assert_msg(layers_make(&set, &chain, &err) == a->code, "%s: %s", a->what, err.message);
    ck_assert_msg(!a->message || strstr(err.message, a->message), "%s: %s", a->what, err.message);
    ck_assert_msg(layers_there(store, &(const struct tenon_descriptor *){ &said }, 1, true, &chain) == !a->code, "%s", a->what);
    tenon_ctx_free(ctx);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("solve-source");
    TCase *c = tcase_create("source");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_keys_metadata_of_each_question);
    tcase_add_test(c, test_keys_metadata_said_before);
    tcase_add_test(c, test_keys_source_is_asked_all);
    tcase_add_test(c, test_keys_source_answers_are_checked);
    tcase_add_loop_test(c, test_layers_are_what_was_said, 0, (int)tenon_countof(arrivals));
    suite_add_tcase(s, c);
    return unit_run(s);
}
