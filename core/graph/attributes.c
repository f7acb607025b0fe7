#include "graph/attributes.h"

#include "graph/builder.h"

#define AT(member) offsetof(struct tenon_node, member)

static const char *const networks[] = { "sandbox", "host", "none", NULL };
static const char *const securities[] = { "sandbox", "insecure", NULL };
static const char *const sharings[] = { "shared", "private", "locked", NULL };
static const char *const content_caches[] = { "default", "on", "off", NULL };
const char *const tenon_mount_type_names[] = { "bind", "secret", "ssh", "cache",
                                               "tmpfs", NULL };

static const struct attr source_attrs[] = {
    { "identifier", ATTR_STRING, AT(source.identifier), 0, NULL },
    { "platform", ATTR_PLATFORM, 0, 0, NULL },
    { "attr.", ATTR_MAP, AT(source.attrs), AT(source.attr_count), NULL },
    { 0 },
};

static const struct attr exec_attrs[] = {
    { "args", ATTR_LIST, AT(exec.args), 0, NULL },
    { "env", ATTR_LIST, AT(exec.env), 0, NULL },
    { "cwd", ATTR_STRING, AT(exec.cwd), 0, NULL },
    { "user", ATTR_STRING, AT(exec.user), 0, NULL },
    { "hostname", ATTR_STRING, AT(exec.hostname), 0, NULL },
    { "cgroup_parent", ATTR_STRING, AT(exec.cgroup_parent), 0, NULL },
    { "network", ATTR_WORD, AT(exec.network), 0, networks },
    { "security", ATTR_WORD, AT(exec.security), 0, securities },
    { "proxy.http", ATTR_STRING, AT(exec.proxy[0]), 0, NULL },
    { "proxy.https", ATTR_STRING, AT(exec.proxy[1]), 0, NULL },
    { "proxy.ftp", ATTR_STRING, AT(exec.proxy[2]), 0, NULL },
    { "proxy.no", ATTR_STRING, AT(exec.proxy[3]), 0, NULL },
    { "proxy.all", ATTR_STRING, AT(exec.proxy[4]), 0, NULL },
    { "valid_exit_code", ATTR_INTS, AT(exec.valid_exit_codes),
      AT(exec.valid_exit_code_count), NULL },
    { "remove_stubs_recursive", ATTR_BOOL, AT(exec.remove_stubs_recursive), 0,
      NULL },
    { "platform", ATTR_PLATFORM, 0, 0, NULL },
    { 0 },
};

static const struct attr no_attrs[] = { { 0 } };

static const struct attr mount_attrs[] = {
    { "type", ATTR_MOUNT_TYPE, 0, 0, NULL },
    { "dest", ATTR_STRING, AT(mount.dest), 0, NULL },
    { "selector", ATTR_STRING, AT(mount.selector), 0, NULL },
    { "readonly", ATTR_BOOL, AT(mount.readonly), 0, NULL },
    { "no_output", ATTR_BOOL, AT(no_output), 0, NULL },
    { "result_id", ATTR_STRING, AT(mount.result_id), 0, NULL },
    { "content_cache", ATTR_WORD, AT(mount.content_cache), 0, content_caches },
    { "tmpfs_size", ATTR_INT64, AT(mount.tmpfs_size), 0, NULL },
    { "cache_id", ATTR_STRING, AT(mount.cache_id), 0, NULL },
    { "cache_sharing", ATTR_WORD, AT(mount.cache_sharing), 0, sharings },
    { "id", ATTR_STRING, AT(mount.id), 0, NULL },
    { "uid", ATTR_UINT32, AT(mount.uid), 0, NULL },
    { "gid", ATTR_UINT32, AT(mount.gid), 0, NULL },
    { "mode", ATTR_UINT32, AT(mount.mode), 0, NULL },
    { "optional", ATTR_BOOL, AT(mount.optional), 0, NULL },
    { "option.", ATTR_MAP, AT(mount.plugin_options),
      AT(mount.plugin_option_count), NULL },
    { 0 },
};

static const struct attr secretenv_attrs[] = {
    { "id", ATTR_STRING, AT(secretenv.id), 0, NULL },
    { "name", ATTR_STRING, AT(secretenv.name), 0, NULL },
    { "optional", ATTR_BOOL, AT(secretenv.optional), 0, NULL },
    { 0 },
};

static const struct attr extrahost_attrs[] = {
    { "host", ATTR_STRING, AT(pair.key), 0, NULL },
    { "ip", ATTR_STRING, AT(pair.value), 0, NULL },
    { 0 },
};

static const struct attr ulimit_attrs[] = {
    { "name", ATTR_STRING, AT(ulimit.name), 0, NULL },
    { "soft", ATTR_INT64, AT(ulimit.soft), 0, NULL },
    { "hard", ATTR_INT64, AT(ulimit.hard), 0, NULL },
    { 0 },
};

static const struct attr device_attrs[] = {
    { "name", ATTR_STRING, AT(pair.key), 0, NULL },
    { "optional", ATTR_OPTIONAL, AT(pair.value), 0, NULL },
    { 0 },
};

#define OWNER_ATTRS                                                           \
    { "owner.user", ATTR_USER, AT(action.user), 0, NULL },                    \
    { "owner.group", ATTR_USER, AT(action.group), 0, NULL },                  \
    { "timestamp", ATTR_INT64, AT(action.timestamp_ns), 0, NULL }

static const struct attr copy_attrs[] = {
    { "src", ATTR_STRING, AT(action.src), 0, NULL },
    { "dest", ATTR_STRING, AT(action.dest), 0, NULL },
    { "mode", ATTR_INT64, AT(action.mode), 0, NULL },
    { "mode_str", ATTR_STRING, AT(action.mode_str), 0, NULL },
    { "follow_symlink", ATTR_BOOL, AT(action.follow_symlink), 0, NULL },
    { "dir_copy_contents", ATTR_BOOL, AT(action.dir_copy_contents), 0, NULL },
    { "attempt_unpack", ATTR_BOOL, AT(action.attempt_unpack), 0, NULL },
    { "create_dest_path", ATTR_BOOL, AT(action.create_dest_path), 0, NULL },
    { "allow_wildcard", ATTR_BOOL, AT(action.allow_wildcard), 0, NULL },
    { "allow_empty_wildcard", ATTR_BOOL, AT(action.allow_empty_wildcard), 0,
      NULL },
    { "always_replace", ATTR_BOOL, AT(action.always_replace), 0, NULL },
    { "include", ATTR_LIST, AT(action.include), 0, NULL },
    { "exclude", ATTR_LIST, AT(action.exclude), 0, NULL },
    { "required", ATTR_LIST, AT(action.required), 0, NULL },
    OWNER_ATTRS,
    { 0 },
};

static const struct attr mkfile_attrs[] = {
    { "path", ATTR_STRING, AT(action.dest), 0, NULL },
    { "mode", ATTR_INT64, AT(action.mode), 0, NULL },
    { "data", ATTR_BYTES, AT(action.data), AT(action.data_len), NULL },
    OWNER_ATTRS,
    { 0 },
};

static const struct attr mkdir_attrs[] = {
    { "path", ATTR_STRING, AT(action.dest), 0, NULL },
    { "mode", ATTR_INT64, AT(action.mode), 0, NULL },
    { "make_parents", ATTR_BOOL, AT(action.make_parents), 0, NULL },
    OWNER_ATTRS,
    { 0 },
};

static const struct attr rm_attrs[] = {
    { "path", ATTR_STRING, AT(action.dest), 0, NULL },
    { "allow_not_found", ATTR_BOOL, AT(action.allow_not_found), 0, NULL },
    { "allow_wildcard", ATTR_BOOL, AT(action.allow_wildcard), 0, NULL },
    { 0 },
};

static const struct attr symlink_attrs[] = {
    { "oldpath", ATTR_STRING, AT(action.src), 0, NULL },
    { "newpath", ATTR_STRING, AT(action.dest), 0, NULL },
    OWNER_ATTRS,
    { 0 },
};

const struct attr *const tenon_node_attrs[NODE_KINDS] = {
    [NODE_SOURCE] = source_attrs,       [NODE_EXEC] = exec_attrs,
    [NODE_FILE] = no_attrs,             [NODE_MERGE] = no_attrs,
    [NODE_DIFF] = no_attrs,             [NODE_MOUNT] = mount_attrs,
    [NODE_SECRETENV] = secretenv_attrs, [NODE_EXTRAHOST] = extrahost_attrs,
    [NODE_ULIMIT] = ulimit_attrs,       [NODE_DEVICE] = device_attrs,
    [NODE_COPY] = copy_attrs,           [NODE_MKFILE] = mkfile_attrs,
    [NODE_MKDIR] = mkdir_attrs,         [NODE_RM] = rm_attrs,
    [NODE_SYMLINK] = symlink_attrs,
};

const char *const tenon_node_kind_names[NODE_KINDS] = {
    [NODE_SOURCE] = "source",       [NODE_EXEC] = "exec",
    [NODE_FILE] = "file",           [NODE_MERGE] = "merge",
    [NODE_DIFF] = "diff",           [NODE_MOUNT] = "mount",
    [NODE_SECRETENV] = "secretenv", [NODE_EXTRAHOST] = "extrahost",
    [NODE_ULIMIT] = "ulimit",       [NODE_DEVICE] = "device",
    [NODE_COPY] = "copy",           [NODE_MKFILE] = "mkfile",
    [NODE_MKDIR] = "mkdir",         [NODE_RM] = "rm",
    [NODE_SYMLINK] = "symlink",
};
