/* serve/ctlmessages.h - the messages of moby.buildkit.v1.Control and of the services of a client's
 * session, as far as they are spoken.  Definitions stay bytes. */
#ifndef TENON_SERVE_CTLMESSAGES_H
#define TENON_SERVE_CTLMESSAGES_H

#include "buildmessages.h"
#include "common/message/message.h"

struct ctl_none {
    bool unused;
};
struct ctl_health {
    int64_t status;
};
struct ctl_bytes { /* BytesMessage: a piece of a stream */
    struct message_bytes data;
};
struct ctl_blob { /* an entry of a map of definitions */
    const char *key;
    struct message_bytes value;
};

/* ---- who we are ---------------------------------------------------------- */

struct ctl_version {
    const char *package, *version, *revision, *dockerfile;
};
struct ctl_info {
    const struct ctl_version *version;
};
struct ctl_platform {
    const char *arch, *os, *variant;
};
struct ctl_worker {
    const char *id;
    struct message_list labels;    /* ctl_pair */
    struct message_list platforms; /* ctl_platform */
    const struct ctl_version *version;
    struct message_list devices;   /* ctl_device */
};
struct ctl_device {
    const char *name;
    bool is_free; /* of entitlements */
    struct message_list annotations; /* ctl_pair */
};
struct ctl_workers {
    struct message_list records; /* ctl_worker */
};
struct ctl_list_workers {
    struct message_list filters; /* strings */
};

/* ---- the store ----------------------------------------------------------- */

struct ctl_disk_usage {
    struct message_list filters; /* strings */
    int64_t age_limit;
};
struct ctl_usage {
    const char *id;
    bool is_mutable, in_use;
    int64_t size;
    const struct ctl_time *created, *last_used;
    int64_t use_count;
    const char *description, *type;
    bool shared;
    struct message_list parents; /* strings */
};
struct ctl_usages {
    struct message_list records; /* ctl_usage */
};
struct ctl_prune {
    struct message_list filters; /* strings */
    bool all;
    int64_t keep_duration; /* nanoseconds */
    int64_t reserved, max_used, min_free;
};

/* ---- Solve --------------------------------------------------------------- */

struct ctl_cache {
    struct message_list exports, imports; /* ctl_typed */
};
struct ctl_solve {
    const char *ref;
    struct message_bytes definition;
    const char *old_exporter;
    struct message_list old_exporter_attrs; /* ctl_pair; of one that knows no `exporters` */
    const char *session, *frontend;
    struct message_list options; /* ctl_pair */
    const struct ctl_cache *cache;
    struct message_list entitlements; /* strings */
    struct message_list inputs;       /* ctl_blob */
    bool is_internal; /* of the client's own: no record is kept of it */
    struct message_bytes policy;
    struct message_list exporters; /* ctl_typed */
    bool session_exporter;
    const char *policy_session;
    bool proxy_network;
    int64_t compatibility; /* 0: the newest */
};
struct ctl_solved {
    struct message_list response; /* ctl_pair */
};
struct ctl_history {
    bool active_only;
    const char *ref;
    bool early_exit;
    struct message_list filters; /* strings */
    int64_t limit;
};
struct ctl_event {
    int64_t type; /* enum ctl_event_type */
    const struct ctl_record *record;
};
enum ctl_event_type { CTL_STARTED, CTL_COMPLETE, CTL_DELETED };
struct ctl_update {
    const char *ref;
    bool pinned, is_removal, finalizes;
};

/* ---- contents ------------------------------------------------------------ */

struct cnt_digest { /* of Info */
    const char *digest;
};
struct cnt_info {
    const char *digest;
    int64_t size;
    const struct ctl_time *created, *updated;
};
struct cnt_info_answer {
    const struct cnt_info *info;
};
struct cnt_list {
    struct message_list filters; /* strings */
};
struct cnt_infos {
    struct message_list infos; /* cnt_info */
};
struct cnt_read {
    const char *digest;
    int64_t offset, size;
};
struct cnt_piece {
    int64_t offset;
    struct message_bytes data;
};

/* ---- Status -------------------------------------------------------------- */

struct ctl_status {
    const char *ref;
};

/* ---- a session's services ------------------------------------------------ */

struct ses_id { /* of a secret, of an agent; a host */
    const char *id;
};
struct ses_secret {
    struct message_bytes data;
};
struct ses_credentials {
    const char *user, *secret;
};
struct ses_authority_ask {
    const char *host;
    struct message_bytes salt;
};
struct ses_authority {
    struct message_bytes key;
};
struct ses_token_ask {
    const char *client, *host, *realm, *service;
    struct message_list scopes; /* strings */
};
struct ses_token {
    const char *token;
    int64_t seconds, issued;
};
struct ses_find { /* exporters, for a result */
    struct message_list metadata; /* ctl_blob */
    struct message_list refs;     /* strings */
};
struct ses_found {
    struct message_list exporters; /* ctl_typed */
};
struct ses_xattr {
    const char *name;
    struct message_bytes value;
};
struct ses_stat {
    const char *path;
    int64_t mode; /* Go's os.FileMode */
    int64_t uid, gid, size, mtime_ns;
    const char *link;
    int64_t dev_major, dev_minor;
    struct message_list xattrs; /* ses_xattr */
};
struct ses_packet {
    int64_t type; /* enum ses_packet_type */
    const struct ses_stat *stat;
    int64_t id;
    struct message_bytes data;
};
/* Of containerd's content service. */
struct ses_read {
    const char *digest;
};
struct ses_write {
    int64_t action; /* enum ses_action */
    const char *ref;
    int64_t total;
    const char *expected;
    int64_t offset;
    struct message_bytes data;
};
enum ses_action { SES_STATE, SES_WRITE, SES_COMMIT };
struct ses_written {
    int64_t action;
};
enum ses_packet_type { SES_STAT, SES_REQ, SES_DATA, SES_FIN, SES_ERR };

extern const struct message_type_info ctl_none_message, ctl_health_message, ctl_bytes_message,
    ctl_info_message, ctl_list_workers_message, ctl_workers_message, ctl_disk_usage_message,
    ctl_usages_message, ctl_solve_message, ctl_solved_message, ctl_history_message,
    ctl_status_message, ses_id_message, ses_secret_message, ses_credentials_message,
    ses_authority_ask_message, ses_authority_message, ses_token_ask_message, ses_token_message,
    ses_find_message, ses_found_message,
    ses_packet_message, ses_stat_message, ses_read_message, ses_piece_message, ses_write_message,
    ses_written_message, ctl_usage_message, ctl_prune_message, ctl_event_message,
    ctl_update_message, cnt_digest_message, cnt_info_answer_message, cnt_list_message,
    cnt_infos_message, cnt_read_message, cnt_piece_message;

#endif
