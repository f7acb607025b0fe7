/* history/buildmessages.h - what happens in a build, and the record of one, as messages of
 * BuildKit: moby.buildkit.v1's StatusResponse and BuildHistoryRecord.  They are what a server
 * tells, and what is kept in the store. */
#ifndef TENON_HISTORY_BUILDMESSAGES_H
#define TENON_HISTORY_BUILDMESSAGES_H

#include "common/message/message.h"

struct ctl_pair { /* an entry of a map of strings */
    const char *key, *value;
};
struct ctl_time {
    int64_t seconds, nanoseconds;
};
struct ctl_typed { /* an exporter, or a cache */
    const char *type;
    struct message_list attrs; /* ctl_pair */
};

/* ---- what happens: Status ------------------------------------------------ */

struct ctl_group {
    const char *id, *name;
    bool weak;
};
struct ctl_vertex {
    const char *digest;
    struct message_list inputs; /* strings */
    const char *name;
    bool cached;
    const struct ctl_time *started, *completed;
    const char *error;
    const struct ctl_group *group;
};
struct ctl_line { /* VertexStatus */
    const char *id, *vertex, *name;
    int64_t current, total;
    const struct ctl_time *timestamp, *started, *completed;
};
struct ctl_log {
    const char *vertex;
    const struct ctl_time *timestamp;
    int64_t stream;
    struct message_bytes text;
};
struct ctl_source { /* SourceInfo */
    const char *filename;
    struct message_bytes data;
    const char *language;
};
struct ctl_position {
    int64_t line;
};
struct ctl_range {
    const struct ctl_position *start, *end;
};
struct ctl_warning {
    const char *vertex;
    int64_t level;
    const char *text;
    struct message_list detail; /* strings */
    const char *url;
    const struct ctl_source *source;
    struct message_list ranges; /* ctl_range */
};
struct ctl_statuses {
    struct message_list vertexes; /* ctl_vertex */
    struct message_list lines;    /* ctl_line */
    struct message_list logs;     /* ctl_log */
    struct message_list warnings; /* ctl_warning */
};

/* ---- a record ------------------------------------------------------------ */

struct ctl_descriptor { /* of a content */
    const char *media_type, *digest;
    int64_t size;
    struct message_list annotations; /* ctl_pair */
};
struct ctl_failure { /* google.rpc.Status, without its details */
    int64_t code;
    const char *message;
};
struct ctl_numbered { /* an entry of a map: an exporter's number */
    int64_t number;
    const struct ctl_descriptor *value;
};
struct ctl_outcome { /* BuildResultInfo */
    const struct ctl_descriptor *first; /* for old clients */
    struct message_list attestations;   /* ctl_descriptor */
    struct message_list results;        /* ctl_numbered */
};
struct ctl_platform_outcome { /* an entry of a map */
    const char *platform;
    const struct ctl_outcome *value;
};
struct ctl_record {
    const char *ref, *frontend;
    struct message_list options;   /* ctl_pair */
    struct message_list exporters; /* ctl_typed */
    const struct ctl_failure *error;
    const struct ctl_time *created, *completed;
    const struct ctl_descriptor *logs;
    struct message_list response; /* ctl_pair */
    const struct ctl_outcome *outcome;
    struct message_list outcomes; /* ctl_platform_outcome */
    int64_t generation;
    const struct ctl_descriptor *trace;
    bool pinned;
    int64_t cached, total, finished; /* steps */
    const struct ctl_descriptor *details; /* of the error: google.rpc.Status, all of it */
    int64_t warnings;
    /* Ours: other readers pass over it. */
    const char *build_id; /* of the logs of its steps */
    const char *context;  /* of the command's builds: where its files are */
};

extern const struct message_type_info ctl_pair_message, ctl_time_message, ctl_typed_message,
    ctl_statuses_message, ctl_record_message;

#endif
