/* common/exec/limits.h - the files of control groups, and the limits of a step written
 * to them. */
#ifndef TENON_COMMON_EXEC_LIMITS_H
#define TENON_COMMON_EXEC_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <tenon-plugin.h>

/* A file of the group dir: bytes read, or negative; text is ended by NUL in any
 * case. */
ssize_t limits_read(const char *dir, const char *name, char *text, size_t size);

/* 0, or an errno and *what (static): what was to be done.  dir is below
 * CGROUP_ROOT; limits_v2 hands the controllers on, from there down. */
int limits_v1(const char *controllers, const char *dir, const struct tenon_exec *x,
              const char **what);
int limits_v2(const char *dir, const struct tenon_exec *x, const char **what);

#endif
