/* libarchive.h - libarchive, loaded with the first archive that is read: the XML parser
 * and the tables of all scripts that it needs for formats which we never read take
 * longer to load than tenon itself.
 *
 * Functions are members of tenon_archive, named without "archive_" and with a "_" at the end, for whoever
 * has called tenon_libarchive. */
#ifndef TENON_IMAGE_LIBARCHIVE_H
#define TENON_IMAGE_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"

#define TENON_ARCHIVE_FUNCTIONS(X)                                                        \
    X(entry_filetype) X(entry_gid) X(entry_hardlink) X(entry_mtime) X(entry_mtime_nsec)   \
    X(entry_pathname) X(entry_perm) X(entry_rdevmajor) X(entry_rdevminor) X(entry_size)   \
    X(entry_symlink) X(entry_uid) X(entry_xattr_next) X(entry_xattr_reset) X(errno)       \
    X(error_string) X(read_data_block) X(read_free) X(read_new) X(read_next_header)       \
    X(read_open) X(read_open_fd) X(read_support_filter_bzip2)                             \
    X(read_support_filter_gzip) X(read_support_filter_xz) X(read_support_filter_zstd)     \
    X(read_support_format_empty) X(read_support_format_tar) X(set_error) X(version_string)

struct tenon_archive_functions {
#define X(name) __typeof__(archive_##name) *name##_;
    TENON_ARCHIVE_FUNCTIONS(X)
#undef X
};
extern struct tenon_archive_functions tenon_archive;

/* 0 when the functions are there.  Any thread. */
int tenon_libarchive(struct tenon_error *err);

#endif
