/* common/llbbridge/llbbridge.h - the messages of moby.buildkit.v1.frontend.LLBBridge, as far as
 * they are served.  Definitions and operations stay bytes. */
#ifndef TENON_COMMON_LLBBRIDGE_LLBBRIDGE_H
#define TENON_COMMON_LLBBRIDGE_LLBBRIDGE_H

#include "common/message/message.h"

struct gw_pair { /* an entry of a map of strings */
    const char *key, *value;
};
struct gw_blob { /* an entry of a map of bytes, or of definitions */
    const char *key;
    struct message_bytes value;
};

struct gw_none {
    bool unused;
};

struct gw_health {
    int64_t status;
};

struct gw_platform {
    const char *arch, *os, *variant, *os_version;
};

struct gw_worker {
    const char *id;
    struct message_list platforms; /* gw_platform */
};
struct gw_cap {
    const char *id;
    bool enabled;
};
struct gw_pong {
    struct message_list frontend_caps, llb_caps; /* gw_cap */
    struct message_list workers;                 /* gw_worker */
};

struct gw_inputs {
    struct message_list definitions; /* gw_blob */
};

struct gw_ref {
    const char *id;
    struct message_bytes def;
};
struct gw_named_ref {
    const char *key;
    const struct gw_ref *value;
};
struct gw_refs {
    struct message_list refs; /* gw_named_ref */
};
struct gw_old_refs {
    struct message_list refs; /* gw_pair */
};
struct gw_subject {
    int64_t kind;
    struct message_list digests; /* strings */
    const char *name;
};
struct gw_attestation {
    int64_t kind;
    struct message_list metadata; /* gw_blob */
    const struct gw_ref *ref;
    const char *path, *predicate_type;
    struct message_list subjects; /* gw_subject */
};
struct gw_attestations {
    struct message_list all; /* gw_attestation */
};
struct gw_attested { /* an entry of a map: of one platform */
    const char *key;
    const struct gw_attestations *value;
};
struct gw_result {
    const char *old_ref;
    const struct gw_old_refs *old_refs;
    const struct gw_ref *ref;
    const struct gw_refs *refs;
    struct message_list metadata; /* gw_blob */
    struct message_list attestations; /* gw_attested */
};

struct gw_import { /* a cache */
    const char *type;
    struct message_list attrs; /* gw_pair */
};
struct gw_constraint {
    const char *key, *value;
    int64_t condition;
};
struct gw_selector {
    const char *identifier;
    int64_t match;
    struct message_list constraints; /* gw_constraint */
};
struct gw_updates {
    const char *identifier;
    struct message_list attrs; /* gw_pair */
};
struct gw_rule {
    int64_t action;
    const struct gw_selector *selector;
    const struct gw_updates *updates;
};
struct gw_policy {
    int64_t version;
    struct message_list rules; /* gw_rule */
};
struct gw_solve {
    struct message_bytes definition;
    const char *frontend;
    struct message_list options; /* gw_pair */
    bool allow_result, allow_refs, final;
    struct message_bytes exporter_attr; /* JSON; with final */
    struct message_list imports;        /* gw_import */
    struct message_list inputs;         /* gw_blob */
    bool evaluate;
    struct message_list policies; /* gw_policy */
};
struct gw_solved {
    const char *ref;
    const struct gw_result *result;
};

struct gw_any {
    const char *type;
    struct message_bytes value;
};
struct gw_status {
    int64_t code;
    const char *message;
    struct message_list details; /* gw_any */
};
struct gw_return {
    const struct gw_result *result;
    const struct gw_status *error;
};

struct gw_range {
    int64_t offset, length;
};
struct gw_read_file {
    const char *ref, *path; /* ref: or a container */
    const struct gw_range *range;
    int64_t mount; /* of a container */
};
struct gw_file {
    struct message_bytes data;
};
struct gw_read_dir {
    const char *ref, *path, *pattern;
    int64_t mount;
};
struct gw_stat {
    const char *path;
    int64_t mode, uid, gid, size, mtime_ns;
    const char *linkname;
    int64_t dev_major, dev_minor;
    struct message_list xattrs; /* gw_blob */
};
struct gw_dir {
    struct message_list entries; /* gw_stat */
};
struct gw_stat_file {
    const char *ref, *path;
    int64_t mount;
};
struct gw_stat_answer {
    const struct gw_stat *stat;
};
struct gw_evaluate {
    const char *ref;
};

struct gw_source {
    const char *identifier;
    struct message_list attrs; /* gw_pair */
};
struct gw_resolve_git {
    bool object; /* the commit itself is wanted, too */
};
struct gw_resolve_image {
    bool no_config, chain;
    struct message_list predicates; /* strings: chain, and the statements of these types */
};
struct gw_checksum { /* of a file with the suffix behind it */
    int64_t algorithm;
    struct message_bytes suffix;
};
struct gw_resolve_http {
    const struct gw_checksum *checksum;
};
struct gw_resolve_meta {
    const struct gw_source *source;
    const struct gw_platform *platform;
    const char *log_name, *mode;
    const struct gw_resolve_git *git;
    const struct gw_resolve_image *image;
    const struct gw_resolve_http *http;
    struct message_list policies; /* gw_policy */
};
struct gw_descriptor {
    const char *media_type, *digest;
    int64_t size;
};
struct gw_document {
    const struct gw_descriptor *descriptor;
    struct message_bytes data;
};
struct gw_named_document { /* an entry of a map, by digest */
    const char *key;
    const struct gw_document *value;
};
struct gw_chain { /* digests */
    const char *root, *manifest, *attestation;
    struct message_list signatures; /* strings */
    struct message_list documents;  /* gw_named_document */
};
struct gw_meta_image {
    const char *digest;
    struct message_bytes config;
    const struct gw_chain *chain;
};
struct gw_meta_git {
    const char *checksum, *ref, *commit_checksum;
    struct message_bytes commit, tag;
};
struct gw_time {
    int64_t seconds, nanoseconds;
};
struct gw_checksum_answer {
    const char *digest;
    struct message_bytes suffix;
};
struct gw_meta_http {
    const char *checksum, *filename;
    const struct gw_time *modified;
    const struct gw_checksum_answer *answer;
};
struct gw_meta {
    const struct gw_source *source;
    const struct gw_meta_image *image;
    const struct gw_meta_git *git;
    const struct gw_meta_http *http;
};
struct gw_resolve_config {
    const char *ref;
    const struct gw_platform *platform;
    const char *mode, *log_name;
    struct message_list policies; /* gw_policy */
};
struct gw_config {
    const char *digest;
    struct message_bytes config;
    const char *ref;
};

struct gw_position {
    int64_t line;
};
struct gw_place {
    const struct gw_position *start, *end;
};
struct gw_source_info {
    const char *filename;
    struct message_bytes data;
    const char *language;
};
struct gw_warn {
    const char *digest;
    int64_t level;
    const char *text;
    struct message_list detail; /* strings */
    const char *url;
    const struct gw_source_info *info;
    struct message_list ranges; /* gw_place */
};

/* ---- containers ---------------------------------------------------------- */

struct gw_cache_opt {
    const char *id;
    int64_t sharing;
};
struct gw_secret_opt { /* and of an agent */
    const char *id;
    int64_t uid, gid, mode;
    bool optional;
};
struct gw_tmpfs_opt {
    int64_t size;
};
struct gw_mount {
    int64_t input, output;
    const char *selector, *dest;
    bool readonly;
    int64_t type;
    const struct gw_tmpfs_opt *tmpfs;
    const struct gw_cache_opt *cache;
    const struct gw_secret_opt *secret, *ssh;
    const char *ref;
};
struct gw_host {
    const char *host, *ip;
};
struct gw_device {
    const char *name;
    bool optional;
};
struct gw_new_container {
    const char *id;
    struct message_list mounts; /* gw_mount */
    int64_t network;
    const struct gw_platform *platform;
    struct message_list hosts; /* gw_host */
    const char *hostname;
    struct message_list devices; /* gw_device; BuildKit has no field for them */
};
struct gw_release_container {
    const char *id;
};

struct gw_proxy {
    const char *http, *https, *ftp, *no, *all;
};
struct gw_ulimit {
    const char *name;
    int64_t soft, hard;
};
struct gw_process_meta {
    struct message_list args, env; /* strings */
    const char *cwd, *user;
    const struct gw_proxy *proxy;
    struct message_list ulimits; /* gw_ulimit */
    const char *cgroup_parent;
};
struct gw_secretenv {
    const char *id, *name;
    bool optional;
};
struct gw_init {
    const char *container;
    const struct gw_process_meta *meta;
    struct message_list fds; /* int64_t */
    bool tty;
    int64_t security;
    struct message_list secretenv; /* gw_secretenv */
};
struct gw_fd { /* what is written to a descriptor, or was */
    int64_t fd;
    bool eof;
    struct message_bytes data;
};
struct gw_resize {
    int64_t rows, cols;
};
struct gw_exit {
    int64_t code;
    const struct gw_status *error;
};
struct gw_signal {
    const char *name;
};
struct gw_exec { /* one of the members */
    const char *process;
    const struct gw_init *init;
    const struct gw_fd *file;
    const struct gw_resize *resize;
    const struct gw_none *started;
    const struct gw_exit *exit;
    const struct gw_none *done;
    const struct gw_signal *signal;
};

extern const struct message_type_info gw_policy_message;
extern const struct message_type_info gw_new_container_message, gw_release_container_message,
    gw_exec_message;
extern const struct message_type_info gw_none_message, gw_health_message, gw_pong_message,
    gw_inputs_message, gw_solve_message, gw_solved_message, gw_return_message,
    gw_read_file_message, gw_file_message, gw_read_dir_message, gw_dir_message,
    gw_stat_file_message, gw_stat_answer_message, gw_evaluate_message, gw_resolve_meta_message,
    gw_meta_message, gw_source_message, gw_platform_message, gw_resolve_config_message,
    gw_config_message, gw_warn_message, gw_status_message;

#endif
