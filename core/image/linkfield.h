/* image/linkfield.h - tars whose links have their targets in an extension alone.
 *
 * Where no byte of a target is ASCII, Go's archive/tar leaves the field of the header empty and
 * writes a pax record; libarchive (3.6) takes an empty field for no link at all, and loses the
 * record.  So a byte is put into such fields on their way to libarchive, which then believes the
 * record.  Nothing else is changed; where it is not clear what is a header, nothing is. */
#ifndef TENON_IMAGE_LINKFIELD_H
#define TENON_IMAGE_LINKFIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/buf.h"

struct tenon_linkfield { /* zero is the beginning of a tar */
    struct tenon_buf held; /* what came; whole blocks of it go out */
    size_t gone;           /* bytes of `held` that went out the last time */
    uint64_t data;         /* blocks of data until the next header */
    struct tenon_buf pax;  /* data of a pax header, while it comes */
    size_t pax_len;
    uint64_t size;         /* of the next entry by a pax record */
    bool has_size, has_link, has_pax, in_pax, lost;
};
void tenon_linkfield_release(struct tenon_linkfield *l);
/* len 0: the end.  What goes on, valid until the next call, may be nothing before the end. */
const void *tenon_linkfield_pass(struct tenon_linkfield *l, const void *in, size_t len,
                                 size_t *out_len);

#endif
