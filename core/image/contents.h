/* image/contents.h - a tar cut into pieces that can be fetched and inflated each for itself, and
 * the table of what is where: the TOC of eStargz
 * (github.com/containerd/stargz-snapshotter), and that of zstd:chunked. */
#ifndef TENON_IMAGE_CONTENTS_H
#define TENON_IMAGE_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tools/buf.h"
#include "tools/cleanup.h"

#define TENON_CONTENTS_NAME "stargz.index.json" /* of the table, as an entry of the tar */

struct tenon_contents_sink {
    int (*write)(void *data, const void *buf, size_t len, struct tenon_error *err);
    /* What comes next begins a new piece, offset bytes behind the beginning of the blob. */
    int (*cut)(void *data, int64_t *offset, struct tenon_error *err);
    void *data;
    bool has_ends; /* a piece ends where its file's data do, and the table says where that is */
    int level;     /* of zstd: then the table names what the rest of the tar is (tarsplit.h) */
};

struct tenon_contents_rest { /* a frame of zstd; without bytes: there is none */
    struct tenon_buf packed;
    uint64_t size;
};

struct tenon_contents;
struct tenon_contents *tenon_contents_new(const struct tenon_contents_sink *sink,
                                          struct tenon_error *err);
void tenon_contents_free(struct tenon_contents *c);
TENON_DEFINE_AUTO(contents, struct tenon_contents *, tenon_contents_free);
#define auto_contents __attribute__((cleanup(tenon_auto_contents)))
/* The tar, of which no byte is changed.  UNSUPPORTED: what no such table can hold. */
int tenon_contents_write(struct tenon_contents *c, const void *buf, size_t len,
                         struct tenon_error *err);
/* The tar is whole: its table, as JSON; *rest of one whose pieces have ends. */
int tenon_contents_finish(struct tenon_contents *c, struct tenon_buf *table,
                          struct tenon_contents_rest *rest, struct tenon_error *err);

#endif
