/* Images from registries: what is asked of the registry service, in which order, and what is
 * made of it. */
#include "unit.h"

#include "fakehost.h"

#define REF "r.example/app:v1"
#define TOP "sha256:top"
#define CONFIG_MAX (8 * 1024 * 1024)

static struct {
    struct tenon_buf log; /* a line a call */
    int indexes;          /* that lie above the manifest */
    const char *fails;    /* the call that does */
    size_t layers;
    int64_t config_size, config_bytes; /* as the store says, and as there are */
} fake;

static int
call(struct tenon_error *err, const char *name, const char *a, const char *b)
{
    tenon_buf_addf(&fake.log, "%s%s%s%s%s\n", name, *a ? " " : "", a, *b ? " " : "", b);
    if (tenon_streq(fake.fails, name))
        return tenon_error_set(err, TENON_E_UNAVAILABLE, "%s fails", name);
    return 0;
}

/* Level 0 is the manifest; an index of level N has one of level N - 1. */
static int
give(struct tenon_ctx *ctx, int level, struct tenon_descriptor *desc, const void **data, size_t *len)
{
    char *text = fake_alloc(ctx, 32);
    snprintf(text, 32, level ? "index %d" : "manifest", level);
    ck_assert_uint_eq(desc->struct_size, sizeof *desc);
    *desc = (struct tenon_descriptor){.struct_size = sizeof *desc, .media_type = level ? "index" : "manifest", .digest = TOP,
                                      .size = 9};
    *data = text;
    *len = strlen(text);
    return 0;
}

static int
fake_resolve(struct tenon_ctx *ctx, const char *ref, const char *mode, struct tenon_descriptor *desc,
             const void **data, size_t *len, struct tenon_error *err)
{
    int rc = call(err, "resolve", ref, mode ? mode : "");
    return rc < 0 ? rc : give(ctx, fake.indexes, desc, data, len);
}

static int
fake_manifest(struct tenon_ctx *ctx, const char *ref, struct tenon_descriptor *desc,
              const void **data, size_t *len, struct tenon_error *err)
{
    int rc = call(err, "manifest", ref, "");
    int level = atoi(strrchr(ref, '-') + 1);
    return rc < 0 ? rc : give(ctx, level, desc, data, len);
}

static int
fake_choose(struct tenon_ctx *ctx, const void *index, size_t len, const char *platform,
            struct tenon_descriptor *out, struct tenon_error *err)
{
    char *digest = fake_alloc(ctx, 32);
    (void)len;
    snprintf(digest, 32, "sha256:level-%d", atoi((const char *)index + strlen("index ")) - 1);
    ck_assert_uint_eq(out->struct_size, sizeof *out);
    *out = (struct tenon_descriptor){.struct_size = sizeof *out, .media_type = "?", .digest = digest};
    return call(err, "choose", platform ? platform : "none", "");
}

static bool
fake_is_index(struct tenon_ctx *ctx, const char *type, const void *data, size_t len)
{
    (void)ctx, (void)data, (void)len;
    return !strcmp(type, "index");
}

static int
fake_image_config(struct tenon_ctx *ctx, const void *manifest, size_t len,
                  struct tenon_descriptor *out, struct tenon_error *err)
{
    (void)ctx;
    ck_assert_uint_eq(len, strlen("manifest"));
    ck_assert_int_eq(memcmp(manifest, "manifest", len), 0);
    ck_assert_uint_eq(out->struct_size, sizeof *out);
    *out = (struct tenon_descriptor){.struct_size = sizeof *out, .digest = "sha256:config", .size = 5};
    return call(err, "image_config", "", "");
}

static int
fake_blob(struct tenon_ctx *ctx, const char *ref, const struct tenon_descriptor *desc,
          struct tenon_error *err)
{
    (void)ctx;
    return call(err, "blob", ref, desc->digest);
}

static int
fake_image_layers(struct tenon_ctx *ctx, const void *manifest, size_t len, const void *config,
                  size_t config_len, const struct tenon_descriptor *const **layers, size_t *count,
                  struct tenon_error *err)
{
    (void)manifest, (void)len;
    ck_assert_uint_eq(config_len, (size_t)fake.config_size);
    ck_assert_int_eq(memcmp(config, "cccc", config_len < 4 ? config_len : 4), 0);
    *layers = fake_alloc(ctx, 8 * sizeof **layers);
    *count = fake.layers;
    return call(err, "image_layers", "", "");
}

static const char *
fake_chain_id(struct tenon_ctx *ctx, const struct tenon_descriptor *const *layers, size_t count)
{
    char *id = fake_alloc(ctx, 32);
    ck_assert_ptr_nonnull(layers);
    snprintf(id, 32, "chain of %zu", count);
    return id;
}

static int
fake_blob_open(struct tenon_ctx *ctx, const char *digest, int64_t *size, struct tenon_error *err)
{
    (void)ctx;
    int rc = call(err, "open", digest, "");
    if (rc < 0)
        return rc;
    int fd = memfd_create("blob", MFD_CLOEXEC);
    auto_free char *text = tenon_malloc((size_t)fake.config_bytes + 1);
    memset(text, 'c', (size_t)fake.config_bytes);
    ck_assert_int_eq(tenon_write_all(fd, text, (size_t)fake.config_bytes, err), 0);
    lseek(fd, 0, SEEK_SET);
    *size = fake.config_size;
    return fd;
}

static const void *
fake_extension(const char *name)
{
    static const struct tenon_registry_api api = {
        .struct_size = sizeof api,
        .manifest = fake_manifest,
        .blob = fake_blob,
        .resolve = fake_resolve,
        .choose = fake_choose,
        .image_config = fake_image_config,
        .image_layers = fake_image_layers,
        .chain_id = fake_chain_id,
        .is_index = fake_is_index,
    };
    return strcmp(name, "tenon.registry/0") ? NULL : &api;
}

static const struct tenon_plugin *plugin;
static struct fake_ctx ctx;
static struct tenon_source_info info;
static struct tenon_source_request req;

static void
setup(void)
{
    static struct fake_tables tables;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    void *self;
    fake_tables_init(&tables);
    tables.host.extension = fake_extension;
    tables.blobs.open = fake_blob_open;
    plugin = fake_load("source-image.so", "source_image_LTX_tenon_plugin_query");
    ck_assert_ptr_nonnull(plugin);
    ck_assert_int_eq(plugin->init(&tables.host, NULL, &self, &err), 0);
    fake.layers = 3;
    fake.config_size = fake.config_bytes = 5;
    ctx = (struct fake_ctx){.agent_fd = -1};
}

static void
teardown(void)
{
    fake_ctx_release(&ctx);
    tenon_buf_release(&fake.log);
    memset(&fake, 0, sizeof fake);
}

static int
look(const char *id, const char *const *attrs, struct tenon_error *err)
{
    info = (struct tenon_source_info){.struct_size = sizeof info};
    req = (struct tenon_source_request){.struct_size = sizeof req, .identifier = id,
                                        .platform = "linux/riscv64", .attrs = attrs};
    return plugin->ops.source->resolve(NULL, (struct tenon_ctx *)(void *)&ctx, &req, &info, err);
}

START_TEST(test_image_resolve)
{
    static const struct {
        const char *ref;
        const char *attrs[2];
        int indexes;
        const char *start, *identifier;
    } cases[] = {
        {REF, {NULL}, 0, "resolve " REF "\n", REF "@" TOP},
        {REF, {"image.resolvemode=pull"}, 0, "resolve " REF " pull\n", REF "@" TOP},
        {REF, {"image.resolvemodes=pull"}, 0, "resolve " REF "\n", REF "@" TOP},
        {"app@sha256:x", {NULL}, 0, "resolve app@sha256:x\n", "app@sha256:x"},
        {REF, {NULL}, 1, "resolve " REF "\nchoose linux/riscv64\nmanifest " REF "@sha256:level-0\n",
         REF "@" TOP},
        {"app@sha256:x", {NULL}, 2,
         "resolve app@sha256:x\nchoose linux/riscv64\nmanifest app@sha256:level-1\n"
         "choose linux/riscv64\nmanifest app@sha256:level-0\n", "app@sha256:x"},
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *id = tenon_asprintf("docker-image://%s", cases[_i].ref);
    auto_free char *pinned = tenon_asprintf("docker-image://%s", cases[_i].identifier);
    fake.indexes = cases[_i].indexes;
    ck_assert_msg(look(id, cases[_i].attrs, &err) == 0, "%s", err.message);
    auto_free char *log = tenon_asprintf(
        "%simage_config\nblob %s sha256:config\nopen sha256:config\nimage_layers\n",
        cases[_i].start, cases[_i].ref);
    ck_assert_str_eq(tenon_buf_str(&fake.log), log);
    ck_assert_str_eq(info.identifier, pinned);
    ck_assert_str_eq(info.digest, TOP);
    ck_assert_str_eq(info.key, "chain of 3");
    ck_assert_uint_eq(info.layer_count, 3);
    ck_assert_uint_eq(info.config_len, 5);
    ck_assert_int_eq(memcmp(info.config, "ccccc", 5), 0);
    ck_assert_uint_eq(info.flags, TENON_SOURCE_LAYERS);
}
END_TEST

/* The tag may have moved: it is what this build was told, by the same mode. */
START_TEST(test_image_said_before)
{
    static const struct {
        const char *ref, *first, *then, *asked;
    } cases[] = {
        {REF, NULL, NULL, REF "@" TOP},
        {REF, NULL, "image.checksum=" TOP, REF "@" TOP},
        {REF, NULL, "image.resolvemode=default", REF "@" TOP " default"},
        {REF, "image.resolvemode=", NULL, REF "@" TOP},
        {REF, "image.resolvemode=pull", "image.resolvemode=pull", REF "@" TOP " pull"},
        {REF, NULL, "image.resolvemode=pull", REF " pull"},
        {REF, "image.resolvemode=local", NULL, REF},
        {"app@sha256:x", NULL, NULL, "app@sha256:x"},
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *id = tenon_asprintf("docker-image://%s", cases[_i].ref);
    auto_free char *wanted = tenon_asprintf("resolve %s\n", cases[_i].asked);
    const char *const first[] = {cases[_i].first, NULL}, *const then[] = {cases[_i].then, NULL};
    fake.indexes = 1;
    ck_assert_msg(look(id, first, &err) == 0, "%s", err.message);
    const struct tenon_source_info said = info;
    tenon_buf_clear(&fake.log);
    info = (struct tenon_source_info){.struct_size = sizeof info};
    req.attrs = then;
    req.before = &said;
    ck_assert_msg(plugin->ops.source->resolve(NULL, (struct tenon_ctx *)(void *)&ctx, &req, &info,
                                              &err) == 0, "%s", err.message);
    ck_assert_msg(tenon_has_prefix(tenon_buf_str(&fake.log), wanted), "%s",
                  tenon_buf_str(&fake.log));
    ck_assert_str_eq(info.identifier, said.identifier);
}
END_TEST

/* Four indexes above the manifest are looked into, and not five. */
START_TEST(test_image_depth)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    fake.indexes = 4 + _i;
    ck_assert_int_eq(look("docker-image://" REF, NULL, &err), _i ? TENON_E_LIMIT : 0);
}
END_TEST

START_TEST(test_image_layer_limit)
{
    static const struct {
        const char *text;
        size_t there, layers;
        const char *key; /* NULL: an error */
    } cases[] = {
        {"", 3, 3, "chain of 3"},   {"0", 3, 0, NULL},            {"1", 3, 1, "chain of 1"},
        {"2", 3, 2, "chain of 2"},  {"3", 3, 3, "chain of 3"},    {"4", 3, 3, "chain of 3"},
        {"12", 3, 3, "chain of 3"}, {"x", 3, 0, NULL},            {"1x", 3, 0, NULL},
        {"-1", 3, 0, NULL},         {"10000000000000000000000", 3, 0, NULL},
        {"", 0, 0, "sha256:config"},
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *attr = tenon_asprintf("image.layerlimit=%s", cases[_i].text);
    const char *attrs[] = {attr, NULL};
    fake.layers = cases[_i].there;
    int rc = look("docker-image://" REF, attrs, &err);
    if (!cases[_i].key) {
        ck_assert_int_eq(rc, TENON_E_INVALID);
        ck_assert_msg(strstr(err.message, "invalid layer limit") != NULL, "%s", err.message);
        return;
    }
    ck_assert_msg(rc == 0, "%s", err.message);
    ck_assert_uint_eq(info.layer_count, cases[_i].layers);
    ck_assert_str_eq(info.key, cases[_i].key);
}
END_TEST

START_TEST(test_image_checksum)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(look("docker-image://" REF, NULL, &err), 0);
    auto_free char *right = tenon_asprintf("image.checksum=%s", info.digest);
    const char *attrs[] = {right, NULL}, *wrong[] = {"image.checksum=sha256:0", NULL};
    ck_assert_int_eq(look("docker-image://" REF, attrs, &err), 0);
    ck_assert_int_eq(look("docker-image://" REF, wrong, &err), TENON_E_CORRUPT);
    ck_assert_msg(strstr(err.message, "does not match expected checksum sha256:0") != NULL, "%s",
                  err.message);
}
END_TEST

START_TEST(test_image_config_size)
{
    static const struct {
        int64_t said, there;
        int code;
    } cases[] = {{CONFIG_MAX, CONFIG_MAX, 0}, {CONFIG_MAX + 1, CONFIG_MAX + 1, TENON_E_LIMIT},
                 {6, 5, TENON_E_CORRUPT}, {0, 0, 0}, {-1, 0, TENON_E_LIMIT}};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    fake.config_size = cases[_i].said;
    fake.config_bytes = cases[_i].there;
    ck_assert_int_eq(look("docker-image://" REF, NULL, &err), cases[_i].code);
}
END_TEST

/* A failure ends it, as it is, and nothing is asked after it. */
START_TEST(test_image_failures)
{
    static const char *const calls[] = {"resolve", "choose", "manifest", "image_config", "blob",
                                        "open", "image_layers"};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *said = tenon_asprintf("%s fails", calls[_i]);
    fake.fails = calls[_i];
    fake.indexes = 1;
    ck_assert_int_eq(look("docker-image://" REF, NULL, &err), TENON_E_UNAVAILABLE);
    ck_assert_str_eq(err.message, said);
    const char *log = tenon_buf_str(&fake.log), *last = log;
    for (const char *p = log; *p; p = strchr(p, '\n') + 1)
        last = p;
    ck_assert_msg(tenon_has_prefix(last, calls[_i]), "%s", log);
}
END_TEST

START_TEST(test_image_names)
{
    static const char *const names[] = {"docker-image://", "docker-image:/x", "oci-layout://x", ""};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(look(names[_i], NULL, &err), TENON_E_INVALID);
    ck_assert_str_eq(tenon_buf_str(&fake.log), "");
}
END_TEST

/* Layers come from what the name stood for when it was looked up. */
START_TEST(test_image_fetch)
{
    static const struct {
        const char *id, *log;
    } cases[] = {{"docker-image://" REF, "blob " REF "@" TOP " sha256:layer\n"},
                 {"docker-image://app@sha256:x", "blob app@" TOP " sha256:layer\n"}};
    const struct tenon_descriptor layer = {.struct_size = sizeof layer, .digest = "sha256:layer"};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(look(cases[_i].id, NULL, &err), 0);
    tenon_buf_clear(&fake.log);
    ck_assert_int_eq(plugin->ops.source->fetch_layer(NULL, (struct tenon_ctx *)(void *)&ctx, &req,
                                                     &info, &layer, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&fake.log), cases[_i].log);
    fake.fails = "blob";
    ck_assert_int_eq(plugin->ops.source->fetch_layer(NULL, (struct tenon_ctx *)(void *)&ctx, &req,
                                                     &info, &layer, &err), TENON_E_UNAVAILABLE);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("source-image");
    TCase *t = tcase_create("source-image");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_image_resolve, 0, 6);
    tcase_add_loop_test(t, test_image_said_before, 0, 8);
    tcase_add_loop_test(t, test_image_depth, 0, 2);
    tcase_add_loop_test(t, test_image_layer_limit, 0, 12);
    tcase_add_test(t, test_image_checksum);
    tcase_add_loop_test(t, test_image_config_size, 0, 5);
    tcase_add_loop_test(t, test_image_failures, 0, 7);
    tcase_add_loop_test(t, test_image_names, 0, 4);
    tcase_add_loop_test(t, test_image_fetch, 0, 2);
    suite_add_tcase(s, t);
    return unit_run(s);
}
