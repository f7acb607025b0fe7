/* image/layer.c - a snapshot as a blob, see layer.h. */
#include "image/layer.h"

#include <stdio.h>

#include "tools/alloc.h"
#include "image/diff.h"
#include "image/image.h"
#include "image/pieces.h"
#include "image/stream.h"
#include "image/tar.h"

static void
blob_abort(struct tenon_blob_writer *w)
{
    if (w)
        tenon_blob_abort(w);
}
TENON_DEFINE_AUTO(writer, struct tenon_blob_writer *, blob_abort);
#define auto_writer __attribute__((cleanup(tenon_auto_writer)))

struct output {
    struct tenon_blob_writer *blob;
    struct tenon_deflate *deflate;
    const struct tenon_layer_write_options *o;
    int64_t bytes; /* of tar */
};

static int
to_blob(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    return tenon_blob_write(data, buf, len, err);
}

static int
to_deflate(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    struct output *out = data;
    out->bytes += (int64_t)len;
    if (out->o->progress)
        out->o->progress(out->o->data, out->bytes);
    return tenon_deflate_write(out->deflate, buf, len, err);
}

int
tenon_layer_write(struct tenon_store *s, int64_t snapshot,
                      const struct tenon_chain *lower,
                      const struct tenon_layer_write_options *o,
                      struct tenon_snapshot_blob *out, bool *depends,
                      struct tenon_error *err)
{
    struct tenon_blob_writer *blob = NULL;
    if (tenon_blob_writer_new(s, &blob, err) < 0)
        return err->code;
    auto_writer struct tenon_blob_writer *guard = blob;
    auto_deflate struct tenon_deflate *deflate = NULL;
    if (tenon_deflate_new(o->compression, o->level, to_blob, blob, &deflate,
                          err) < 0)
        return err->code;
    struct output to = {.blob = blob, .deflate = deflate, .o = o};
    struct tenon_tar tar = {.write = to_deflate, .data = &to};
    struct tenon_diff diff = {
        .tar = &tar,
        .store = s,
        .snapshot = snapshot,
        .lower = lower,
        .bare = tenon_snapshot_is_bare(s, snapshot),
        .has_epoch = o->has_epoch,
        .epoch = o->epoch,
        .cancel = o->cancel,
    };
    struct tenon_snapshot_blob made = {0};
    if (tenon_diff_write(&diff, err) < 0 ||
        tenon_deflate_finish(deflate, &made.diff_id, err) < 0)
        return tenon_error_context(err, "write layer");
    made.size = (int64_t)tenon_blob_written(blob);
    if (tenon_blob_commit(tenon_steal(&guard), NULL, -1, &made.digest, err) < 0)
        return tenon_error_context(err, "write layer");
    snprintf(made.media_type, sizeof made.media_type, "%s%s", TENON_MT_OCI_LAYER,
             tenon_layer_suffix(o->compression));
    *out = made;
    if (depends)
        *depends = diff.depends;
    return 0;
}
