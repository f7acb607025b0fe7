/* convert/load.h - what comes from the client: the build file, the ignore file, the build
 * context; and the configs of images. */
#ifndef DF_LOAD_H
#define DF_LOAD_H

#include "vertex.h"

/* Find out what the context is, load the build file and register it. */
int df_load_build_file(struct df_build *b, struct tenon_error *err);
/* Lines of the ignore file; none for contexts that are not local. */
int df_load_ignore(struct df_build *b, const struct df_list **lines,
                   struct tenon_error *err);
/* The build context as a vertex whose paths may still grow. */
int df_load_context(struct df_plan *p, const struct df_paths *used,
                    const struct df_list *exclude, struct df_vertex **out,
                    struct tenon_error *err);
/* The lines of DIRECTORY/.dockerignore of a local source called `local`. */
int df_load_local_ignore(struct df_build *b, const char *local,
                         const char *hint, const char *name,
                         struct df_list *out, struct tenon_error *err);

/* ---- images.c ---- */

struct df_image_meta {
    const char *ref;    /* normalised and pinned: "host/repo:tag@sha256:..." */
    const char *digest; /* or NULL */
    const void *config;
    size_t config_len;
    const char *instead; /* what a policy has made of it, no image; then there is only: */
    struct df_pairs instead_attrs; /* those that the policy has added */
};
/* identifier "docker-image://..." or "oci-layout://...".  The same question
 * is asked once a request. */
int df_image_meta(struct df_build *b, const char *identifier,
                  const struct df_platform *platform, const char *log_name,
                  const struct df_pairs *attrs, struct df_image_meta *out,
                  struct tenon_error *err);
/* An error, where nothing but an image will do and a policy has made something else of it. */
int df_image_wanted(struct df_build *b, const char *identifier, const struct df_image_meta *meta,
                    struct tenon_error *err);
/* "docker.io/library/x:latest" from "x". */
const char *df_image_normal(struct df_build *b, const char *name,
                            struct tenon_error *err);
/* "x" from "docker.io/library/x:latest". */
const char *df_image_familiar(struct df_arena *a, const char *normal);

#endif
