/* graph/wire.h - protobuf's wire format, written and read by hand.
 *
 * The writer leaves zero scalars and empty strings out, as proto3 does; the
 * order of fields is the caller's, which is why this is not a library: a
 * vertex is named by its bytes, and BuildKit's encoder puts the oneof member
 * after fields of higher number (docs/llb.md). */
#ifndef TENON_GRAPH_WIRE_H
#define TENON_GRAPH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tools/buf.h"

void tenon_wire_put_varint(struct tenon_buf *b, uint64_t v); /* bare */
void tenon_wire_put_uint(struct tenon_buf *b, uint32_t field, uint64_t v);
void tenon_wire_put_int(struct tenon_buf *b, uint32_t field, int64_t v);
void tenon_wire_put_bool(struct tenon_buf *b, uint32_t field, bool v);
void tenon_wire_put_string(struct tenon_buf *b, uint32_t field, const char *s); /* NULL: "" */
void tenon_wire_put_bytes(struct tenon_buf *b, uint32_t field, const void *data,
                          size_t len);
/* Kept also when empty: messages, members of a oneof, items of a list. */
void tenon_wire_put_message(struct tenon_buf *b, uint32_t field,
                            const struct tenon_buf *message);
void tenon_wire_put_item(struct tenon_buf *b, uint32_t field, const char *s);
void tenon_wire_put_member_uint(struct tenon_buf *b, uint32_t field, uint64_t v);
/* A message of what was added to b since it had `start` bytes. */
void tenon_wire_wrap(struct tenon_buf *b, size_t start, uint32_t field);
/* A map<string,string> entry: key and value are always both written. */
void tenon_wire_put_pair(struct tenon_buf *b, uint32_t field, const char *key,
                         const char *value);

enum { TENON_WIRE_VARINT = 0, TENON_WIRE_FIXED64 = 1, TENON_WIRE_LEN = 2,
       TENON_WIRE_FIXED32 = 5 };

struct tenon_wire { /* a reader; zero and empty is fine */
    const unsigned char *at, *end;
    uint32_t field; /* of the current item */
    uint32_t type;  /* TENON_WIRE_* */
    uint64_t value; /* of a number */
    const void *data; /* of TENON_WIRE_LEN: points into the input */
    size_t len;
};
void tenon_wire_init(struct tenon_wire *w, const void *data, size_t len);
/* 1: an item was read, 0: the end, CORRUPT for what is not protobuf.  Groups
 * are refused. */
int tenon_wire_next(struct tenon_wire *w, struct tenon_error *err);

#endif
