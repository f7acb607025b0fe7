/* image/chainblobs.c - the blobs of a chain: those that images came with, those made
 * before, and new ones. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/alloc.h"
#include "image/assemble.h"
#include "image/diff.h"
#include "image/layer.h"
#include "image/nondist.h"
#include "image/pieces.h"
#include "image/stream.h"

TENON_DEFINE_AUTO(lock, struct tenon_lock *, tenon_lock_release);
#define auto_lock __attribute__((cleanup(tenon_auto_lock)))

static void
blob_abort(struct tenon_blob_writer *w)
{
    if (w)
        tenon_blob_abort(w);
}
TENON_DEFINE_AUTO(writer, struct tenon_blob_writer *, blob_abort);
#define auto_writer __attribute__((cleanup(tenon_auto_writer)))

static const char *
wanted_compression(const struct tenon_image_options *o)
{
    return o->compression && *o->compression ? o->compression : "gzip";
}

static const char *
compression_of(const char *media_type)
{
    size_t len = strlen(media_type);
    if (tenon_has_suffix(media_type, "gzip"))
        return "gzip";
    if (tenon_has_suffix(media_type, "zstd"))
        return "zstd";
    return len > 4 && tenon_has_suffix(media_type, ".tar") ? "uncompressed" : "";
}

/* The same layer in the other family of media types. */
static void
set_family(struct tenon_snapshot_blob *b, bool docker)
{
    const char *c = compression_of(b->media_type);
    if (!*c)
        return; /* encrypted or foreign: not ours to rename */
    bool plain = tenon_streq(c, "uncompressed");
    snprintf(b->media_type, sizeof b->media_type, "%s%s%s",
             docker ? TENON_MT_DOCKER_LAYER : TENON_MT_OCI_LAYER,
             plain ? "" : docker ? "." : "+", plain ? "" : c);
}

/* What was asked for and what makes it, as the store knows it: "gzip~1",
 * "zstd-3~1.5.4", "gzip~1+epoch=1500000000". */
static char *
variant_name(const struct tenon_image_options *o, bool rewrite)
{
    struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_adds(&b, wanted_compression(o));
    if (o->level >= 0)
        tenon_buf_addf(&b, "-%d", o->level);
    tenon_buf_addf(&b, "~%s", tenon_deflate_maker(wanted_compression(o)));
    if (tenon_streq(wanted_compression(o), "zstd:chunked"))
        tenon_buf_adds(&b, "+split"); /* once they had a table alone */
    if (rewrite)
        tenon_buf_addf(&b, "+epoch=%" PRId64, o->epoch);
    return tenon_buf_steal(&b);
}

/* The variant of a layer that is right on this chain only. */
static char *
on_chain(const char *variant, const struct tenon_chain *lower)
{
    struct tenon_digest d;
    tenon_digest_of(lower->ids, lower->len * sizeof *lower->ids, &d);
    return tenon_asprintf("%s@%.16s", variant, tenon_digest_hex(&d));
}

static bool
known(struct tenon_store *s, int64_t id, const char *variant,
      struct tenon_snapshot_blob *out)
{
    return tenon_snapshot_get_blob(s, id, variant, out) &&
           tenon_blob_exists(s, out->digest.str, NULL);
}

static int
to_blob(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    return tenon_blob_write(data, buf, len, err);
}

/* The same tar in another compression: its diff id stays. */
static int
recompress(struct tenon_store *s, const struct tenon_snapshot_blob *from,
           const struct tenon_image_options *o, struct tenon_snapshot_blob *out,
           struct tenon_error *err)
{
    auto_close int fd = tenon_blob_open(s, from->digest.str, NULL, err);
    if (fd < 0)
        return fd;
    struct tenon_blob_writer *blob = NULL;
    if (tenon_blob_writer_new(s, &blob, err) < 0)
        return err->code;
    auto_writer struct tenon_blob_writer *guard = blob;
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, tenon_store_limits(s));
    auto_deflate struct tenon_deflate *deflate = NULL;
    if (tenon_deflate_new(wanted_compression(o), o->level, to_blob, blob, &deflate,
                          err) < 0)
        return err->code;
    const void *data;
    int64_t n;
    while ((n = tenon_inflate_read(in, &data, err)) > 0)
        if (tenon_deflate_write(deflate, data, (size_t)n, err) < 0 ||
            tenon_cancel_check(o->cancel, err) < 0)
            return err->code;
    if (n < 0)
        return (int)n;
    struct tenon_snapshot_blob made = {0};
    if (tenon_deflate_finish(deflate, &made.diff_id, err) < 0)
        return err->code;
    made.size = (int64_t)tenon_blob_written(blob);
    if (tenon_blob_commit(tenon_steal(&guard), NULL, -1, &made.digest, err) < 0)
        return err->code;
    snprintf(made.media_type, sizeof made.media_type, "%s%s", TENON_MT_OCI_LAYER,
             tenon_layer_suffix(wanted_compression(o)));
    *out = made;
    return 0;
}

/* An ordinary one is what its media type says; one in pieces says so at its end, and is an ordinary
 * one, too. */
static int
is_as_wanted(struct tenon_store *s, const struct tenon_snapshot_blob *base,
             const struct tenon_image_options *o, bool *out, struct tenon_error *err)
{
    const char *wanted = wanted_compression(o);
    *out = tenon_streq(compression_of(base->media_type), wanted);
    if (*out || !tenon_is_in_pieces(wanted))
        return 0;
    auto_close int fd = tenon_blob_open(s, base->digest.str, NULL, err);
    if (fd < 0)
        return fd;
    const char *method = tenon_pieces_method(fd);
    *out = method && tenon_streq(method, wanted);
    return 0;
}

/* Its annotations, where it is in pieces: also of a base's layer, which came with them. */
static int
find_notes(struct tenon_store *s, int64_t id, struct tenon_image_layer *l,
           struct tenon_cancel *cancel, struct tenon_error *err)
{
    struct tenon_snapshot_blob base;
    const bool is_base = tenon_snapshot_get_base(s, id, &base) &&
                         tenon_streq(base.digest.str, l->blob.digest.str);
    const struct tenon_pieces_reader how = { tenon_store_limits(s), cancel, !is_base };
    auto_close int fd = tenon_blob_open(s, l->blob.digest.str, NULL, err);
    if (fd < 0 || tenon_pieces_notes(fd, &how, &l->notes, err) < 0)
        return tenon_error_context(err, "layer %s", l->blob.digest.str);
    return 0;
}

/* A published layer in pieces has a table in its tar, which another table cannot stand beside. */
static int
refused(const struct tenon_snapshot_blob *base, const struct tenon_image_options *o,
        struct tenon_error *err)
{
    if (err->code == TENON_E_UNSUPPORTED && tenon_is_in_pieces(wanted_compression(o)))
        tenon_error_hint(err, "it is a layer of the base, which stays as it is without "
                         "force-compression=true; compression=%s takes it with it",
                         tenon_streq(wanted_compression(o), "estargz") ? "gzip" : "zstd");
    return tenon_error_context(err, "layer %s", base->digest.str);
}

/* A base's layers keep the times of its maker: only our own are rewritten. */
static bool
is_rewriting(const struct tenon_image_options *o)
{
    return o->rewrite_timestamp && o->has_epoch;
}

/* Says so, as BuildKit does. */
static void
note_rewriting(struct tenon_store *s, int64_t id, const struct tenon_image_options *o,
               struct tenon_image_layer *l)
{
    struct tenon_snapshot_blob base;

    if (!is_rewriting(o) || tenon_snapshot_get_base(s, id, &base))
        return;
    if (!l->notes)
        l->notes = json_object_new_object();
    auto_free char *epoch = tenon_asprintf("%" PRId64, o->epoch);
    json_object_object_add(l->notes, "buildkit/rewritten-timestamp",
                           json_object_new_string(epoch));
}

/* A base's layer that came with URLs, as it came; not one that came without them, too. */
static void
keep_urls(struct tenon_store *s, int64_t id, struct tenon_image_layer *l)
{
    struct tenon_snapshot_blob base;

    if (!tenon_snapshot_get_base(s, id, &base) ||
        !tenon_streq(base.digest.str, l->blob.digest.str) ||
        tenon_layer_is_ordinary(s, base.digest.str))
        return;
    l->urls = tenon_layer_urls(s, base.digest.str);
    if (l->urls)
        tenon_media_to_nondist(l->blob.media_type, sizeof l->blob.media_type);
}

static int
make_layer(struct tenon_store *s, int64_t id, const struct tenon_chain *lower,
           const struct tenon_image_options *o, struct tenon_snapshot_blob *out,
           struct tenon_error *err)
{
    struct tenon_snapshot_blob base;
    bool pulled = tenon_snapshot_get_base(s, id, &base);
    bool is_base = pulled && tenon_blob_exists(s, base.digest.str, NULL);
    bool keep = is_base;
    if (is_base && o->force_compression && is_as_wanted(s, &base, o, &keep, err) < 0)
        return err->code;
    if (keep) {
        *out = base;
        return 0;
    }
    bool rewrite = !pulled && is_rewriting(o);
    auto_free char *variant = variant_name(o, rewrite);
    auto_free char *here = on_chain(variant, lower);
    if (known(s, id, variant, out) || known(s, id, here, out))
        return 0;

    /* Of two who want it at once, as an export and what is sent ahead of another, one makes it. */
    auto_free char *name = tenon_asprintf("layer-%" PRId64 "-%s", id, variant);
    auto_lock struct tenon_lock *lock = NULL;
    if (tenon_lock_acquire(s, name, false, tenon_cancel_fd(o->cancel), NULL, &lock, err) < 0)
        return err->code;
    if (known(s, id, variant, out) || known(s, id, here, out))
        return 0;

    bool depends = false;
    if (is_base) {
        if (recompress(s, &base, o, out, err) < 0)
            return refused(&base, o, err);
    } else {
        struct tenon_layer_write_options w = {
            .compression = wanted_compression(o),
            .level = o->level,
            .has_epoch = rewrite,
            .epoch = o->epoch,
            .cancel = o->cancel,
        };
        if (tenon_layer_write(s, id, lower, &w, out, &depends, err) < 0)
            return err->code;
    }
    return tenon_snapshot_set_blob(s, id, depends ? here : variant, out, err);
}

/* Snapshots are made once and never changed: their directory has the time. */
static int64_t
created_at(struct tenon_store *s, int64_t id)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "snapshots/%" PRId64, id);
    if (fstatat(tenon_store_fd(s), path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

int
tenon_image_layers(struct tenon_store *s, const struct tenon_chain *chain,
                   const struct tenon_image_options *o,
                   struct tenon_image_layer **out, struct tenon_error *err)
{
    struct tenon_image_layer *list = tenon_calloc(chain->len + 1, sizeof *list);
    for (size_t i = 0; i < chain->len; i++) {
        struct tenon_chain lower = {chain->ids, i};
        if (tenon_cancel_check(o->cancel, err) < 0 ||
            make_layer(s, chain->ids[i], &lower, o, &list[i].blob, err) < 0 ||
            (!o->docker_mediatypes && find_notes(s, chain->ids[i], &list[i], o->cancel, err) < 0)) {
            tenon_image_layers_free(list, i + 1);
            return tenon_error_context(err, "exporting layers");
        }
        if (!o->docker_mediatypes)
            note_rewriting(s, chain->ids[i], o, &list[i]);
        set_family(&list[i].blob, o->docker_mediatypes);
        if (o->prefer_nondist)
            keep_urls(s, chain->ids[i], &list[i]);
        list[i].created_ns = created_at(s, chain->ids[i]);
    }
    *out = list;
    return 0;
}

void
tenon_image_layers_free(struct tenon_image_layer *list, size_t count)
{
    for (size_t i = 0; list && i < count; i++) {
        json_object_put(list[i].notes);
        json_object_put(list[i].urls);
    }
    free(list);
}

bool
tenon_image_layers_known(struct tenon_store *s, const struct tenon_chain *chain,
                         struct tenon_snapshot_blob *out)
{
    const struct tenon_image_options o = {.level = -1};
    auto_free char *variant = variant_name(&o, false);
    for (size_t i = 0; i < chain->len; i++) {
        const struct tenon_chain lower = {chain->ids, i};
        auto_free char *here = on_chain(variant, &lower);
        if (!known(s, chain->ids[i], TENON_BLOB_BASE, &out[i]) &&
            !known(s, chain->ids[i], TENON_BLOB_IMPORTED, &out[i]) &&
            !known(s, chain->ids[i], variant, &out[i]) &&
            !known(s, chain->ids[i], here, &out[i]))
            return false;
        set_family(&out[i], false);
    }
    return true;
}
