/* tools/sniff.h - what bytes are, by how they begin. */
#ifndef TENON_TOOLS_SNIFF_H
#define TENON_TOOLS_SNIFF_H

#include <stdbool.h>
#include <stddef.h>

enum { TENON_SNIFF_BYTES = 512 }; /* as many decide */

/* gzip, bzip2, xz, zstd, or the header of a tar archive.  True of what is compressed and
 * no archive inside; false of what no reader of archives would take. */
bool tenon_may_be_archive(const void *head, size_t len);
/* Are the TENON_SNIFF_BYTES at head the header of a tar archive? */
bool tenon_has_tar_header(const void *head);

#endif
