/* tools/ociindex.h - the index of an OCI image layout (image-spec image-layout.md), as
 * parsed JSON from anywhere. */
#ifndef TENON_TOOLS_OCIINDEX_H
#define TENON_TOOLS_OCIINDEX_H

#include <json-c/json.h>
#include <stdbool.h>

/* The annotation that holds an entry's tag. */
#define TENON_OCI_REF_NAME "org.opencontainers.image.ref.name"
#define TENON_OCI_WHOLE_NAME "io.containerd.image.name"

/* "sha256:" and 64 lower-case hex digits. */
bool tenon_is_sha256(const char *digest);

/* What an entry is called, or NULL; it is the entry's. */
const char *tenon_oci_ref_name(struct json_object *entry);

/* Is it no image, but something about one: a signature, say?  Such have a kind of artifact, or
 * a name that is a digest, "sha256-HEX" and what may follow, as tags of registries do. */
bool tenon_oci_stands_beside(struct json_object *entry);

/* Does a name mean `tag`?  "v1" is meant by "docker.io/library/x:v1" too, unless something is
 * called just that. */
enum tenon_name_fit { TENON_NAME_OTHER, TENON_NAME_ENDS, TENON_NAME_SAME };
enum tenon_name_fit tenon_oci_name_fit(const char *name, const char *tag);

/* The digest of the first entry that fits best; a whole name, "x:v1", is told apart from others of
 * that tag where the entry has one.  any: a lone image needs no tag.  *is_one
 * (or NULL): no other digest fits as well.  NULL when there is none; it is the index's. */
const char *tenon_oci_index_find(struct json_object *index, const char *tag, bool any,
                                 bool *is_one);

#endif
