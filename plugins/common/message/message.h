/* common/message/message.h - protobuf messages of services, driven by tables: one line a field.
 *
 * A table gives for each field its number on the wire and its place in a struct; zero is
 * absent.  What is to be kept as it came (definitions, operations) is bytes: it is never
 * written again from what was read.  Maps are lists of {1 key, 2 value}.  Unknown fields are
 * passed over, as protobuf wants it. */
#ifndef TENON_COMMON_MESSAGE_MESSAGE_H
#define TENON_COMMON_MESSAGE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/arena.h"
#include "tools/buf.h"

struct message_bytes { /* data NULL: absent; otherwise present, if empty */
    const void *data;
    size_t len;
};
struct message_list { /* of structs, strings or int64_t */
    const void *items;
    size_t len;
};

enum message_type {    /* C type at the offset */
    MESSAGE_STRING,    /* const char *; NULL and "" are not written; not UTF-8 becomes U+FFFD */
    MESSAGE_BYTES,     /* struct message_bytes */
    MESSAGE_BOOL,      /* bool */
    MESSAGE_INT,       /* int64_t; any of the integer types that are varints */
    MESSAGE_ONE,       /* const struct X *, of the field's message */
    MESSAGE_STRINGS,   /* struct message_list of const char * */
    MESSAGE_MANY,      /* struct message_list of struct X */
    MESSAGE_INTS,      /* struct message_list of int64_t; read packed or one by one */
};

struct message_type_info;
struct message_field {
    uint32_t number;
    enum message_type type;
    size_t offset;
    const struct message_type_info *message; /* of ONE and MANY */
};
struct message_type_info {
    size_t size;
    size_t count;
    const struct message_field *fields; /* in the order in which they are written */
};
#define MESSAGE_FIELD(number_, type_, S, member)                                          \
    { .number = (number_), .type = MESSAGE_##type_, .offset = offsetof(struct S, member) }
#define MESSAGE_OF(number_, type_, S, member, message_)                                   \
    { .number = (number_), .type = MESSAGE_##type_, .offset = offsetof(struct S, member), \
      .message = &(message_) }
#define MESSAGE_INFO(S, fields_)                                                          \
    { .size = sizeof(struct S), .count = sizeof(fields_) / sizeof((fields_)[0]),          \
      .fields = (fields_) }

enum { MESSAGE_ITEMS_MAX = 100000 }; /* of one list */

/* *out, zeroed by the caller, gets what is there: strings are copies in the arena, bytes point
 * into data.  Never NULL afterwards: strings.  False: not protobuf, a string with a NUL
 * inside, or too many items; *why says which (static). */
bool message_decode(struct tenon_arena *a, const struct message_type_info *m, const void *data,
                    size_t len, void *out, const char **why);
void message_encode(struct tenon_buf *b, const struct message_type_info *m, const void *in);

#endif
