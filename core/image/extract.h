/* image/extract.h - entries of a hostile tar into a tree, on descriptors only.
 *
 * Nothing is written outside the root: names are cleaned, ".." stops at the
 * root, links on the way are followed as the root sees them.  What an entry
 * replaces is removed first; a link is never written through. */
#ifndef TENON_IMAGE_EXTRACT_H
#define TENON_IMAGE_EXTRACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/limits.h"
#include "image/libarchive.h"
#include "image/stream.h"
#include "store/store.h"

struct tenon_extract {
    int rootfd;          /* names are below this */
    struct tenon_snapshot_work *work; /* layers: whose mount it is, which tells what this
                                       * layer brought; NULL when nothing is below */
    bool squash;         /* owners that this user cannot give are 0:0, with a warning */
    bool layer;          /* ".wh." names delete; else they are ordinary files, and the
                          * top itself takes the attributes of an entry "/" or ".." */
    int64_t uid, gid;    /* -1: as the entry says */
    const struct tenon_limits *limits;   /* NULL: the defaults */
    const struct tenon_inflate *stream;  /* what it is read from; NULL: without limits */
    struct tenon_cancel *cancel;
};

/* All entries of an opened archive.  *entries counts them (may be NULL). */
int tenon_extract_all(const struct tenon_extract *x, struct archive *a,
                      uint64_t *entries, struct tenon_error *err);

/* libarchive converts the names of pax records to the locale's charset: in UTF-8 it composes
 * what was decomposed, in others it asks iconv.  Between these two the calling thread is in
 * "C", which every machine has: nothing but ASCII can be converted to it, and then libarchive
 * gives the bytes as they are (with a warning). */
struct tenon_extract_locale {
    void *ours, *before;
};
int tenon_extract_locale_enter(struct tenon_extract_locale *l,
                               struct tenon_error *err);
void tenon_extract_locale_leave(struct tenon_extract_locale *l);

#endif
