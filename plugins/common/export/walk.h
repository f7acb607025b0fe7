/* common/export/walk.h - every entry of a finished root file system, parents first, names
 * sorted by bytes, never following a link. */
#ifndef TENON_COMMON_EXPORT_WALK_H
#define TENON_COMMON_EXPORT_WALK_H

#include <stdint.h>
#include <sys/stat.h>
#include <tenon-plugin.h>

struct export_entry {
    const char *path;   /* relative, "a/b" */
    const char *name;   /* last component */
    int dirfd;          /* of the directory that holds it */
    const struct stat *st;
    const char *first;  /* an earlier path of the same inode, or NULL */
};

typedef int export_visit(void *data, const struct export_entry *e,
                            struct tenon_error *err);

/* The names in a directory, sorted by bytes (tenon_strv_free).  path: in messages. */
int export_list(const struct tenon_host *host, int dirfd, const char *path, char ***out,
                   struct tenon_error *err);

/* Whether the result is one of platforms, be it a single one. */
bool export_several(const struct tenon_host *host, const struct tenon_result *r);

/* How many platforms go into one tree of directories "linux_arm_v7", and the
 * name of platform i's ("" when not split). */
bool export_split(const struct tenon_host *host, const struct tenon_values *options,
                     const struct tenon_result *r);
char *export_platform_dir(const char *platform);

int export_walk(const struct tenon_host *host, struct tenon_ctx *ctx,
                   int rootfd, export_visit *visit, void *data,
                   struct tenon_error *err);

#endif
