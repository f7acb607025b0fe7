/* common/oci-layout/oci-layout.h - reading an OCI layout, a directory of the user's
 * (image-spec image-layout.md).  Blobs are verified while they are copied into the
 * content store; nothing else of the directory is trusted or used. */
#ifndef TENON_COMMON_OCI_LAYOUT_H
#define TENON_COMMON_OCI_LAYOUT_H

#include <stdbool.h>
#include <tenon-plugin.h>

struct oci_layout {
    const struct tenon_host *host;
    struct tenon_ctx *ctx;
    int dirfd;
    const char *store; /* the user's session has the blobs, and no directory; or NULL */
    const char *what; /* starts the messages: "oci-layout \"x\"" */
};

/* By the name that the user's session has for it: host, ctx and what are set.  A session that has
 * no directories gives blobs, by client_open(ctx, "blob", "NAME@DIGEST"); without a digest it says
 * whether it does. */
int oci_layout_open(struct oci_layout *l, const char *name, struct tenon_error *err);
/* Have the blob in the content store. */
int oci_layout_blob(const struct oci_layout *l, const char *digest, struct tenon_error *err);
/* The same, and its bytes, a document's; they live until ctx ends. */
int oci_layout_read(const struct oci_layout *l, const char *digest, const void **data,
                   size_t *len, struct tenon_error *err);
/* The digest that index.json has for a tag; any: see tenon_oci_index_find. */
int oci_layout_tag(const struct oci_layout *l, const char *tag, bool any,
                  const char **digest, struct tenon_error *err);

#endif
