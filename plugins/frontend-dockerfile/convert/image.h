/* convert/image.h - an image's configuration as a value that instructions change.
 *
 * It holds what Docker's image specification knows; what else a base image
 * says is dropped, as BuildKit does.  Memory is the arena's.  Lists change in
 * place: a stage built on another one works on df_image_clone(), which shares the
 * environment until one of both changes what is in it. */
#ifndef DF_IMAGE_H
#define DF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index.h"
#include "language/instructions.h"
#include "language/language.h"
#include "platform.h"
#include "tools/buf.h"

/* An entry; what lies below is shared with the stages it comes from. */
struct df_history {
    const struct df_history *before;
    const char *created; /* RFC 3339, or NULL */
    const char *created_by, *author, *comment; /* "" when absent */
    bool empty_layer;
};

struct df_health {
    struct df_list test;
    int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
    int64_t retries;
};

struct df_label {
    const char *key, *value;
};

struct df_image {
    const char *created; /* of a base image; NULL once it is being built on */
    const char *author;
    struct df_platform platform;
    struct df_list os_features;
    /* config */
    const char *user, *working_dir, *stop_signal;
    struct df_list ports, volumes; /* sets; in any order, and with doubles */
    struct df_index env_index; /* of the first env_indexed of env */
    size_t env_indexed, env_sets;
    struct df_tail *env_tail; /* of env; NULL: it is nobody else's */
    struct df_list env, entrypoint, cmd, onbuild, shell;
    struct df_label *labels; /* sorted by key */
    size_t labels_len, labels_cap;
    const struct df_health *health;
    bool args_escaped;
    /* rootfs */
    const char *rootfs_type;
    struct df_list diff_ids;
    const struct df_history *history; /* the last entry */
    size_t history_len;
};

#define DF_DEFAULT_PATH \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What "FROM scratch" starts from. */
void df_image_empty(struct df_arena *a, const struct df_platform *p,
                    struct df_image *out);
void df_image_clone(struct df_arena *a, const struct df_image *src,
                    struct df_image *out);
/* False with *message when it is not an image config. */
bool df_image_parse(struct df_arena *a, const void *json, size_t len,
                    struct df_image *out, const char **message);
/* As Go's encoder writes the structure. */
void df_image_write(const struct df_image *img, struct tenon_buf *out);

/* The value of an environment variable of the image, or NULL. */
const char *df_image_env(const struct df_image *img, const char *key);
/* Replace in place (by key), else append. */
void df_image_set_env(struct df_arena *a, struct df_image *img,
                      const char *key, const char *value);
void df_image_set_label(struct df_arena *a, struct df_image *img,
                        const char *key, const char *value);
/* created NULL: left to the exporter. */
void df_image_commit(struct df_arena *a, struct df_image *img,
                     const char *created_by, bool layer, const char *created);

#endif
