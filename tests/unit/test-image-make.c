#include "layerkit.h"

#include "tools/parse.h"
#include "image/image.h"
#include "image/stream.h"

static int64_t
layer(struct kit *k, const char *file, const struct tenon_chain *lower)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id;
    (void)lower;
    ck_assert_int_eq(tenon_snapshot_begin(k->store, &w, &err), 0);
    unit_write(tenon_snapshot_work_fs(w), file, file);
    ck_assert_int_eq(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "t", &id, &err), 0);
    return id;
}

static struct json_object *
read_json(struct kit *k, const char *digest)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct json_object *o = NULL;
    ck_assert_msg(tenon_blob_read(k->store, digest, 1 << 20, &text, &err) == 0, "%s", err.message);
    ck_assert_int_eq(tenon_json_parse(text.data, text.len, 1 << 20, &o, &err), 0);
    return o;
}

static const char *
str(struct json_object *o, const char *key)
{
    return json_object_get_string(json_object_object_get(o, key));
}

static void
make(struct kit *k, const struct tenon_image_source *src, size_t n,
     const struct tenon_image_options *o, struct tenon_image_made *out)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(tenon_image_make(k->store, src, n, o, out, &err) == 0, "%s", err.message);
}

/* The blob of a descriptor is there and as long as it says. */
static void
check_descriptor(struct kit *k, struct json_object *d)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf blob = TENON_BUF_INIT;
    ck_assert_msg(tenon_blob_read(k->store, str(d, "digest"), 1 << 20, &blob, &err) == 0, "%s",
                  err.message);
    ck_assert_int_eq(json_object_get_int64(json_object_object_get(d, "size")), (int64_t)blob.len);
}

/* All that a manifest names fits, and each layer is what its diff id says. */
static void
check_manifest(struct kit *k, const char *digest)
{
    auto_json struct json_object *m = read_json(k, digest);
    struct json_object *layers = json_object_object_get(m, "layers");
    check_descriptor(k, json_object_object_get(m, "config"));
    auto_json struct json_object *c =
        read_json(k, str(json_object_object_get(m, "config"), "digest"));
    struct json_object *ids =
        json_object_object_get(json_object_object_get(c, "rootfs"), "diff_ids");
    ck_assert_uint_eq(json_object_array_length(ids), json_object_array_length(layers));
    for (size_t i = 0; i < json_object_array_length(layers); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct json_object *l = json_object_array_get_idx(layers, i);
        struct tenon_digest inside;
        check_descriptor(k, l);
        auto_close int fd = tenon_blob_open(k->store, str(l, "digest"), NULL, &err);
        ck_assert_int_ge(fd, 0);
        auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, NULL);
        ck_assert_int_eq(tenon_inflate_finish(in, &inside, &err), 0);
        ck_assert_str_eq(inside.str, json_object_get_string(json_object_array_get_idx(ids, i)));
    }
}

#define CONFIG(history)                                                              \
    "{\"architecture\":\"amd64\",\"os\":\"linux\",\"x-kept\":[1,{\"a\":\"<b>\"}],"   \
    "\"config\":{\"Env\":[\"A=b\"]},\"variant\":\"\",\"history\":[" history "]}"

START_TEST(test_make_aligns_history)
{
    struct kit k;
    kit_open(&k);
    auto_chain struct tenon_chain chain = {0};
    tenon_chain_append(&chain, layer(&k, "a", &chain));
    tenon_chain_append(&chain, layer(&k, "b", &chain));
    static const char config[] =
        CONFIG("{\"created\":\"2020-01-02T03:04:05Z\",\"created_by\":\"base\"},"
               "{\"created_by\":\"LABEL\",\"empty_layer\":true},"
               "{\"created_by\":\"COPY\",\"comment\":\"c\",\"own\":1},"
               "{\"created_by\":\"CMD\",\"empty_layer\":true}");
    struct tenon_image_source src = {"linux/amd64", chain, config, sizeof config - 1, NULL, 0, false};
    struct tenon_image_options o = {.level = -1};
    struct tenon_image_made made = {0};
    make(&k, &src, 1, &o, &made);
    ck_assert(!made.is_index);
    ck_assert_str_eq(made.media_type, TENON_MT_OCI_MANIFEST);

    check_manifest(&k, made.digest);
    auto_json struct json_object *m = read_json(&k, made.digest);
    auto_json struct json_object *c = read_json(&k, made.config_digest);
    ck_assert_str_eq(str(json_object_object_get(m, "config"), "digest"), made.config_digest);
    ck_assert_uint_eq(json_object_array_length(json_object_object_get(m, "layers")), 2);
    struct json_object *rootfs = json_object_object_get(c, "rootfs");
    ck_assert_uint_eq(json_object_array_length(json_object_object_get(rootfs, "diff_ids")), 2);
    struct json_object *h = json_object_object_get(c, "history");
    ck_assert_uint_eq(json_object_array_length(h), 4);
    struct json_object *copy = json_object_array_get_idx(h, 2);
    ck_assert_ptr_nonnull(str(copy, "created"));
    ck_assert_str_eq(str(copy, "own"), "1"); /* what we do not know stays */
    /* a step without files has the time of the first new layer */
    ck_assert_str_eq(str(json_object_array_get_idx(h, 1), "created"), str(copy, "created"));
    ck_assert_str_eq(str(json_object_array_get_idx(h, 0), "created"), "2020-01-02T03:04:05Z");
    ck_assert_str_eq(str(c, "created"), str(json_object_array_get_idx(h, 3), "created"));
    ck_assert(!json_object_object_get_ex(c, "variant", NULL));
    ck_assert_ptr_nonnull(json_object_object_get(c, "x-kept"));

    /* members in the order of their names, as Go writes a map */
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    ck_assert_int_eq(tenon_blob_read(k.store, made.config_digest, 1 << 20, &text, &err), 0);
    static const char *const order[] = {"{\"architecture\":", ",\"config\":{", ",\"created\":\"20",
                                        ",\"history\":[", ",\"os\":", ",\"rootfs\":{",
                                        ",\"x-kept\":"};
    const char *from = tenon_buf_str(&text);
    for (size_t i = 0; i < tenon_countof(order); i++) {
        from = strstr(from, order[i]);
        ck_assert_msg(from != NULL, "%s is not where it should be", order[i]);
    }

    /* the same again: the same digest, from the same blobs */
    struct tenon_image_made again = {0};
    make(&k, &src, 1, &o, &again);
    ck_assert_str_eq(made.digest, again.digest);
    tenon_image_made_release(&made);
    tenon_image_made_release(&again);
    kit_close(&k);
}
END_TEST

START_TEST(test_make_adds_missing_history)
{
    struct kit k;
    kit_open(&k);
    auto_chain struct tenon_chain chain = {0};
    tenon_chain_append(&chain, layer(&k, "a", &chain));
    tenon_chain_append(&chain, layer(&k, "b", &chain));
    static const char few[] = CONFIG("{\"created_by\":\"one\"}");
    static const char many[] = CONFIG("{\"created_by\":\"1\"},{\"created_by\":\"2\"},"
                                      "{\"created_by\":\"3\"}");
    struct tenon_image_options o = {.level = -1};
    struct tenon_image_made made = {0};
    struct tenon_image_source src = {"linux/amd64", chain, few, sizeof few - 1, NULL, 0, false};
    make(&k, &src, 1, &o, &made);
    auto_json struct json_object *c = read_json(&k, made.config_digest);
    struct json_object *h = json_object_object_get(c, "history");
    ck_assert_uint_eq(json_object_array_length(h), 2);
    ck_assert_str_eq(str(json_object_array_get_idx(h, 1), "comment"),
                     "buildkit.exporter.image.v0");
    tenon_image_made_release(&made);

    src.config = many;
    src.config_len = sizeof many - 1;
    make(&k, &src, 1, &o, &made);
    auto_json struct json_object *c2 = read_json(&k, made.config_digest);
    h = json_object_object_get(c2, "history");
    ck_assert_uint_eq(json_object_array_length(h), 3);
    ck_assert(json_object_get_boolean(
        json_object_object_get(json_object_array_get_idx(h, 2), "empty_layer")));
    tenon_image_made_release(&made);
    /* an entry without a layer stands for none */
    static const char steps[] = CONFIG("{\"created_by\":\"COPY\"},"
                                       "{\"created_by\":\"ENV\",\"empty_layer\":true}");
    src = (struct tenon_image_source){"linux/amd64", chain, steps, sizeof steps - 1, NULL, 0, false};
    make(&k, &src, 1, &o, &made);
    auto_json struct json_object *c3 = read_json(&k, made.config_digest);
    h = json_object_object_get(c3, "history");
    ck_assert_uint_eq(json_object_array_length(h), 3);
    ck_assert(!json_object_object_get_ex(json_object_array_get_idx(h, 2), "empty_layer", NULL));
    tenon_image_made_release(&made);
    kit_close(&k);
}
END_TEST

START_TEST(test_make_empty_image)
{
    struct kit k;
    kit_open(&k);
    struct tenon_image_source src = {.platform = "linux/arm/v7"};
    struct tenon_image_options o = {.level = -1};
    struct tenon_image_made made = {0};
    make(&k, &src, 1, &o, &made);
    auto_json struct json_object *m = read_json(&k, made.digest);
    ck_assert_uint_eq(json_object_array_length(json_object_object_get(m, "layers")), 0);
    auto_json struct json_object *c = read_json(&k, made.config_digest);
    ck_assert_str_eq(str(c, "architecture"), "arm");
    ck_assert_str_eq(str(c, "variant"), "v7");
    ck_assert_str_eq(str(json_object_object_get(c, "config"), "WorkingDir"), "/");
    ck_assert_ptr_nonnull(strstr(made.descriptor_json, "\"variant\":\"v7\""));
    tenon_image_made_release(&made);
    kit_close(&k);
}
END_TEST

START_TEST(test_make_epoch)
{
    struct kit k;
    kit_open(&k);
    auto_chain struct tenon_chain chain = {0};
    tenon_chain_append(&chain, layer(&k, "a", &chain));
    tenon_chain_append(&chain, layer(&k, "b", &chain));
    static const char config[] = CONFIG("{\"created\":\"2024-01-01T00:00:00Z\",\"created_by\":\"base\"},"
                                        "{\"created\":\"2017-07-14T02:40:00Z\",\"created_by\":\"RUN\"},"
                                        "{\"created_by\":\"CMD\",\"empty_layer\":true}");
    static const char base[] = CONFIG("{\"created\":\"2024-01-01T00:00:00Z\",\"created_by\":\"base\"}");
    struct tenon_image_source src = {"linux/amd64", chain, config, sizeof config - 1,
                                     base, sizeof base - 1, false};
    struct tenon_image_options o = {.level = -1, .has_epoch = true, .epoch = 1500000000,
                                    .rewrite_timestamp = true};
    struct tenon_image_made made = {0}, again = {0};
    make(&k, &src, 1, &o, &made);
    auto_json struct json_object *c = read_json(&k, made.config_digest);
    struct json_object *h = json_object_object_get(c, "history");
    ck_assert_str_eq(str(json_object_array_get_idx(h, 0), "created"), "2024-01-01T00:00:00Z");
    ck_assert_str_eq(str(json_object_array_get_idx(h, 1), "created"), "2017-07-14T02:40:00Z");
    ck_assert_str_eq(str(json_object_array_get_idx(h, 2), "created"), "2017-07-14T02:40:00Z");
    ck_assert_str_eq(str(c, "created"), "2017-07-14T02:40:00Z");
    ck_assert_ptr_nonnull(strstr(made.descriptor_json, "2017-07-14T02:40:00Z"));

    /* without a base all of it is our own */
    struct tenon_image_source alone = src;
    struct tenon_image_made lowered = {0};
    alone.base_config = NULL;
    make(&k, &alone, 1, &o, &lowered);
    auto_json struct json_object *all = read_json(&k, lowered.config_digest);
    h = json_object_object_get(all, "history");
    for (size_t i = 0; i < 3; i++)
        ck_assert_str_eq(str(json_object_array_get_idx(h, i), "created"), "2017-07-14T02:40:00Z");
    tenon_image_made_release(&lowered);

    /* other snapshots with the same files at other times give the same image */
    auto_chain struct tenon_chain twin = {0};
    tenon_chain_append(&twin, layer(&k, "a", &twin));
    tenon_chain_append(&twin, layer(&k, "b", &twin));
    src.chain = twin;
    make(&k, &src, 1, &o, &again);
    ck_assert_str_eq(made.digest, again.digest);
    tenon_image_made_release(&made);
    tenon_image_made_release(&again);

    /* later times of our own are the epoch, earlier ones and the base's stay */
    static const char times[] =
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2031-01-01T00:00:00Z\",\"history\":["
        "{\"created\":\"2024-01-01T00:00:00Z\",\"created_by\":\"base\"},"
        "{\"created\":\"2030-01-01T00:00:00Z\",\"created_by\":\"late\"},"
        "{\"created\":\"2001-01-01T00:00:00Z\",\"created_by\":\"early\",\"empty_layer\":true}]}";
    src = (struct tenon_image_source){"linux/amd64", chain, times, sizeof times - 1,
                                      base, sizeof base - 1, false};
    make(&k, &src, 1, &o, &made);
    auto_json struct json_object *c2 = read_json(&k, made.config_digest);
    h = json_object_object_get(c2, "history");
    ck_assert_str_eq(str(json_object_array_get_idx(h, 0), "created"), "2024-01-01T00:00:00Z");
    ck_assert_str_eq(str(json_object_array_get_idx(h, 1), "created"), "2017-07-14T02:40:00Z");
    ck_assert_str_eq(str(json_object_array_get_idx(h, 2), "created"), "2001-01-01T00:00:00Z");
    ck_assert_str_eq(str(c2, "created"), "2017-07-14T02:40:00Z");
    tenon_image_made_release(&made);
    kit_close(&k);
}
END_TEST

START_TEST(test_make_index_and_annotations)
{
    struct kit k;
    kit_open(&k);
    auto_chain struct tenon_chain chain = {0};
    tenon_chain_append(&chain, layer(&k, "a", &chain));
    struct tenon_image_source src[2] = {{.platform = "linux/amd64", .chain = chain},
                                        {.platform = "linux/arm/v6", .chain = chain}};
    static const char *const notes[] = {".all=1", "[linux/arm/v6].all=2", "-index.i=3",
                                        "-manifest-descriptor[linux/amd64].d=4",
                                        "-index-descriptor.x=5", NULL};
    struct tenon_image_options o = {.level = -1, .annotations = notes};
    struct tenon_image_made made = {0};
    make(&k, src, 2, &o, &made);
    ck_assert(made.is_index);
    ck_assert_str_eq(made.media_type, TENON_MT_OCI_INDEX);
    ck_assert_ptr_nonnull(strstr(made.descriptor_json, "\"x\":\"5\""));
    auto_json struct json_object *i = read_json(&k, made.digest);
    ck_assert_str_eq(str(json_object_object_get(i, "annotations"), "i"), "3");
    struct json_object *list = json_object_object_get(i, "manifests");
    ck_assert_uint_eq(json_object_array_length(list), 2);
    struct json_object *amd = json_object_array_get_idx(list, 0);
    ck_assert_str_eq(str(json_object_object_get(amd, "platform"), "architecture"), "amd64");
    ck_assert_str_eq(str(json_object_object_get(amd, "annotations"), "d"), "4");
    for (size_t n = 0; n < 2; n++) {
        check_descriptor(&k, json_object_array_get_idx(list, n));
        check_manifest(&k, str(json_object_array_get_idx(list, n), "digest"));
    }
    struct json_object *v6 =
        json_object_object_get(json_object_array_get_idx(list, 1), "platform");
    ck_assert_str_eq(str(v6, "architecture"), "arm");
    ck_assert_str_eq(str(v6, "variant"), "v6");
    auto_json struct json_object *first = read_json(&k, str(amd, "digest"));
    ck_assert_str_eq(str(json_object_object_get(first, "annotations"), "all"), "1");
    auto_json struct json_object *arm = read_json(&k, str(json_object_array_get_idx(list, 1), "digest"));
    ck_assert_str_eq(str(json_object_object_get(arm, "annotations"), "all"), "2");
    tenon_image_made_release(&made);

    /* the time that the user names is the time */
    static const char *const timed[] = {
        "-manifest-descriptor.org.opencontainers.image.created=2001-02-03T04:05:06Z", NULL};
    o.annotations = timed;
    make(&k, src, 1, &o, &made);
    ck_assert_ptr_nonnull(strstr(made.descriptor_json, "2001-02-03T04:05:06Z"));
    tenon_image_made_release(&made);
    o.annotations = notes;

    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_lt(tenon_image_make(k.store, src, 1, &o, &made, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.message, "index annotations not supported"));
    static const char *const wrong[] = {"-nosuch.k=v", NULL};
    o.annotations = wrong;
    auto_error struct tenon_error err2 = TENON_ERROR_INIT;
    ck_assert_int_lt(tenon_image_make(k.store, src, 2, &o, &made, &err2), 0);
    kit_close(&k);
}
END_TEST

START_TEST(test_make_compression_and_base)
{
    if (geteuid() != 0)
        return; /* it sets owners */
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_chain struct tenon_chain chain = {0};
    static const char *const lines[] = {"f base text", NULL};
    int64_t id;
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    kit_tar(&tar, lines);
    struct tenon_snapshot_blob base = {.size = (int64_t)tar.len, .media_type = TENON_MT_DOCKER_LAYER};
    ck_assert_int_eq(tenon_blob_put(k.store, tar.data, tar.len, &base.digest, &err), 0);
    base.diff_id = base.digest;
    ck_assert_int_eq(kit_unpack(&k, lines, NULL, &id, &err), 0);
    ck_assert_int_eq(tenon_snapshot_set_blob(k.store, id, "base", &base, &err), 0);
    tenon_chain_append(&chain, id);
    tenon_chain_append(&chain, layer(&k, "b", &chain));
    struct tenon_image_source src = {.platform = "linux/amd64", .chain = chain};
    struct tenon_image_options o = {.level = -1, .compression = "zstd"};
    struct tenon_image_made made = {0};
    make(&k, &src, 1, &o, &made);
    auto_json struct json_object *m = read_json(&k, made.digest);
    struct json_object *l = json_object_object_get(m, "layers");
    ck_assert_str_eq(str(json_object_array_get_idx(l, 0), "digest"), base.digest.str);
    ck_assert_str_eq(str(json_object_array_get_idx(l, 0), "mediaType"), TENON_MT_OCI_LAYER);
    ck_assert_str_eq(str(json_object_array_get_idx(l, 1), "mediaType"), TENON_MT_OCI_LAYER "+zstd");
    tenon_image_made_release(&made);

    /* forced: recompressed, the same tar inside */
    o = (struct tenon_image_options){.level = -1, .compression = "gzip", .force_compression = true,
                                     .docker_mediatypes = true};
    make(&k, &src, 1, &o, &made);
    ck_assert_str_eq(made.media_type, TENON_MT_DOCKER_MANIFEST);
    auto_json struct json_object *m2 = read_json(&k, made.digest);
    auto_json struct json_object *c2 = read_json(&k, made.config_digest);
    l = json_object_object_get(m2, "layers");
    ck_assert_str_eq(str(json_object_array_get_idx(l, 0), "mediaType"), TENON_MT_DOCKER_LAYER ".gzip");
    ck_assert_str_ne(str(json_object_array_get_idx(l, 0), "digest"), base.digest.str);
    struct json_object *ids = json_object_object_get(json_object_object_get(c2, "rootfs"), "diff_ids");
    ck_assert_str_eq(json_object_get_string(json_object_array_get_idx(ids, 0)), base.diff_id.str);
    tenon_image_made_release(&made);

    o.compression = "lzma";
    auto_error struct tenon_error err2 = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_image_make(k.store, &src, 1, &o, &made, &err2), TENON_E_UNSUPPORTED);
    kit_close(&k);
}
END_TEST

/* One store, one snapshot: each way of compressing it has a layer of its own,
 * and what another encoder left there is none of them. */
START_TEST(test_make_variants)
{
    static const struct {
        const char *compression;
        int level;
        bool rewrite;
        const char *media_type;
    } ways[] = {
        {"gzip", -1, false, TENON_MT_OCI_LAYER "+gzip"},
        {"gzip", 0, false, TENON_MT_OCI_LAYER "+gzip"},
        {"gzip", -1, true, TENON_MT_OCI_LAYER "+gzip"},
        {"zstd", -1, false, TENON_MT_DOCKER_LAYER ".zstd"},
        {"zstd", -1, true, TENON_MT_DOCKER_LAYER ".zstd"},
        {"uncompressed", -1, false, TENON_MT_OCI_LAYER},
    };
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_chain struct tenon_chain chain = {0};
    tenon_chain_append(&chain, layer(&k, "a", &chain));
    tenon_chain_append(&chain, layer(&k, "b", &chain));
    struct tenon_snapshot_blob old = {.size = 3, .media_type = TENON_MT_OCI_LAYER "+gzip"};
    ck_assert_int_eq(tenon_blob_put(k.store, "old", 3, &old.digest, &err), 0);
    old.diff_id = old.digest;
    static const char *const others[] = {"gzip", "gzip-0", "gzip~0", "zstd", "zstd~1.0.0"};
    for (size_t i = 0; i < tenon_countof(others); i++)
        ck_assert_int_eq(tenon_snapshot_set_blob(k.store, chain.ids[0], others[i], &old, &err), 0);

    char seen[tenon_countof(ways)][80];
    for (size_t w = 0; w < tenon_countof(ways); w++) {
        struct tenon_image_source src = {.platform = "linux/amd64", .chain = chain};
        struct tenon_image_options o = {
            .level = ways[w].level, .compression = ways[w].compression,
            .has_epoch = ways[w].rewrite, .epoch = 1000000000, .rewrite_timestamp = ways[w].rewrite,
            .docker_mediatypes = tenon_has_suffix(ways[w].media_type, ".zstd"),
        };
        struct tenon_image_made made = {0};
        make(&k, &src, 1, &o, &made);
        check_manifest(&k, made.digest);
        ck_assert_str_eq(made.media_type, o.docker_mediatypes ? TENON_MT_DOCKER_MANIFEST
                                                             : TENON_MT_OCI_MANIFEST);
        auto_json struct json_object *m = read_json(&k, made.digest);
        struct json_object *l =
            json_object_array_get_idx(json_object_object_get(m, "layers"), 0);
        ck_assert_str_eq(str(l, "mediaType"), ways[w].media_type);
        struct json_object *notes = json_object_object_get(l, "annotations");
        if (ways[w].rewrite && !o.docker_mediatypes)
            ck_assert_str_eq(str(notes, "buildkit/rewritten-timestamp"), "1000000000");
        else
            ck_assert_ptr_null(notes);
        snprintf(seen[w], sizeof seen[w], "%s", str(l, "digest"));
        ck_assert_str_ne(seen[w], old.digest.str);
        for (size_t before = 0; before < w; before++)
            ck_assert_msg(strcmp(seen[before], seen[w]) != 0, "%zu is as %zu", w, before);
        tenon_image_made_release(&made);
    }
    kit_close(&k);
}
END_TEST

static int
collect(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    (void)err;
    tenon_buf_addf(data, "%c", tenon_media_is_index(d->media_type)      ? 'I'
                               : tenon_media_is_manifest(d->media_type) ? 'M'
                               : strstr(d->media_type, "config")        ? 'c'
                                                                        : 'l');
    return 0;
}

START_TEST(test_walk_children_first)
{
    struct kit k;
    kit_open(&k);
    auto_chain struct tenon_chain chain = {0};
    tenon_chain_append(&chain, layer(&k, "a", &chain));
    struct tenon_image_source src[2] = {{.platform = "linux/amd64", .chain = chain},
                                        {.platform = "linux/arm64", .chain = chain}};
    struct tenon_image_options o = {.level = -1};
    struct tenon_image_made made = {0};
    make(&k, src, 2, &o, &made);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf seen = TENON_BUF_INIT;
    ck_assert_int_eq(tenon_image_walk(k.store, made.digest, collect, &seen, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&seen), "lcMcMI"); /* the shared layer once */
    tenon_image_made_release(&made);
    kit_close(&k);
}
END_TEST

/* ---- attestations ----------------------------------------------------------------- */

struct attested {
    const struct tenon_image_statement *list;
    size_t count, calls;
    char manifest[100], platform[200];
};

static int
attest(void *data, size_t i, const struct tenon_platform *platform, const char *manifest,
       const struct tenon_image_statement **out, size_t *count, struct tenon_error *err)
{
    struct attested *a = data;
    (void)err;
    ck_assert_uint_eq(i, a->calls++);
    snprintf(a->manifest, sizeof a->manifest, "%s", manifest);
    tenon_platform_format(platform, a->platform);
    *out = a->list;
    *count = a->count;
    return 0;
}

/* One that is attested is an index of two: the image, and what is said about it. */
START_TEST(test_make_attestations)
{
    static char path[] = "p.json", type[] = "https://example.org/<t>", text[] = "{\"a\":1}";
    static const struct tenon_image_statement statements[] = {
        {path, type, text, sizeof text - 1, false},
        {path, type, text, sizeof text - 1, false}};
    const bool as_images = _i == 1;
    struct kit k;
    kit_open(&k);
    auto_chain struct tenon_chain chain = {0};
    tenon_chain_append(&chain, layer(&k, "a", &chain));
    struct attested a = {.list = statements, .count = 2};
    const struct tenon_image_source src = {.platform = "linux/arm64", .chain = chain,
                                           .attested = true};
    struct tenon_image_options o = {.level = -1, .attest = attest, .attest_data = &a,
                                    .attestations_as_images = as_images};
    struct tenon_image_made made = {0};
    make(&k, &src, 1, &o, &made);
    ck_assert(made.is_index);
    ck_assert_uint_eq(a.calls, 1);
    ck_assert_str_eq(a.platform, "linux/arm64");

    auto_json struct json_object *index = read_json(&k, made.digest);
    struct json_object *list = json_object_object_get(index, "manifests");
    ck_assert_uint_eq(json_object_array_length(list), 2);
    struct json_object *image = json_object_array_get_idx(list, 0);
    struct json_object *proof = json_object_array_get_idx(list, 1);
    ck_assert_str_eq(str(image, "digest"), a.manifest);
    check_descriptor(&k, proof);
    struct json_object *notes = json_object_object_get(proof, "annotations");
    ck_assert_str_eq(str(notes, "vnd.docker.reference.digest"), a.manifest);
    ck_assert_str_eq(str(notes, "vnd.docker.reference.type"), "attestation-manifest");
    ck_assert_str_eq(str(proof, "platform"),
                     "{ \"architecture\": \"unknown\", \"os\": \"unknown\" }");

    auto_json struct json_object *m = read_json(&k, str(proof, "digest"));
    struct json_object *config = json_object_object_get(m, "config");
    check_descriptor(&k, config);
    struct json_object *layers = json_object_object_get(m, "layers");
    ck_assert_uint_eq(json_object_array_length(layers), 2);
    struct json_object *one = json_object_array_get_idx(layers, 0);
    check_descriptor(&k, one);
    ck_assert_str_eq(str(one, "mediaType"), "application/vnd.in-toto+json");
    ck_assert_str_eq(str(json_object_object_get(one, "annotations"), "in-toto.io/predicate-type"),
                     type);
    if (as_images) {
        ck_assert(!json_object_object_get_ex(m, "subject", NULL));
        auto_json struct json_object *c = read_json(&k, str(config, "digest"));
        ck_assert_str_eq(str(c, "os"), "unknown");
        struct json_object *ids = NULL;
        json_object_object_get_ex(json_object_object_get(c, "rootfs"), "diff_ids", &ids);
        ck_assert_uint_eq(json_object_array_length(ids), 2);
        ck_assert_str_eq(json_object_get_string(json_object_array_get_idx(ids, 1)),
                         str(one, "digest"));
    } else {
        ck_assert_str_eq(str(m, "artifactType"),
                         "application/vnd.docker.attestation.manifest.v1+json");
        ck_assert_str_eq(str(config, "mediaType"), "application/vnd.oci.empty.v1+json");
        ck_assert_str_eq(str(json_object_object_get(m, "subject"), "digest"), a.manifest);
    }
    tenon_image_made_release(&made);

    /* Docker's media types have no place for it */
    o.docker_mediatypes = true;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_image_make(k.store, &src, 1, &o, &made, &err), TENON_E_INVALID);
    ck_assert_str_eq(err.message, "cannot export attestations with \"oci-mediatypes=false\"");
    kit_close(&k);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("image-make");
    TCase *t = tcase_create("make");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_make_aligns_history);
    tcase_add_test(t, test_make_adds_missing_history);
    tcase_add_test(t, test_make_empty_image);
    tcase_add_test(t, test_make_epoch);
    tcase_add_test(t, test_make_index_and_annotations);
    tcase_add_test(t, test_make_compression_and_base);
    tcase_add_test(t, test_make_variants);
    tcase_add_test(t, test_walk_children_first);
    tcase_add_loop_test(t, test_make_attestations, 0, 2);
    suite_add_tcase(s, t);
    return unit_run(s);
}
