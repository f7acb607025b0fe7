/* cli/historyexport.c - records as `docker buildx history export` writes them: an OCI layout in a
 * gzip'ed tar; a record is a manifest, of several there is an index. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "history.h"
#include "historyparts.h"
#include "image/image.h"
#include "image/stream.h"
#include "image/tar.h"
#include "tools/alloc.h"
#include "tools/vec.h"

#define RECORD_TYPE "application/vnd.buildkit.historyrecord.v0"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define REAL_TYPE "vnd.export-build.descriptor.mediatype" /* of what is not to be walked into */

struct export {
    struct tenon_store *store;
    int fd;
    struct tenon_deflate *gzip;
    struct tenon_tar tar;
    char platform[200]; /* this machine's */
    char **written; /* digests that the tar has */
};

/* ---- the archive --------------------------------------------------------- */

static int
put_fd(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    const struct export *x = data;

    return tenon_write_all(x->fd, buf, len, err);
}

static int
put_gzip(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    const struct export *x = data;

    return tenon_deflate_write(x->gzip, buf, len, err);
}

static int
put_entry(struct export *x, char type, const char *name, const void *data, size_t len,
          struct tenon_error *err)
{
    const struct tenon_tar_entry e = {.type = type, .name = name, .size = len,
                                      .mode = type == TENON_TAR_DIR ? 0755 : 0644};

    if (tenon_tar_header(&x->tar, &e, err) < 0 || (len && put_gzip(x, data, len, err) < 0))
        return err->code;
    return type == TENON_TAR_DIR ? TENON_OK : tenon_tar_pad(&x->tar, len, err);
}

/* Each once. */
static int
put_blob(struct export *x, const struct tenon_digest *d, const void *data, size_t len,
         struct tenon_error *err)
{
    auto_free char *name = tenon_asprintf("blobs/sha256/%s", tenon_digest_hex(d));

    for (char **w = x->written; w && *w; w++)
        if (!strcmp(*w, d->str))
            return TENON_OK;
    tenon_strv_push(&x->written, tenon_strdup(d->str));
    return put_entry(x, TENON_TAR_FILE, name, data, len, err);
}

/* ---- descriptors --------------------------------------------------------- */

static struct json_object *
descriptor(const char *type, const char *digest, size_t size)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, "mediaType", json_object_new_string(type));
    json_object_object_add(o, "digest", json_object_new_string(digest));
    json_object_object_add(o, "size", json_object_new_int64((int64_t)size));
    return o;
}

static void
annotate(struct json_object *o, const char *key, const char *value)
{
    struct json_object *all = NULL;

    if (!json_object_object_get_ex(o, "annotations", &all)) {
        all = json_object_new_object();
        json_object_object_add(o, "annotations", all);
    }
    json_object_object_add(all, key, json_object_new_string(value));
}

/* A document of ours; its descriptor, or NULL: see err. */
static struct json_object *
put_document(struct export *x, const char *type, struct json_object *o, struct tenon_error *err)
{
    const char *text = json_object_to_json_string_ext(
        o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    struct tenon_digest d;

    tenon_digest_of(text, strlen(text), &d);
    return put_blob(x, &d, text, strlen(text), err) < 0
               ? NULL : descriptor(type, d.str, strlen(text));
}

/* A content of the record becomes a layer; one that is not there is an error. */
static int
put_content(struct export *x, const struct ctl_record *r, const struct ctl_descriptor *d,
            bool is_result, struct json_object *layers, struct tenon_error *err)
{
    const struct ctl_pair *pairs = d ? d->annotations.items : NULL;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct tenon_digest got;

    if (!d)
        return TENON_OK;
    auto_close int fd = records_open(x->store, r, d, err);
    if (fd < 0 || tenon_read_all(fd, (size_t)d->size, &bytes, err) < 0)
        return err->code;
    tenon_digest_of(bytes.data, bytes.len, &got);
    if (strcmp(got.str, d->digest))
        return tenon_error_set(err, TENON_E_CORRUPT, "record of build %s: content %s is not that",
                               r->ref, d->digest);
    if (put_blob(x, &got, bytes.data, bytes.len, err) < 0)
        return err->code;
    struct json_object *o =
        descriptor(is_result ? "application/json" : d->media_type, d->digest, bytes.len);
    for (size_t i = 0; i < d->annotations.len; i++)
        annotate(o, pairs[i].key, pairs[i].value);
    if (is_result)
        annotate(o, REAL_TYPE, d->media_type);
    json_object_array_add(layers, o);
    return TENON_OK;
}

static int
put_outcome(struct export *x, const struct ctl_record *r, const struct ctl_outcome *o,
            struct json_object *layers, struct tenon_error *err)
{
    const struct ctl_descriptor *attested = o ? o->attestations.items : NULL;
    const struct ctl_numbered *results = o ? o->results.items : NULL;

    for (size_t i = 0; o && i < o->attestations.len; i++)
        if (put_content(x, r, &attested[i], false, layers, err) < 0)
            return err->code;
    for (size_t i = 0; o && i < o->results.len; i++)
        if (put_content(x, r, results[i].value, true, layers, err) < 0)
            return err->code;
    return TENON_OK;
}

/* ---- a record as JSON: BuildHistoryRecord as Go writes it ----------------- */

static void
add_text(struct json_object *o, const char *key, const char *value)
{
    if (value && *value)
        json_object_object_add(o, key, json_object_new_string(value));
}

static void
add_number(struct json_object *o, const char *key, int64_t value)
{
    if (value)
        json_object_object_add(o, key, json_object_new_int64(value));
}

static void
add_pairs(struct json_object *o, const char *key, struct message_list list)
{
    const struct ctl_pair *p = list.items;
    struct json_object *all = list.len ? json_object_new_object() : NULL;

    for (size_t i = 0; i < list.len; i++)
        json_object_object_add(all, p[i].key, json_object_new_string(p[i].value));
    if (all)
        json_object_object_add(o, key, all);
}

static void
add_time(struct json_object *o, const char *key, const struct ctl_time *t)
{
    struct json_object *time = t ? json_object_new_object() : NULL;

    if (!t)
        return;
    add_number(time, "seconds", t->seconds);
    add_number(time, "nanos", t->nanoseconds);
    json_object_object_add(o, key, time);
}

static struct json_object *
described(const struct ctl_descriptor *d)
{
    struct json_object *o = json_object_new_object();

    add_text(o, "media_type", d->media_type);
    add_text(o, "digest", d->digest);
    add_number(o, "size", d->size);
    add_pairs(o, "annotations", d->annotations);
    return o;
}

static void
add_descriptor(struct json_object *o, const char *key, const struct ctl_descriptor *d)
{
    if (d)
        json_object_object_add(o, key, described(d));
}

static struct json_object *
outcome(const struct ctl_outcome *from)
{
    const struct ctl_descriptor *attested = from->attestations.items;
    const struct ctl_numbered *results = from->results.items;
    struct json_object *o = json_object_new_object();

    add_descriptor(o, "ResultDeprecated", from->first);
    if (from->attestations.len) {
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < from->attestations.len; i++)
            json_object_array_add(list, described(&attested[i]));
        json_object_object_add(o, "Attestations", list);
    }
    if (from->results.len) {
        struct json_object *all = json_object_new_object();
        for (size_t i = 0; i < from->results.len; i++) {
            auto_free char *number = tenon_asprintf("%lld", (long long)results[i].number);
            add_descriptor(all, number, results[i].value);
        }
        json_object_object_add(o, "Results", all);
    }
    return o;
}

static struct json_object *
failure(const struct ctl_failure *f)
{
    struct json_object *o = json_object_new_object();

    add_number(o, "code", f->code);
    add_text(o, "message", f->message);
    return o;
}

static struct json_object *
record_json(const struct ctl_record *r, const char *platform)
{
    const struct ctl_typed *exporters = r->exporters.items;
    const struct ctl_platform_outcome *outcomes = r->outcomes.items;
    struct json_object *o = json_object_new_object();
    struct json_object *list = r->exporters.len ? json_object_new_array() : NULL;

    add_text(o, "Ref", r->ref);
    add_text(o, "Frontend", r->frontend);
    add_pairs(o, "FrontendAttrs", r->options);
    if (list)
        json_object_object_add(o, "Exporters", list);
    for (size_t i = 0; i < r->exporters.len; i++) {
        struct json_object *one = json_object_new_object();
        add_text(one, "Type", exporters[i].type);
        add_pairs(one, "Attrs", exporters[i].attrs);
        json_object_array_add(list, one);
    }
    if (r->error)
        json_object_object_add(o, "error", failure(r->error));
    add_time(o, "CreatedAt", r->created);
    add_time(o, "CompletedAt", r->completed);
    add_descriptor(o, "logs", r->logs);
    add_pairs(o, "ExporterResponse", r->response);
    if (r->outcome)
        json_object_object_add(o, "Result", outcome(r->outcome));
    if (r->outcomes.len) {
        struct json_object *all = json_object_new_object();
        for (size_t i = 0; i < r->outcomes.len; i++)
            if (outcomes[i].value)
                json_object_object_add(all, outcomes[i].platform, outcome(outcomes[i].value));
        json_object_object_add(o, "Results", all);
    }
    add_number(o, "Generation", r->generation);
    add_descriptor(o, "trace", r->trace);
    if (r->pinned)
        json_object_object_add(o, "pinned", json_object_new_boolean(true));
    add_number(o, "numCachedSteps", r->cached);
    add_number(o, "numTotalSteps", r->total);
    add_number(o, "numCompletedSteps", r->finished);
    add_descriptor(o, "externalError", r->details);
    add_number(o, "numWarnings", r->warnings);
    json_object_object_add(o, "DefaultPlatform", json_object_new_string(platform));
    if (*r->context && !strstr(r->context, "://")) { /* what buildx knows of its own builds */
        struct json_object *state = json_object_new_object();
        add_text(state, "Target", "default");
        add_text(state, "LocalPath", r->context);
        json_object_object_add(state, "DockerfilePath", json_object_new_string(""));
        json_object_object_add(o, "localState", state);
    }
    return o;
}

/* ---- all ----------------------------------------------------------------- */

static struct json_object *
document(const char *type)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, "schemaVersion", json_object_new_int(2));
    json_object_object_add(o, "mediaType", json_object_new_string(type));
    return o;
}

/* The descriptor of its manifest, or NULL. */
static struct json_object *
put_record(struct export *x, const struct ctl_record *r, struct tenon_error *err)
{
    const struct ctl_platform_outcome *outcomes = r->outcomes.items;
    auto_json struct json_object *json = record_json(r, x->platform);
    auto_json struct json_object *manifest = document(MANIFEST_TYPE);
    struct json_object *layers = json_object_new_array();
    struct json_object *config = put_document(x, RECORD_TYPE, json, err);

    json_object_object_add(manifest, "config", config);
    json_object_object_add(manifest, "layers", layers);
    if (!config || put_content(x, r, r->logs, false, layers, err) < 0 ||
        put_outcome(x, r, r->outcome, layers, err) < 0 ||
        put_content(x, r, r->details, false, layers, err) < 0)
        return NULL;
    for (size_t i = 0; i < r->outcomes.len; i++)
        if (put_outcome(x, r, outcomes[i].value, layers, err) < 0)
            return NULL;
    return put_document(x, MANIFEST_TYPE, manifest, err);
}

static int
put_all(struct export *x, const struct ctl_record *const *records, size_t count,
        struct tenon_error *err)
{
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    auto_json struct json_object *several = document(INDEX_TYPE), *index = document(INDEX_TYPE);
    struct json_object *list = json_object_new_array(), *top = json_object_new_array();

    json_object_object_add(several, "manifests", list);
    json_object_object_add(index, "manifests", top);
    if (put_entry(x, TENON_TAR_DIR, "blobs/", NULL, 0, err) < 0 ||
        put_entry(x, TENON_TAR_DIR, "blobs/sha256/", NULL, 0, err) < 0)
        return err->code;
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = put_record(x, records[i], err);
        if (!one)
            return err->code;
        if (count > 1)
            annotate(one, "vnd.buildkit.history.reference", records[i]->ref);
        json_object_array_add(count > 1 ? list : top, one);
    }
    if (count > 1) {
        struct json_object *one = put_document(x, INDEX_TYPE, several, err);
        if (!one)
            return err->code;
        json_object_array_add(top, one);
    }
    const char *text = json_object_to_json_string_ext(
        index, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (put_entry(x, TENON_TAR_FILE, "index.json", text, strlen(text), err) < 0 ||
        put_entry(x, TENON_TAR_FILE, "oci-layout", layout, strlen(layout), err) < 0)
        return err->code;
    return tenon_tar_end(&x->tar, err);
}

int
history_export(struct tenon_store *s, const struct ctl_record *const *records, size_t count,
               int fd, struct tenon_error *err)
{
    struct export x = {.store = s, .fd = fd};
    struct tenon_platform host;
    struct tenon_digest raw;

    tenon_platform_host(&host);
    tenon_platform_format(&host, x.platform);
    x.tar = (struct tenon_tar){put_gzip, &x};
    if (tenon_deflate_new("gzip", -1, put_fd, &x, &x.gzip, err) == 0 &&
        put_all(&x, records, count, err) == 0)
        tenon_deflate_finish(x.gzip, &raw, err);
    tenon_deflate_free(x.gzip);
    tenon_strv_free(x.written);
    return err->code;
}
