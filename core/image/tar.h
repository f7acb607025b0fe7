/* image/tar.h - writing tar streams whose bytes depend on nothing but their entries:
 * ustar headers, and a pax header for what ustar cannot hold.  Whole seconds, no
 * user names. */
#ifndef TENON_IMAGE_TAR_H
#define TENON_IMAGE_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tenon_tar {
    int (*write)(void *data, const void *buf, size_t len, struct tenon_error *err);
    void *data;
};

#define TENON_TAR_FILE '0'
#define TENON_TAR_HARDLINK '1'
#define TENON_TAR_SYMLINK '2'
#define TENON_TAR_CHAR '3'
#define TENON_TAR_BLOCK '4'
#define TENON_TAR_DIR '5'
#define TENON_TAR_FIFO '6'

struct tenon_tar_entry {
    char type;         /* TENON_TAR_* */
    const char *name;  /* relative; a directory's ends with '/' */
    const char *link;  /* of links */
    uint32_t mode;     /* permission bits */
    uint32_t uid, gid, major, minor;
    uint64_t size;     /* of a FILE: so many bytes must follow */
    int64_t mtime;     /* seconds since 1970 */
    const void *capability; /* value of security.capability, or NULL */
    size_t capability_len;
};
int tenon_tar_header(const struct tenon_tar *t, const struct tenon_tar_entry *e,
                     struct tenon_error *err);
/* After the data of a FILE: fill its last block. */
int tenon_tar_pad(const struct tenon_tar *t, uint64_t size, struct tenon_error *err);
int tenon_tar_end(const struct tenon_tar *t, struct tenon_error *err);

#endif
