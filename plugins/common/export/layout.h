/* common/export/layout.h - an image as an OCI image layout (image-spec image-layout.md),
 * as one tar stream or as a directory. */
#ifndef TENON_COMMON_EXPORT_LAYOUT_H
#define TENON_COMMON_EXPORT_LAYOUT_H

#include <stdbool.h>
#include <tenon-plugin.h>

struct export_layout {
    const struct tenon_host *host;
    struct tenon_ctx *ctx;
    const struct tenon_image *image;
    const char *const *names; /* normalised; one entry of index.json each */
    /* Of a directory, instead of names: the one entry has this tag, and others
     * that index.json has under other tags stay. */
    const char *tag;
    bool has_links; /* blobs are links to those of the store, where that can be */
    /* A further file beside index.json (docker's manifest.json), or NULL. */
    const char *extra_name;
    const void *extra;
    size_t extra_len;
};

/* Files that are there already under their digest are left alone; index.json
 * comes last. */
int export_layout_dir(const struct export_layout *l, int dirfd,
                         struct tenon_error *err);

/* What exporters of layouts do with dest and tar: one archive through a sink (dest NULL: the
 * container engine's), or a directory.  Tells the caller what was made. */
int export_layout_export(const struct export_layout *l, struct tenon_result *r,
                            const char *dest, bool tar, struct tenon_error *err);
/* The same, before anything runs: names, and where it goes.  `type` is the exporter's
 * name; takes_engine: an archive without dest goes to the container engine. */
int export_layout_check(const struct tenon_host *host, struct tenon_ctx *ctx,
                           const struct tenon_values *options, const char *type,
                           bool takes_engine, struct tenon_error *err);

#endif
