/* graph/message.c - the tables of message.h: a new field is a line here. */
#include "graph/message.h"

#include <string.h>

#include "graph/private.h"

#define AT(T, member) .offset = offsetof(struct tenon_##T, member)
#define COUNTED(T, member, n) AT(T, member), .extra = offsetof(struct tenon_##T, n)
#define WHEN(w, T, member) .when = WHEN_##w, .extra = offsetof(struct tenon_##T, member)
#define MESSAGE(T, list)                                                                 \
    {                                                                                    \
        .size = sizeof(struct tenon_##T), .count = tenon_countof(list), .fields = (list) \
    };                                                                                   \
    _Static_assert(tenon_countof(list) <= FIELDS_MAX, "more fields than FIELDS_MAX")

/* ---- source, merge, passthrough, diff ------------------------------------------------- */

static const struct field source_fields[] = {
    { "identifier", 1, FIELD_STRING, AT(op_source, identifier) },
    { "attr.", 2, FIELD_MAP, COUNTED(op_source, attrs, attr_count) },
    { "platform", 0, FIELD_PLATFORM, .offset = 0 },
};
const struct message tenon_message_source = MESSAGE(op_source, source_fields);

static const struct field merge_fields[] = {
    { NULL, 1, FIELD_INDEXES, COUNTED(op_merge, inputs, count) },
};
const struct message tenon_message_merge = MESSAGE(op_merge, merge_fields);

static const struct field passthrough_fields[] = {
    { NULL, 1, FIELD_STRING, AT(op_passthrough, id) },
    { NULL, 2, FIELD_INTS, COUNTED(op_passthrough, outputs, count) },
};
const struct message tenon_message_passthrough = MESSAGE(op_passthrough, passthrough_fields);

static const struct field diff_fields[] = {
    { NULL, 1, FIELD_INDEX, AT(op_diff, lower) },
    { NULL, 2, FIELD_INDEX, AT(op_diff, upper) },
};
const struct message tenon_message_diff = MESSAGE(op_diff, diff_fields);

static const struct field platform_fields[] = {
    { NULL, 1, FIELD_STRING, AT(op_platform, arch) },
    { NULL, 2, FIELD_STRING, AT(op_platform, os) },
    { NULL, 3, FIELD_STRING, AT(op_platform, variant) },
    { NULL, 4, FIELD_STRING, AT(op_platform, os_version) },
    { NULL, 5, FIELD_LIST, AT(op_platform, os_features) },
};
const struct message tenon_message_platform = MESSAGE(op_platform, platform_fields);

/* ---- exec ---------------------------------------------------------------- */

static const char *const networks[] = { "sandbox", "host", "none", NULL };
static const char *const securities[] = { "sandbox", "insecure", NULL };
static const char *const sharings[] = { "shared", "private", "locked", NULL };
const char *const tenon_llb_mount_types[] = { "bind", "secret", "ssh", "cache", "tmpfs", NULL };
static const char *const content_caches[] = { "default", "on", "off", NULL };

static const struct field proxy_fields[] = {
    { "proxy.http", 1, FIELD_STRING, AT(op_exec, proxy[0]) },
    { "proxy.https", 2, FIELD_STRING, AT(op_exec, proxy[1]) },
    { "proxy.ftp", 3, FIELD_STRING, AT(op_exec, proxy[2]) },
    { "proxy.no", 4, FIELD_STRING, AT(op_exec, proxy[3]) },
    { "proxy.all", 5, FIELD_STRING, AT(op_exec, proxy[4]) },
};
static const struct message proxy = MESSAGE(op_exec, proxy_fields);

static const struct field extrahost_fields[] = {
    { "host", 1, FIELD_STRING, AT(pair, key) },
    { "ip", 2, FIELD_STRING, AT(pair, value) },
};
static const struct message extrahost = MESSAGE(pair, extrahost_fields);

static const struct field ulimit_fields[] = {
    { "name", 1, FIELD_STRING, AT(op_ulimit, name) },
    { "soft", 2, FIELD_INT64, AT(op_ulimit, soft) },
    { "hard", 3, FIELD_INT64, AT(op_ulimit, hard) },
};
static const struct message ulimit = MESSAGE(op_ulimit, ulimit_fields);

static const struct field process_fields[] = { /* pb.Meta */
    { "args", 1, FIELD_LIST, AT(op_exec, args) },
    { "env", 2, FIELD_LIST, AT(op_exec, env) },
    { "cwd", 3, FIELD_STRING, AT(op_exec, cwd) },
    { "user", 4, FIELD_STRING, AT(op_exec, user) },
    { NULL, 5, FIELD_GROUP, .message = &proxy, .when = WHEN_NOT_EMPTY },
    { NULL, 6, FIELD_ITEMS, COUNTED(op_exec, extra_hosts, extra_host_count),
      .message = &extrahost },
    { "hostname", 7, FIELD_STRING, AT(op_exec, hostname) },
    { NULL, 9, FIELD_ITEMS, COUNTED(op_exec, ulimits, ulimit_count), .message = &ulimit },
    { "cgroup_parent", 10, FIELD_STRING, AT(op_exec, cgroup_parent) },
    { "remove_stubs_recursive", 11, FIELD_BOOL, AT(op_exec, remove_stubs_recursive) },
    { "valid_exit_code", 12, FIELD_INTS,
      COUNTED(op_exec, valid_exit_codes, valid_exit_code_count) },
};
static const struct message process = MESSAGE(op_exec, process_fields);

static const struct field tmpfs_fields[] = {
    { "tmpfs_size", 1, FIELD_INT64, AT(op_mount, tmpfs_size) },
};
static const struct message tmpfs = MESSAGE(op_mount, tmpfs_fields);

static const struct field cache_fields[] = {
    { "cache_id", 1, FIELD_STRING, AT(op_mount, cache_id) },
    { "cache_sharing", 2, FIELD_WORD, AT(op_mount, cache_sharing), .words = sharings },
};
static const struct message cache = MESSAGE(op_mount, cache_fields);

static const struct field secret_fields[] = { /* and of an agent */
    { "id", 1, FIELD_STRING, AT(op_mount, id) },
    { "uid", 2, FIELD_UINT32, AT(op_mount, uid) },
    { "gid", 3, FIELD_UINT32, AT(op_mount, gid) },
    { "mode", 4, FIELD_UINT32, AT(op_mount, mode) },
    { "optional", 5, FIELD_BOOL, AT(op_mount, optional) },
};
static const struct message secret = MESSAGE(op_mount, secret_fields);

static const struct field plugin_fields[] = { /* ours: types that LLB does not know */
    { NULL, 1, FIELD_STRING, AT(op_mount, plugin_type) },
    { "option.", 2, FIELD_PAIRS, COUNTED(op_mount, plugin_options, plugin_option_count) },
};
static const struct message plugin = MESSAGE(op_mount, plugin_fields);

#define OF_TYPE(t) .when = WHEN_IS, .extra = offsetof(struct tenon_op_mount, type), .is = (t)
static const struct field mount_fields[] = {
    { NULL, 1, FIELD_INT64, AT(op_mount, input) },
    { "selector", 2, FIELD_STRING, AT(op_mount, selector) },
    { "dest", 3, FIELD_STRING, AT(op_mount, dest) },
    { NULL, 4, FIELD_INT64, AT(op_mount, output) },
    { "readonly", 5, FIELD_BOOL, AT(op_mount, readonly) },
    { "type", 6, FIELD_MOUNT_TYPE, AT(op_mount, type) },
    { NULL, 19, FIELD_GROUP, .message = &tmpfs, OF_TYPE(TENON_LLB_MOUNT_TMPFS) },
    { NULL, 20, FIELD_GROUP, .message = &cache, OF_TYPE(TENON_LLB_MOUNT_CACHE) },
    { NULL, 21, FIELD_GROUP, .message = &secret, OF_TYPE(TENON_LLB_MOUNT_SECRET) },
    { NULL, 22, FIELD_GROUP, .message = &secret, OF_TYPE(TENON_LLB_MOUNT_SSH) },
    { "result_id", 23, FIELD_STRING, AT(op_mount, result_id) },
    { "content_cache", 24, FIELD_WORD, AT(op_mount, content_cache), .words = content_caches },
    { NULL, 1000, FIELD_GROUP, .message = &plugin, WHEN(POINTER, op_mount, plugin_type) },
    { "no_output", 0, FIELD_NO_OUTPUT, .offset = 0 },
};
static const struct message mount = MESSAGE(op_mount, mount_fields);

static const struct field secretenv_fields[] = {
    { "id", 1, FIELD_STRING, AT(op_secretenv, id) },
    { "name", 2, FIELD_STRING, AT(op_secretenv, name) },
    { "optional", 3, FIELD_BOOL, AT(op_secretenv, optional) },
};
static const struct message secretenv = MESSAGE(op_secretenv, secretenv_fields);

static const struct field device_fields[] = {
    { "name", 1, FIELD_STRING, AT(pair, key) },
    { "optional", 2, FIELD_OPTIONAL, AT(pair, value) },
};
static const struct message device = MESSAGE(pair, device_fields);

static const struct field exec_fields[] = {
    { NULL, 1, FIELD_GROUP, .message = &process },
    { NULL, 2, FIELD_ITEMS, COUNTED(op_exec, mounts, mount_count), .message = &mount },
    { "network", 3, FIELD_WORD, AT(op_exec, network), .words = networks },
    { "security", 4, FIELD_WORD, AT(op_exec, security), .words = securities },
    { NULL, 5, FIELD_ITEMS, COUNTED(op_exec, secretenv, secretenv_count),
      .message = &secretenv },
    { NULL, 6, FIELD_ITEMS, COUNTED(op_exec, devices, device_count), .message = &device },
    { "platform", 0, FIELD_PLATFORM, .offset = 0 },
};
const struct message tenon_message_exec = MESSAGE(op_exec, exec_fields);

/* ---- file ---------------------------------------------------------------- */

static const struct field owner_fields[] = {
    { "owner.user", 1, FIELD_USER, AT(op_action, user) },
    { "owner.group", 2, FIELD_USER, AT(op_action, group) },
};
static const struct message owner = MESSAGE(op_action, owner_fields);
#define OWNER(n) \
    { NULL, n, FIELD_GROUP, .message = &owner, WHEN(SET, op_action, has_owner) }
#define TIMESTAMP(n) { "timestamp", n, FIELD_INT64, AT(op_action, timestamp_ns) }

static const struct field copy_fields[] = {
    { "src", 1, FIELD_STRING, AT(op_action, src) },
    { "dest", 2, FIELD_STRING, AT(op_action, dest) },
    OWNER(3),
    { "mode", 4, FIELD_MODE, AT(op_action, mode) },
    { "follow_symlink", 5, FIELD_BOOL, AT(op_action, follow_symlink) },
    { "dir_copy_contents", 6, FIELD_BOOL, AT(op_action, dir_copy_contents) },
    { "attempt_unpack", 7, FIELD_BOOL, AT(op_action, attempt_unpack) },
    { "create_dest_path", 8, FIELD_BOOL, AT(op_action, create_dest_path) },
    { "allow_wildcard", 9, FIELD_BOOL, AT(op_action, allow_wildcard) },
    { "allow_empty_wildcard", 10, FIELD_BOOL, AT(op_action, allow_empty_wildcard) },
    TIMESTAMP(11),
    { "include", 12, FIELD_LIST, AT(op_action, include) },
    { "exclude", 13, FIELD_LIST, AT(op_action, exclude) },
    { "always_replace", 14, FIELD_BOOL, AT(op_action, always_replace) },
    { "mode_str", 15, FIELD_STRING, AT(op_action, mode_str) },
    { "required", 16, FIELD_LIST, AT(op_action, required) },
};
static const struct message copy_action = MESSAGE(op_action, copy_fields);

static const struct field mkfile_fields[] = {
    { "path", 1, FIELD_STRING, AT(op_action, dest) },
    { "mode", 2, FIELD_MODE, AT(op_action, mode) },
    { "data", 3, FIELD_BYTES, COUNTED(op_action, data, data_len) },
    OWNER(4),
    TIMESTAMP(5),
};
static const struct message mkfile_action = MESSAGE(op_action, mkfile_fields);

static const struct field mkdir_fields[] = {
    { "path", 1, FIELD_STRING, AT(op_action, dest) },
    { "mode", 2, FIELD_MODE, AT(op_action, mode) },
    { "make_parents", 3, FIELD_BOOL, AT(op_action, make_parents) },
    OWNER(4),
    TIMESTAMP(5),
};
static const struct message mkdir_action = MESSAGE(op_action, mkdir_fields);

static const struct field rm_fields[] = {
    { "path", 1, FIELD_STRING, AT(op_action, dest) },
    { "allow_not_found", 2, FIELD_BOOL, AT(op_action, allow_not_found) },
    { "allow_wildcard", 3, FIELD_BOOL, AT(op_action, allow_wildcard) },
};
static const struct message rm_action = MESSAGE(op_action, rm_fields);

static const struct field symlink_fields[] = {
    { "oldpath", 1, FIELD_STRING, AT(op_action, src) },
    { "newpath", 2, FIELD_STRING, AT(op_action, dest) },
    OWNER(3),
    TIMESTAMP(4),
};
static const struct message symlink_action = MESSAGE(op_action, symlink_fields);

#define KIND(n, m) \
    { NULL, n, FIELD_GROUP, .message = &(m), WHEN(MEMBER, op_action, type) }
static const struct field action_fields[] = {
    { NULL, 1, FIELD_INT64, AT(op_action, input) },
    { NULL, 2, FIELD_INT64, AT(op_action, secondary) },
    { NULL, 3, FIELD_INT64, AT(op_action, output) },
    KIND(TENON_FILE_COPY, copy_action),
    KIND(TENON_FILE_MKFILE, mkfile_action),
    KIND(TENON_FILE_MKDIR, mkdir_action),
    KIND(TENON_FILE_RM, rm_action),
    KIND(TENON_FILE_SYMLINK, symlink_action),
};
static const struct message action = MESSAGE(op_action, action_fields);

static const struct field file_fields[] = {
    { NULL, 2, FIELD_ITEMS, COUNTED(op_file, actions, count), .message = &action },
};
const struct message tenon_message_file = MESSAGE(op_file, file_fields);

/* ---- what stands beside an op -------------------------------------------- */

static const struct field progress_fields[] = {
    { "progress_group.id", 1, FIELD_STRING, AT(vertex_meta, group_id) },
    { "progress_group.name", 2, FIELD_STRING, AT(vertex_meta, group_name) },
    { "progress_group.weak", 3, FIELD_BOOL, AT(vertex_meta, group_weak) },
};
static const struct message progress = MESSAGE(vertex_meta, progress_fields);

static const struct field resource_fields[] = {
    { "resources.memory", 1, FIELD_INT64, AT(vertex_meta, memory) },
    { "resources.memory_swap", 2, FIELD_INT64, AT(vertex_meta, memory_swap) },
    { "resources.cpu_shares", 3, FIELD_INT64, AT(vertex_meta, cpu_shares) },
    { "resources.cpu_period", 4, FIELD_INT64, AT(vertex_meta, cpu_period) },
    { "resources.cpu_quota", 5, FIELD_INT64, AT(vertex_meta, cpu_quota) },
    { "resources.cpuset_cpus", 6, FIELD_STRING, AT(vertex_meta, cpuset_cpus) },
    { "resources.cpuset_mems", 7, FIELD_STRING, AT(vertex_meta, cpuset_mems) },
};
static const struct message resources = MESSAGE(vertex_meta, resource_fields);

static const struct field meta_fields[] = { /* pb.OpMetadata */
    { "ignore_cache", 1, FIELD_BOOL, AT(vertex_meta, ignore_cache) },
    /* All that has no field of its own. */
    { "", 2, FIELD_MAP, COUNTED(vertex_meta, description, description_count) },
    { NULL, 6, FIELD_GROUP, .message = &progress, WHEN(POINTER, vertex_meta, group_id) },
    { NULL, 7, FIELD_GROUP, .message = &resources, .when = WHEN_NOT_EMPTY },
};
const struct message tenon_message_meta = MESSAGE(vertex_meta, meta_fields);

/* ------------------------------------------------------------------------------------- */

const struct node_kind_info tenon_node_kinds[NODE_KINDS] = {
    [NODE_SOURCE] = { "source", &tenon_message_source },
    [NODE_EXEC] = { "exec", &tenon_message_exec },
    [NODE_FILE] = { "file", &tenon_message_file },
    [NODE_MERGE] = { "merge", &tenon_message_merge },
    [NODE_DIFF] = { "diff", &tenon_message_diff },
    [NODE_MOUNT] = { "mount", &mount },
    [NODE_SECRETENV] = { "secretenv", &secretenv },
    [NODE_EXTRAHOST] = { "extrahost", &extrahost },
    [NODE_ULIMIT] = { "ulimit", &ulimit },
    [NODE_DEVICE] = { "device", &device },
    [NODE_COPY] = { "copy", &copy_action },
    [NODE_MKFILE] = { "mkfile", &mkfile_action },
    [NODE_MKDIR] = { "mkdir", &mkdir_action },
    [NODE_RM] = { "rm", &rm_action },
    [NODE_SYMLINK] = { "symlink", &symlink_action },
};

const struct message *
tenon_op_message(enum tenon_op_type type)
{
    switch (type) {
    case TENON_OP_EXEC:
        return &tenon_message_exec;
    case TENON_OP_SOURCE:
        return &tenon_message_source;
    case TENON_OP_FILE:
        return &tenon_message_file;
    case TENON_OP_MERGE:
        return &tenon_message_merge;
    case TENON_OP_DIFF:
        return &tenon_message_diff;
    case TENON_OP_PASSTHROUGH:
        return &tenon_message_passthrough;
    case TENON_OP_BUILD:
    case TENON_OP_NONE:
        return NULL; /* known by number; the solver says that it cannot run it */
    }
    return NULL;
}

static const struct field *
find(const struct message *m, const char *attr, bool in_map)
{
    for (size_t k = 0; k < m->count; k++) {
        const struct field *f = &m->fields[k], *in = NULL;
        if (f->name && (f->type == FIELD_MAP || f->type == FIELD_PAIRS) == in_map &&
            (in_map ? tenon_has_prefix(attr, f->name) : !strcmp(attr, f->name)))
            return f;
        if (f->type == FIELD_GROUP && (in = find(f->message, attr, in_map)))
            return in;
    }
    return NULL;
}

const struct field *
tenon_field_find(const struct message *m, const char *attr)
{
    const struct field *f = find(m, attr, false);
    return f ? f : find(m, attr, true);
}
