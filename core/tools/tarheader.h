/* tools/tarheader.h - what comes before an entry of a tar: ustar headers, and a pax
 * header where ustar cannot say it.  Names are bytes, of no charset; the bytes depend on
 * nothing but the entry.  No user names. */
#ifndef TENON_TOOLS_TARHEADER_H
#define TENON_TOOLS_TARHEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/buf.h"

#define TENON_TAR_FILE '0'
#define TENON_TAR_HARDLINK '1'
#define TENON_TAR_SYMLINK '2'
#define TENON_TAR_CHAR '3'
#define TENON_TAR_BLOCK '4'
#define TENON_TAR_DIR '5'
#define TENON_TAR_FIFO '6'

struct tenon_tar_xattr {
    const char *name; /* "user.x" */
    const void *value;
    size_t len;
};

struct tenon_tar_entry {
    char type;         /* TENON_TAR_* */
    const char *name;  /* relative; a directory's ends with '/' */
    const char *link;  /* of links */
    uint32_t mode;     /* permission bits */
    uint32_t uid, gid, major, minor;
    uint64_t size;     /* of a FILE: so many bytes must follow */
    int64_t mtime;     /* seconds since 1970 */
    uint32_t mtime_ns; /* and a part of one; layers have none */
    const void *capability; /* value of security.capability, or NULL */
    size_t capability_len;
    const struct tenon_tar_xattr *xattrs; /* others, sorted by name */
    size_t xattr_count;
};
/* Appended to out; false: a tar cannot hold the numbers of this device. */
bool tenon_tar_encode(struct tenon_buf *out, const struct tenon_tar_entry *e);
/* What fills the last block after so many bytes of data, and what ends the archive. */
void tenon_tar_pad_buf(struct tenon_buf *out, uint64_t size);
void tenon_tar_end_buf(struct tenon_buf *out);

#endif
