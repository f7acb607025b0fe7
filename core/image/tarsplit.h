/* image/tarsplit.h - what is in a tar beside the data of its files, as github.com/vbatts/tar-split
 * writes it: with the files it is the same tar again, byte for byte.  Engines that fetch parts of a
 * layer (podman) want it beside the table of contents, or they take the layer whole. */
#ifndef TENON_IMAGE_TARSPLIT_H
#define TENON_IMAGE_TARSPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/tarscan.h"
#include "tools/buf.h"
#include "tools/cleanup.h"

struct tenon_tarsplit;
/* level: of zstd. */
struct tenon_tarsplit *tenon_tarsplit_new(int level, struct tenon_error *err);
void tenon_tarsplit_free(struct tenon_tarsplit *t);
TENON_DEFINE_AUTO(tarsplit, struct tenon_tarsplit *, tenon_tarsplit_free);
#define auto_tarsplit __attribute__((cleanup(tenon_auto_tarsplit)))
/* What a scan tells (tarscan.h), in its order. */
int tenon_tarsplit_bytes(struct tenon_tarsplit *t, const void *buf, size_t len, bool is_content,
                         struct tenon_error *err);
int tenon_tarsplit_entry(struct tenon_tarsplit *t, const struct tenon_tarscan_entry *e,
                         struct tenon_error *err);
/* The tar is whole: *packed is a frame of zstd, and *size what is in it.  Nothing where headers say
 * more than a table of contents does: readers refuse a layer whose table is not all of it. */
int tenon_tarsplit_finish(struct tenon_tarsplit *t, struct tenon_buf *packed, uint64_t *size,
                          struct tenon_error *err);

#endif
