/* common/export/archive.h - a tar that an exporter writes to a sink, entry by entry: with
 * the headers that layers have (tools/tarheader.h). */
#ifndef TENON_COMMON_EXPORT_ARCHIVE_H
#define TENON_COMMON_EXPORT_ARCHIVE_H

#include <tenon-plugin.h>

#include "tools/tarheader.h"

struct export_archive {
    const struct tenon_host *host;
    struct tenon_ctx *ctx;
    int fd;                /* the sink's */
    struct tenon_buf head; /* what is to be written before the next data */
};

int export_archive_entry(struct export_archive *a, const struct tenon_tar_entry *e,
                            struct tenon_error *err);
/* The data of a FILE: as many bytes of fd as its entry said.  what: its name in messages. */
int export_archive_copy(struct export_archive *a, int fd, uint64_t size, const char *what,
                           struct tenon_error *err);
int export_archive_bytes(struct export_archive *a, const void *data, size_t len,
                            struct tenon_error *err);
/* After the last entry: all is written then. */
int export_archive_end(struct export_archive *a, struct tenon_error *err);
void export_archive_release(struct export_archive *a);

#endif
