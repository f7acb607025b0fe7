/* image/tar.h - tar streams, entry by entry: tools/tarheader.h makes the bytes. */
#ifndef TENON_IMAGE_TAR_H
#define TENON_IMAGE_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tools/tarheader.h"

struct tenon_tar {
    int (*write)(void *data, const void *buf, size_t len, struct tenon_error *err);
    void *data;
};

int tenon_tar_header(const struct tenon_tar *t, const struct tenon_tar_entry *e,
                     struct tenon_error *err);
/* After the data of a FILE: fill its last block. */
int tenon_tar_pad(const struct tenon_tar *t, uint64_t size, struct tenon_error *err);
int tenon_tar_end(const struct tenon_tar *t, struct tenon_error *err);

#endif
