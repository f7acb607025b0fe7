/* Images from OCI layouts, directories that anybody may have written: what is in them is found,
 * verified and kept in the store, or there is one error that names the layout. */
#include "unit.h"

#include "base/digest.h"
#include "base/json.h"
#include "context/ctx.h"
#include "context/engine.h"
#include "context/session.h"
#include "engine/host.h"
#include "fakehost.h"
#include "store/store.h"

#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define CONFIG "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" \
    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"]}}"
#define LAYER "of no tar archive, which is not this plugin's affair"
#define NO_DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static const struct tenon_plugin *plugin;
static char store_path[64], layout_path[64];
static int store_dir, layout_dir;
static struct tenon_engine engine;
static struct tenon_session session;
static struct tenon_ctx *ctx;
static struct tenon_source_info info;
static struct tenon_source_request req;
static struct tenon_digest config, layer, manifest, top;
static struct tenon_error err = TENON_ERROR_INIT;

#define ok(call) ck_assert_msg((call) >= 0, "%s: %s", #call, err.message)

static int
local_open(void *data, const char *service, const char *id, struct tenon_error *e)
{
    (void)data;
    if (strcmp(service, "local"))
        return tenon_error_set(e, TENON_E_UNSUPPORTED, "no %s", service);
    if (strcmp(id, "base"))
        return tenon_error_set(e, TENON_E_NOT_FOUND, "%s \"%s\"", service, id);
    return open(layout_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* ---- layouts ----------------------------------------------------------------------- */

static char *
blob_path(const char *digest)
{
    return tenon_asprintf("blobs/sha256/%s", digest + strlen("sha256:"));
}

static void
blob(const char *text, struct tenon_digest *out)
{
    tenon_digest_of(text, strlen(text), out);
    auto_free char *path = blob_path(out->str);
    unit_write(layout_dir, path, text);
}

static void
set_index(const char *type, const char *digest, const char *tag)
{
    auto_free char *text = tenon_asprintf(
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":1%s%s%s}]}",
        type, digest, tag ? ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" : "",
        tag ? tag : "", tag ? "\"}" : "");
    unit_write(layout_dir, "index.json", text);
}

/* An image of one layer with the tag v1. */
static void
make_layout(void)
{
    ck_assert_int_eq(mkdirat(layout_dir, "blobs", 0755), 0);
    ck_assert_int_eq(mkdirat(layout_dir, "blobs/sha256", 0755), 0);
    blob(CONFIG, &config);
    blob(LAYER, &layer);
    auto_free char *text = tenon_asprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_TYPE "\",\"config\":{\"mediaType\":"
        "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{"
        "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}]}",
        config.str, strlen(CONFIG), layer.str, strlen(LAYER));
    blob(text, &manifest);
    top = manifest;
    set_index(MANIFEST_TYPE, manifest.str, "v1");
}

/* An index with what was the top as its one image. */
static void
wrap(const char *arch)
{
    const char *type = strcmp(top.str, manifest.str) ? INDEX_TYPE : MANIFEST_TYPE;
    auto_free char *text = tenon_asprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" INDEX_TYPE "\",\"manifests\":[{\"mediaType\":\"%s\","
        "\"digest\":\"%s\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}]}",
        type, top.str, arch);
    blob(text, &top);
    set_index(INDEX_TYPE, top.str, "v1");
}

static void
setup(void)
{
    void *self;
    store_dir = unit_tmpdir(store_path);
    layout_dir = unit_tmpdir(layout_path);
    session = (struct tenon_session){ .open = local_open };
    engine = (struct tenon_engine){
        .session = &session, .config = json_object_new_object(), .host_platform = "linux/amd64",
        .cancel = tenon_cancel_new(NULL),
    };
    ok(tenon_store_open(store_path, &engine.store, &err));
    ctx = tenon_ctx_new(&engine, NULL, engine.cancel, NULL);
    plugin = fake_load("source-oci-layout.so", "source_oci_layout_LTX_tenon_plugin_query");
    ck_assert_ptr_nonnull(plugin);
    ok(plugin->init(tenon_engine_host(), NULL, &self, &err));
    make_layout();
}

static void
teardown(void)
{
    tenon_ctx_free(ctx);
    tenon_engine_release(&engine);
    tenon_store_close(engine.store);
    tenon_cancel_free(engine.cancel);
    json_object_put(engine.config);
    tenon_error_release(&err);
    unit_tmpdir_remove(store_dir, store_path);
    unit_tmpdir_remove(layout_dir, layout_path);
}

static int
look(const char *name, const char *const *attrs)
{
    auto_free char *id = tenon_asprintf("oci-layout://%s", name);
    info = (struct tenon_source_info){ .struct_size = sizeof info };
    req = (struct tenon_source_request){
        .struct_size = sizeof req, .platform = "linux/amd64", .attrs = attrs,
        .identifier = tenon_engine_host()->ctx->strdup(ctx, id),
    };
    return plugin->ops.source->resolve(NULL, ctx, &req, &info, &err);
}

static void
refused(int rc, int status, const char *words)
{
    ck_assert_msg(rc == status && strstr(err.message, words) != NULL, "%d instead of %d: %s", rc,
                  status, err.message ? err.message : "no error");
    tenon_error_release(&err);
    err = (struct tenon_error)TENON_ERROR_INIT;
}

/* ---- what is found ------------------------------------------------------------------- */

/* @ stands for the digest. */
static const struct {
    const char *name, *store;
    const char *tag; /* in the index; NULL: none */
    const char *pinned;
} found[] = {
    { "base:v1", NULL, "v1", "base:v1@" },
    { "base:v1", NULL, "docker.io/library/app:v1", "base:v1@" },
    { "base", NULL, "latest", "base@" },
    { "base", NULL, "v1", "base@" }, /* the only one needs no name */
    { "base", NULL, NULL, "base@" },
    { "base@", NULL, "v1", "base@" },
    { "base:other@", NULL, "v1", "base:other@" }, /* the digest says it all */
    { "localhost:5000/app:v1", "base", "v1", "localhost:5000/app:v1@" },
    { "elsewhere:v1", "base", "v1", "elsewhere:v1@" },
};

START_TEST(test_layout_finds)
{
    auto_free char *attr = found[_i].store ? tenon_asprintf("oci.store=%s", found[_i].store) : NULL;
    const char *const attrs[] = { attr, NULL };
    const size_t len = strlen(found[_i].name);
    const bool digest = found[_i].name[len - 1] == '@';
    auto_free char *name = tenon_asprintf("%s%s", found[_i].name, digest ? manifest.str : "");
    auto_free char *pinned = tenon_asprintf("oci-layout://%s%s", found[_i].pinned, manifest.str);

    set_index(MANIFEST_TYPE, manifest.str, found[_i].tag);
    ok(look(name, attrs));
    ck_assert_str_eq(info.identifier, pinned);
    ck_assert_str_eq(info.digest, manifest.str);
    ck_assert_uint_eq(info.flags, TENON_SOURCE_LAYERS);
    ck_assert_uint_eq(info.layer_count, 1);
    ck_assert_str_eq(info.layers[0]->digest, layer.str);
    ck_assert_uint_eq(info.config_len, strlen(CONFIG));
    ck_assert_int_eq(memcmp(info.config, CONFIG, info.config_len), 0);
    /* Named by its layers, whatever the manifest is. */
    ck_assert_str_eq(info.key, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
}
END_TEST

START_TEST(test_layout_keeps_what_it_read)
{
    ok(look("base:v1", NULL));
    ck_assert(tenon_blob_exists(engine.store, manifest.str, NULL));
    ck_assert(tenon_blob_exists(engine.store, config.str, NULL));
    ck_assert(!tenon_blob_exists(engine.store, layer.str, NULL)); /* not before it is wanted */
    ok(plugin->ops.source->fetch_layer(NULL, ctx, &req, &info, info.layers[0], &err));
    int64_t size = 0;
    ck_assert(tenon_blob_exists(engine.store, layer.str, &size));
    ck_assert_int_eq(size, (int64_t)strlen(LAYER));
    /* A second time the layout is not needed. */
    auto_free char *path = blob_path(layer.str);
    ck_assert_int_eq(unlinkat(layout_dir, path, 0), 0);
    ok(plugin->ops.source->fetch_layer(NULL, ctx, &req, &info, info.layers[0], &err));
}
END_TEST

/* Four indexes above the manifest are looked into, and not five. */
START_TEST(test_layout_depth)
{
    for (int i = 0; i < 4; i++)
        wrap("amd64");
    ok(look("base:v1", NULL));
    ck_assert_str_eq(info.digest, top.str);
    ck_assert_str_eq(info.layers[0]->digest, layer.str);
    wrap("amd64");
    refused(look("base:v1", NULL), TENON_E_LIMIT, "indexes are nested too deep");
}
END_TEST

START_TEST(test_layout_of_other_platforms)
{
    wrap("s390x");
    refused(look("base:v1", NULL), TENON_E_NOT_FOUND, "no match for platform");
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------ */

static const struct {
    const char *name;
    int status;
    const char *words;
} names[] = {
    { "", TENON_E_INVALID, "invalid oci-layout source" },
    { "base@sha256:12", TENON_E_INVALID, "invalid digest \"sha256:12\"" },
    { "base@", TENON_E_INVALID, "invalid digest \"\"" },
    { "base@" "sha512:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", TENON_E_INVALID,
      "invalid digest" },
    { "base@sha256:44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A", TENON_E_INVALID,
      "invalid digest" },
    { "other:v1", TENON_E_NOT_FOUND, "oci-layout \"other\"" },
    { "base:v2", TENON_E_NOT_FOUND, "oci-layout \"base\": no image with the tag \"v2\"" },
    { "base:1", TENON_E_NOT_FOUND, "no image with the tag \"1\"" }, /* the end of v1 */
    { "base@" NO_DIGEST, TENON_E_NOT_FOUND, "oci-layout \"base\"" },
};

START_TEST(test_layout_names)
{
    refused(look(names[_i].name, NULL), names[_i].status, names[_i].words);
}
END_TEST

/* Without a tag it has to be clear which one is meant. */
START_TEST(test_layout_of_several)
{
    auto_free char *text = tenon_asprintf(
        "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\"},{\"digest\":\"%s\"}]}", manifest.str,
        config.str);
    unit_write(layout_dir, "index.json", text);
    refused(look("base", NULL), TENON_E_NOT_FOUND, "no image with the tag \"latest\"");
}
END_TEST

enum what { INDEX, MANIFEST_BLOB, CONFIG_BLOB };

static char *
path_of(enum what what)
{
    return what == INDEX ? tenon_strdup("index.json")
                         : blob_path(what == CONFIG_BLOB ? config.str : manifest.str);
}

/* Instead of a file, in each place of one. */
static void
spoil(enum what what, int how)
{
    auto_free char *path = path_of(what);
    ck_assert_int_eq(unlinkat(layout_dir, path, 0), 0);
    switch (how) {
    case 0: /* it is missing */
        break;
    case 1:
        ck_assert_int_eq(mkdirat(layout_dir, path, 0755), 0);
        break;
    case 2: /* a file of the machine */
        ck_assert_int_eq(symlinkat("/etc/passwd", layout_dir, path), 0);
        break;
    case 3:
        unit_write(layout_dir, path, "");
        break;
    case 4:
        unit_write(layout_dir, path, "{\"half\":");
        break;
    case 5: {
        auto_close int fd = openat(layout_dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        ck_assert_int_eq(ftruncate(fd, 8 * 1024 * 1024 + 1), 0);
        break;
    }
    case 7: /* nobody writes to it */
        ck_assert_int_eq(mkfifoat(layout_dir, path, 0644), 0);
        break;
    default:
        unit_write(layout_dir, path, "{}");
        break;
    }
}

static const struct {
    enum what what;
    int how, status;
    const char *words;
} spoilt[] = {
    { INDEX, 0, TENON_E_NOT_FOUND, "index.json" },
    { INDEX, 1, TENON_E_LIMIT, "index.json is not a file" },
    { INDEX, 2, TENON_E_NOT_FOUND, "index.json" },
    { INDEX, 3, TENON_E_CORRUPT, "index.json is not valid JSON" },
    { INDEX, 4, TENON_E_CORRUPT, "index.json is not valid JSON" },
    { INDEX, 5, TENON_E_LIMIT, "index.json is not a file of at most 8388608 bytes" },
    { INDEX, 6, TENON_E_NOT_FOUND, "no image with the tag" },
    { MANIFEST_BLOB, 0, TENON_E_NOT_FOUND, "oci-layout \"base\"" },
    { MANIFEST_BLOB, 1, TENON_E_INVALID, "is not a regular file" },
    { MANIFEST_BLOB, 2, TENON_E_NOT_FOUND, "oci-layout \"base\"" },
    { MANIFEST_BLOB, 3, TENON_E_CORRUPT, "digest" },
    { MANIFEST_BLOB, 4, TENON_E_CORRUPT, "digest" },
    { MANIFEST_BLOB, 5, TENON_E_CORRUPT, "digest" },
    { INDEX, 7, TENON_E_LIMIT, "index.json is not a file" },
    { MANIFEST_BLOB, 7, TENON_E_INVALID, "is not a regular file" },
    { CONFIG_BLOB, 7, TENON_E_INVALID, "is not a regular file" },
    { CONFIG_BLOB, 0, TENON_E_NOT_FOUND, "oci-layout \"base\"" },
    { CONFIG_BLOB, 1, TENON_E_INVALID, "is not a regular file" },
    { CONFIG_BLOB, 6, TENON_E_CORRUPT, "digest" },
};

START_TEST(test_layout_spoilt)
{
    spoil(spoilt[_i].what, spoilt[_i].how);
    refused(look("base:v1", NULL), spoilt[_i].status, spoilt[_i].words);
    if (spoilt[_i].what != INDEX) /* half of it is not kept */
        ck_assert(!tenon_blob_exists(engine.store, spoilt[_i].what == CONFIG_BLOB ? config.str
                                                                               : manifest.str, NULL));
}
END_TEST

/* The right digest, and not what it should be. */
static const struct {
    const char *text;
    int status;
    const char *words;
} no_manifests[] = {
    { "", TENON_E_INVALID, "JSON" },
    { "no", TENON_E_INVALID, "JSON" },
    { "{}", TENON_E_CORRUPT, "manifest has no config" },
    { "[]", TENON_E_CORRUPT, "manifest is not an object" },
    { "{\"config\":1}", TENON_E_INVALID, "config" },
    { "{\"config\":{}}", TENON_E_CORRUPT, "manifest: config: invalid digest" },
    { "{\"config\":{\"digest\":\"sha256:1\"},\"layers\":[]}", TENON_E_CORRUPT, "config: invalid digest \"sha256:1\"" },
};

START_TEST(test_layout_no_manifest)
{
    struct tenon_digest d;
    blob(no_manifests[_i].text, &d);
    set_index(MANIFEST_TYPE, d.str, "v1");
    refused(look("base:v1", NULL), no_manifests[_i].status, no_manifests[_i].words);
}
END_TEST

/* What was begun is not left in the store. */
START_TEST(test_layout_cancelled)
{
    ok(look("base:v1", NULL));
    tenon_cancel_fire(engine.cancel);
    ck_assert_int_eq(plugin->ops.source->fetch_layer(NULL, ctx, &req, &info, info.layers[0], &err),
                     TENON_E_CANCELLED);
    ck_assert(!tenon_blob_exists(engine.store, layer.str, NULL));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("source-oci-layout");
    TCase *t = tcase_create("source-oci-layout");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_layout_finds, 0, tenon_countof(found));
    tcase_add_test(t, test_layout_keeps_what_it_read);
    tcase_add_test(t, test_layout_depth);
    tcase_add_test(t, test_layout_of_other_platforms);
    tcase_add_loop_test(t, test_layout_names, 0, tenon_countof(names));
    tcase_add_test(t, test_layout_of_several);
    tcase_add_loop_test(t, test_layout_spoilt, 0, tenon_countof(spoilt));
    tcase_add_loop_test(t, test_layout_no_manifest, 0, tenon_countof(no_manifests));
    tcase_add_test(t, test_layout_cancelled);
    suite_add_tcase(s, t);
    return unit_run(s);
}
