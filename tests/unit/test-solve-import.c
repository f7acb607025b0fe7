/* Documents of imported caches: what is read of them, and that a hostile one
 * is refused with the place. */
#include "unit.h"

#include "context/engine.h"
#include "base/json.h"
#include "engine/buildkitdocument.h"
#include "engine/remotecache.h"
#include "image/image.h"
#include "solve/cache.h"
#include "solve/import.h"
#include "tools/alloc.h"
#include "tools/base64.h"

static struct tenon_import *import;
static struct tenon_error err;

static void
setup(void)
{
    err = (struct tenon_error)TENON_ERROR_INIT;
    import = NULL;
}

static void
teardown(void)
{
    tenon_import_free(import);
    tenon_error_release(&err);
}

static int
fetch(void *data, struct tenon_ctx *ctx, const struct tenon_descriptor *blob,
      struct tenon_error *e)
{
    (void)data, (void)ctx, (void)blob, (void)e;
    return 0;
}

#define HEX(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c \
    c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define SHA(c) "sha256:" HEX(c)
#define LAYER(blob, parent, notes) "{\"blob\":\"" blob "\",\"parent\":" parent ",\"annotations\":" notes "}"
#define NOTES(diff) "{\"size\":5,\"mediaType\":\"application/x.tar+gzip\",\"diffID\":\"" diff "\"}"
#define RECORD(id, results, keys) "{\"digest\":\"" id "\",\"results\":[" results "],\"tenon.keys\":[" keys "]}"
#define DOCUMENT(layers, records) "{\"layers\":[" layers "],\"records\":[" records "]}"
#define TWO_LAYERS LAYER(SHA("a"), "-1", NOTES(SHA("b"))) "," LAYER(SHA("c"), "0", NOTES(SHA("d")))
/* Two records, the second upon the first. */
#define THEIRS(layers, result, link)                                                            \
    DOCUMENT(layers, "{\"digest\":\"" SHA("1") "\",\"layers\":[" result "]},{\"digest\":\"" SHA("2") \
             "\",\"inputs\":[[{\"selector\":\"" SHA("3") "\",\"link\":" link "}]]}")
#define FOREIGN_LAYERS(one, two)                                                                \
    "{\"blob\":\"" SHA("a") "\",\"parent\":" one "},{\"blob\":\"" SHA("b") "\",\"parent\":" two "}"
#define KEY(c) "\"" SHA(c) "\""

static int
load(const char *text)
{
    return tenon_import_new("test", text, strlen(text), fetch, NULL, &import, &err);
}

static const struct {
    const char *what, *text;
    int code;
} documents[] = {
    {"empty", "{}", 0},
    {"a record", DOCUMENT(TWO_LAYERS, RECORD(SHA("1"), "{\"layer\":1}", KEY("2"))), 0},
    {"an empty tree", DOCUMENT(TWO_LAYERS, RECORD(SHA("1"), "{\"layer\":-1}", KEY("2"))), 0},
    {"keys alone", DOCUMENT("", RECORD(SHA("1"), "", KEY("2"))), 0},
    {"no JSON", "{", TENON_E_INVALID},
    {"no object", "[]", TENON_E_CORRUPT},
    {"layers that are no list", "{\"layers\":1}", TENON_E_INVALID},
    {"a layer that is none", DOCUMENT("1", ""), TENON_E_CORRUPT},
    {"a blob that is no digest", DOCUMENT(LAYER("x", "-1", NOTES(SHA("b"))), ""), TENON_E_CORRUPT},
    {"a diff id that is no digest", DOCUMENT(LAYER(SHA("a"), "-1", NOTES("x")), ""),
     TENON_E_CORRUPT},
    {"no diff id", DOCUMENT(LAYER(SHA("a"), "-1", "{}"), ""), TENON_E_CORRUPT},
    {"no notes", DOCUMENT("{\"blob\":\"" SHA("a") "\"}", ""), TENON_E_CORRUPT},
    {"a layer upon itself", DOCUMENT(LAYER(SHA("a"), "0", NOTES(SHA("b"))), ""), TENON_E_CORRUPT},
    {"a layer upon a later one",
     DOCUMENT(LAYER(SHA("a"), "1", NOTES(SHA("b"))) "," LAYER(SHA("c"), "-1", NOTES(SHA("d"))), ""),
     TENON_E_CORRUPT},
    {"a layer upon none of them", DOCUMENT(LAYER(SHA("a"), "-2", NOTES(SHA("b"))), ""),
     TENON_E_CORRUPT},
    {"a size below nothing",
     DOCUMENT(LAYER(SHA("a"), "-1", "{\"size\":-1,\"diffID\":\"" SHA("b") "\"}"), ""),
     TENON_E_CORRUPT},
    {"a result past the layers", DOCUMENT(TWO_LAYERS, RECORD(SHA("1"), "{\"layer\":2}", KEY("2"))),
     TENON_E_CORRUPT},
    {"a result before the layers",
     DOCUMENT(TWO_LAYERS, RECORD(SHA("1"), "{\"layer\":-2}", KEY("2"))), TENON_E_CORRUPT},
    {"a result that is none", DOCUMENT(TWO_LAYERS, RECORD(SHA("1"), "7", KEY("2"))),
     TENON_E_CORRUPT},
    {"a record that is none", DOCUMENT("", "7"), TENON_E_CORRUPT},
    {"an id that is no digest", DOCUMENT("", RECORD("x", "", KEY("2"))), TENON_E_CORRUPT},
    {"a key that is no digest", DOCUMENT("", RECORD(SHA("1"), "", "\"x\"")), TENON_E_CORRUPT},
    {"a key that is no string", DOCUMENT("", RECORD(SHA("1"), "", "7")), TENON_E_CORRUPT},
    /* As BuildKit writes it into a directory: layers without their uncompressed digests, later
     * ones below earlier ones. */
    {"BuildKit's", THEIRS("{\"blob\":\"" SHA("a") "\",\"parent\":-1}", "{\"layer\":0}", "0"), 0},
    {"BuildKit's, a layer upon a later one", THEIRS(FOREIGN_LAYERS("1", "-1"), "{\"layer\":0}", "0"), 0},
    {"BuildKit's, a layer upon the first, which it does not say",
     THEIRS("{\"blob\":\"" SHA("a") "\",\"parent\":-1},{\"blob\":\"" SHA("b") "\"}",
            "{\"layer\":1}", "0"), 0},
    {"BuildKit's, layers in a circle", THEIRS(FOREIGN_LAYERS("1", "0"), "{\"layer\":0}", "0"),
     TENON_E_CORRUPT},
    {"BuildKit's, a layer upon itself", THEIRS(FOREIGN_LAYERS("0", "-1"), "{\"layer\":0}", "0"),
     TENON_E_CORRUPT},
    {"BuildKit's, a layer upon none of them", THEIRS(FOREIGN_LAYERS("2", "-1"), "{\"layer\":0}", "0"),
     TENON_E_CORRUPT},
    {"BuildKit's, a result past the layers", THEIRS(FOREIGN_LAYERS("1", "-1"), "{\"layer\":2}", "0"),
     TENON_E_CORRUPT},
    {"BuildKit's, a result that is none", THEIRS(FOREIGN_LAYERS("1", "-1"), "7", "0"),
     TENON_E_CORRUPT},
    {"BuildKit's, a link past the records", THEIRS(FOREIGN_LAYERS("1", "-1"), "{\"layer\":0}", "2"),
     TENON_E_CORRUPT},
    {"BuildKit's, a link before the records", THEIRS(FOREIGN_LAYERS("1", "-1"), "{\"layer\":0}", "-1"),
     TENON_E_CORRUPT},
    {"BuildKit's, an input that is no list", "{\"records\":[{\"digest\":\"x\",\"inputs\":[7]}]}",
     TENON_E_CORRUPT},
    {"BuildKit's, inputs that are none", "{\"records\":[{\"digest\":\"x\",\"inputs\":7}]}",
     TENON_E_INVALID},
};

START_TEST(test_import_document)
{
    int code = load(documents[_i].text);

    ck_assert_msg(code == documents[_i].code, "%s: %d, %s", documents[_i].what, code,
                  err.message ? err.message : "no message");
    ck_assert_int_eq(import != NULL, code == 0);
}
END_TEST

/* A thousand of each, and no more: each result is unpacked, each key kept. */
START_TEST(test_import_counts)
{
    auto_buf struct tenon_buf results = TENON_BUF_INIT, keys = TENON_BUF_INIT;
    for (int i = 0; i < 1000; i++) {
        tenon_buf_adds(&results, i ? ",{\"layer\":1}" : "{\"layer\":1}");
        tenon_buf_adds(&keys, i ? "," KEY("2") : KEY("2"));
    }
    for (int more = 0; more < 3; more++) {
        auto_free char *text = tenon_asprintf(
            DOCUMENT(TWO_LAYERS, RECORD(SHA("1"), "%s%s", "%s%s")), tenon_buf_str(&results),
            more == 1 ? ",{\"layer\":1}" : "", tenon_buf_str(&keys), more == 2 ? "," KEY("2") : "");
        ck_assert_int_eq(load(text), more ? TENON_E_LIMIT : 0);
        tenon_import_free(import);
        import = NULL;
        tenon_error_release(&err);
    }
}
END_TEST

/* A chain of as many layers as a result may have, and of one more: ours from the bottom, BuildKit's
 * from the top too. */
START_TEST(test_import_long_chain)
{
    for (int kind = 0; kind < 4; kind++) {
        const int count = 4096 + kind % 2, down = kind / 2;
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        tenon_buf_adds(&text, "{\"layers\":[");
        for (int i = 0; i < count; i++)
            tenon_buf_addf(&text, "%s" LAYER(SHA("a"), "%d", NOTES(SHA("b"))), i ? "," : "",
                           down ? (i + 1 == count ? -1 : i + 1) : i - 1);
        tenon_buf_addf(&text, "],\"records\":[%s]}",
                       down ? "{\"digest\":\"x\",\"layers\":[{\"layer\":0}]}" : "");
        ck_assert_msg(load(tenon_buf_str(&text)) == (kind % 2 ? TENON_E_LIMIT : 0), "%d: %s", kind,
                      err.message ? err.message : "no message");
        tenon_import_free(import);
        import = NULL;
        tenon_error_release(&err);
    }
}
END_TEST

/* Each step of a build upon the one before it: the first is asked for last, so that one way leads
 * down to the bottom. */
START_TEST(test_buildkit_document_of_a_long_chain)
{
    enum { STEPS = 60000 };
    static struct tenon_cache_entry list[STEPS];
    static struct tenon_buildkit_input inputs[STEPS];
    static struct json_object *results[STEPS];
    struct json_object *records = json_object_new_array();
    char none[] = "";
    for (int i = 0; i < STEPS; i++) {
        inputs[i] = (struct tenon_buildkit_input){ .vertex = &list[i + 1], .selector = none };
        list[i].buildkit = (struct tenon_buildkit_key){
            .vertex = &list[i], .own_count = 1, .output_count = 1, .inputs = &inputs[i],
            .input_count = i + 1 < STEPS,
        };
        tenon_digest_of(&i, sizeof i, &list[i].id);
        list[i].buildkit.own[0] = list[i].id;
    }
    tenon_buildkit_document(list, STEPS, results, records);
    ck_assert_uint_eq(json_object_array_length(records), STEPS);
    struct json_object *o = json_object_array_get_idx(records, STEPS - 1);
    ck_assert_str_eq(json_object_to_json_string_ext(json_object_object_get(o, "inputs"), 0),
                     "[[{\"link\":59998}]]");
    o = json_object_array_get_idx(records, 0); /* the bottom first */
    ck_assert_ptr_null(json_object_object_get(o, "inputs"));
    json_object_put(records);
}
END_TEST

/* As the solver finds it; some imports know a key only, others have results. */
START_TEST(test_import_find)
{
    const struct tenon_import *imports[3] = {0};
    static const char *const texts[] = {
        DOCUMENT("", RECORD(SHA("1"), "", KEY("2") "," KEY("3"))),
        DOCUMENT(TWO_LAYERS, RECORD(SHA("4"), "{\"layer\":1},{\"layer\":-1}", KEY("2") "," KEY("5"))),
        DOCUMENT(TWO_LAYERS, RECORD(SHA("6"), "{\"layer\":0}", KEY("2"))
                                 "," RECORD(SHA("7"), "", KEY("2") "," KEY("8"))),
    };

    for (int i = 0; i < 3; i++) {
        ck_assert_msg(load(texts[i]) == 0, "%s", err.message);
        imports[i] = import;
    }
    import = NULL;
    struct tenon_solver s = {0};
    ck_assert_ptr_null(import_find(&s, SHA("2")));
    tenon_solver_import(&s, imports, 1, NULL);
    ck_assert_ptr_null(import_origin(&s));
    ck_assert_str_eq(import_find(&s, SHA("2"))->id.str, SHA("1"));
    ck_assert_ptr_null(import_find(&s, SHA("8")));
    tenon_solver_import(&s, imports, 3, "elsewhere");
    ck_assert_str_eq(import_origin(&s), "elsewhere");
    const struct import_record *r = import_find(&s, SHA("2"));
    ck_assert_str_eq(r->id.str, SHA("4")); /* with results before one without */
    ck_assert_uint_eq(r->result_count, 2);
    ck_assert_int_eq(r->results[0], 1);
    ck_assert_int_eq(r->results[1], -1);
    ck_assert_str_eq(r->keys[0], SHA("2"));
    ck_assert_str_eq(r->keys[1], SHA("5"));
    ck_assert_ptr_null(r->keys[2]);
    ck_assert_str_eq(import_find(&s, SHA("3"))->id.str, SHA("1"));
    ck_assert_uint_eq(import_find(&s, SHA("3"))->result_count, 0);
    ck_assert_str_eq(import_find(&s, SHA("8"))->id.str, SHA("7"));
    ck_assert_ptr_null(import_find(&s, SHA("9")));
    imports_free(&s);
    for (int i = 0; i < 3; i++)
        tenon_import_free((struct tenon_import *)imports[i]);
}
END_TEST

/* A cache in an image's config has no layers of its own, but numbers of the image's: one, or all
 * that lie upon each other, which need not be how they lie in the image. */
#define INLINE_CHAINS \
    "[{\"digest\":\"" SHA("1") "\",\"layers\":[{\"layer\":0}]}," \
    "{\"digest\":\"" SHA("2") "\",\"chains\":[{\"layers\":[0,2]},{\"layers\":[7]}]}," \
    "{\"digest\":\"" SHA("3") "\",\"chains\":[{\"layers\":\"x\"},{\"layers\":[-1]},7]}]"

START_TEST(test_inline_chains)
{
    struct tenon_desc layers[] = {
        { .media_type = (char *)"x/a", .digest = (char *)SHA("a"), .size = 5 },
        { .media_type = (char *)"x/b", .digest = (char *)SHA("b"), .size = 6 },
        { .media_type = (char *)"x/c", .digest = (char *)SHA("c"), .size = 7 } };
    const struct tenon_manifest m = { .layers = layers, .layer_count = 3 };
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    auto_free char *coded = tenon_base64(INLINE_CHAINS, strlen(INLINE_CHAINS));
    auto_free char *config = tenon_asprintf(
        "{\"rootfs\":{\"diff_ids\":[\"%s\",\"%s\",\"%s\"]},\"moby.buildkit.cache.v0\":\"%s\"}",
        SHA("d"), SHA("e"), SHA("f"), coded);

    ck_assert_msg(tenon_inline_cache_read(&m, config, strlen(config), &out, &err) == 0, "%s",
                  err.message);
    ck_assert_int_eq(tenon_json_parse(out.data, out.len, 1 << 20, &o, &err), 0);
    struct json_object *records = json_object_object_get(o, "records");
    struct json_object *all = json_object_object_get(o, "layers");
    struct json_object *of = json_object_object_get(json_object_array_get_idx(records, 1), "layers");
    ck_assert_uint_eq(json_object_array_length(of), 1);
    int64_t at = json_object_get_int64(
        json_object_object_get(json_object_array_get_idx(of, 0), "layer"));
    static const struct { const char *blob, *diff_id; } chain[] = {
        { SHA("c"), SHA("f") }, { SHA("a"), SHA("d") } };
    for (size_t i = 0; i < tenon_countof(chain); i++) { /* from the top */
        struct json_object *l = json_object_array_get_idx(all, (size_t)at);
        struct json_object *notes = json_object_object_get(l, "annotations");
        ck_assert_str_eq(json_object_get_string(json_object_object_get(l, "blob")), chain[i].blob);
        ck_assert_str_eq(json_object_get_string(json_object_object_get(notes, "diffID")),
                         chain[i].diff_id);
        at = json_object_get_int64(json_object_object_get(l, "parent"));
    }
    ck_assert_int_eq(at, -1);
    of = json_object_object_get(json_object_array_get_idx(records, 2), "layers");
    ck_assert_uint_eq(json_object_array_length(of), 0);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("solve-import");
    TCase *c = tcase_create("import");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_import_document, 0, tenon_countof(documents));
    tcase_add_test(c, test_import_counts);
    tcase_add_test(c, test_import_long_chain);
    tcase_add_test(c, test_buildkit_document_of_a_long_chain);
    tcase_add_test(c, test_import_find);
    tcase_add_test(c, test_inline_chains);
    suite_add_tcase(s, c);
    return unit_run(s);
}
