/* image/libarchive.h - libarchive, loaded with the first archive that is read: the XML
 * parser and the tables of all scripts that it needs for formats which we never read
 * take longer to load than tenon itself.
 *
 * Include this in place of archive.h and archive_entry.h and call libarchive as anybody
 * does, once tenon_libarchive has given 0.  Nothing is linked with the library, so that
 * the linker refuses what is not in the two lists. */
#ifndef TENON_IMAGE_LIBARCHIVE_H
#define TENON_IMAGE_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"

/* 0 when the library is there.  Any thread. */
int tenon_libarchive(struct tenon_error *err);

#define TENON_ARCHIVE_FUNCTIONS(X) \
    X(entry_filetype) X(entry_gid) X(entry_hardlink) X(entry_mtime) X(entry_mtime_nsec) \
    X(entry_pathname) X(entry_perm) X(entry_rdevmajor) X(entry_rdevminor) X(entry_size) \
    X(entry_symlink) X(entry_uid) X(entry_xattr_next) X(entry_xattr_reset) X(errno)     \
    X(error_string) X(filter_bytes) X(read_data_block) X(read_free) X(read_new)         \
    X(read_next_header) X(read_open) X(read_open_fd) X(read_support_filter_bzip2)       \
    X(read_support_filter_gzip) X(read_support_filter_xz) X(read_support_filter_zstd)   \
    X(read_support_format_empty) X(read_support_format_raw) X(read_support_format_tar)  \
    X(set_error) X(version_string)

struct tenon_archive_functions {
#define X(name) __typeof__(archive_##name) *name##_;
    TENON_ARCHIVE_FUNCTIONS(X)
#undef X
};
extern struct tenon_archive_functions tenon_archive;

#define archive_entry_filetype tenon_archive.entry_filetype_
#define archive_entry_gid tenon_archive.entry_gid_
#define archive_entry_hardlink tenon_archive.entry_hardlink_
#define archive_entry_mtime tenon_archive.entry_mtime_
#define archive_entry_mtime_nsec tenon_archive.entry_mtime_nsec_
#define archive_entry_pathname tenon_archive.entry_pathname_
#define archive_entry_perm tenon_archive.entry_perm_
#define archive_entry_rdevmajor tenon_archive.entry_rdevmajor_
#define archive_entry_rdevminor tenon_archive.entry_rdevminor_
#define archive_entry_size tenon_archive.entry_size_
#define archive_entry_symlink tenon_archive.entry_symlink_
#define archive_entry_uid tenon_archive.entry_uid_
#define archive_entry_xattr_next tenon_archive.entry_xattr_next_
#define archive_entry_xattr_reset tenon_archive.entry_xattr_reset_
#define archive_errno tenon_archive.errno_
#define archive_error_string tenon_archive.error_string_
#define archive_filter_bytes tenon_archive.filter_bytes_
#define archive_read_data_block tenon_archive.read_data_block_
#define archive_read_free tenon_archive.read_free_
#define archive_read_new tenon_archive.read_new_
#define archive_read_next_header tenon_archive.read_next_header_
#define archive_read_open tenon_archive.read_open_
#define archive_read_open_fd tenon_archive.read_open_fd_
#define archive_read_support_filter_bzip2 tenon_archive.read_support_filter_bzip2_
#define archive_read_support_filter_gzip tenon_archive.read_support_filter_gzip_
#define archive_read_support_filter_xz tenon_archive.read_support_filter_xz_
#define archive_read_support_filter_zstd tenon_archive.read_support_filter_zstd_
#define archive_read_support_format_empty tenon_archive.read_support_format_empty_
#define archive_read_support_format_raw tenon_archive.read_support_format_raw_
#define archive_read_support_format_tar tenon_archive.read_support_format_tar_
#define archive_set_error tenon_archive.set_error_
#define archive_version_string tenon_archive.version_string_

#endif
