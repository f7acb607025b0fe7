/* base/io.h - whole reads and writes, EINTR handled; everything O_CLOEXEC. */
#ifndef TENON_BASE_IO_H
#define TENON_BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/buf.h"
#include "error.h"

/* Read to the end; TENON_E_LIMIT when there is more than limit bytes. */
int tenon_read_all(int fd, size_t limit, struct tenon_buf *out,
                   struct tenon_error *err);
int tenon_write_all(int fd, const void *data, size_t len,
                    struct tenon_error *err);
/* Up to len bytes, fewer only at the end of the file.  Returns the number. */
int64_t tenon_read_full(int fd, void *data, size_t len,
                        struct tenon_error *err);
/* Copy len bytes (UINT64_MAX: to the end) from where `in` stands to where
 * `out` stands: reflink, then copy_file_range, then read and write.  Returns
 * the number copied. */
int64_t tenon_copy_fd(int in, int out, uint64_t len, struct tenon_error *err);

/* A whole file of the host by path (configuration, /etc/hosts). */
int tenon_read_file(const char *path, size_t limit, struct tenon_buf *out,
                    struct tenon_error *err);
/* Write name below dirfd through a temporary name, fsync when durable, and
 * rename: readers see the old or the new content. */
int tenon_write_file_at(int dirfd, const char *name, const void *data,
                        size_t len, uint32_t mode, bool durable,
                        struct tenon_error *err);

/* The names in an open directory (O_PATH is fine), sorted, for tenon_strv_free; all of them, or an
 * error. */
int tenon_dir_names(int dirfd, char ***names, struct tenon_error *err);

/* mkdir -p below dirfd (AT_FDCWD for a host path); what exists is fine. */
int tenon_mkdir_p(int dirfd, const char *path, uint32_t mode,
                  struct tenon_error *err);
/* Remove name and everything below it, never following a link nor crossing a
 * mount; what is not there is fine. */
int tenon_remove_tree(int dirfd, const char *name, struct tenon_error *err);

/* A memory file of these bytes, which nobody can change, at its beginning: for secrets, of which
 * there is no copy on a disk. */
int tenon_sealed(const void *data, size_t len, struct tenon_error *err);

uint64_t tenon_now_ns(void);       /* wall clock, since 1970 */
uint64_t tenon_monotonic_ns(void);

#endif
