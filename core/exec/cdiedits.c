/* exec/cdiedits.c - the devices of a step: what their descriptions edit. Nodes and files
 * become mounts; variables and groups become the step's own. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/ids.h"
#include "tools/alloc.h"
#include "exec/entitlements.h"
#include "exec/private.h"

/* ---- one description of edits ------------------------------------------- */

struct edits {
    struct tenon_step *s;
    const char *device; /* for messages */
    struct json_object *o;
};

static int
add_mount(struct tenon_step *s, const char *source, const char *target, uint32_t flags,
          struct tenon_error *err)
{
    if (target[0] != '/')
        return tenon_error_set(err, TENON_E_INVALID, "\"%s\" is not an absolute path", target);
    int fd = open(source, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open %s", source);
    tenon_vec_push(&s->list, ((struct tenon_exec_mount){
        .struct_size = sizeof(struct tenon_exec_mount),
        .source = tenon_ctx_strdup(s->ctx, source),
        .target = tenon_ctx_strdup(s->ctx, target), .fd = fd, .flags = flags }));
    return 0;
}

/* Type, number, owner and mode as the file has them; -1: it does not say. */
struct node {
    const char *path, *host_path, *type;
    int64_t major, minor, mode, uid, gid;
};

static int
read_node(struct json_object *o, struct node *n, struct tenon_error *err)
{
    if (tenon_json_get_str(o, "path", NULL, &n->path, err) < 0 ||
        tenon_json_get_str(o, "hostPath", NULL, &n->host_path, err) < 0 ||
        tenon_json_get_str(o, "type", "", &n->type, err) < 0 ||
        tenon_json_get_int(o, "major", -1, &n->major, err) < 0 ||
        tenon_json_get_int(o, "minor", -1, &n->minor, err) < 0 ||
        tenon_json_get_int(o, "fileMode", -1, &n->mode, err) < 0 ||
        tenon_json_get_int(o, "uid", -1, &n->uid, err) < 0 ||
        tenon_json_get_int(o, "gid", -1, &n->gid, err) < 0)
        return err->code;
    if (!n->path)
        return tenon_error_set(err, TENON_E_INVALID, "a device node has no path");
    if (!n->host_path || !*n->host_path)
        n->host_path = n->path;
    if (*n->type && strcmp(n->type, "c") && strcmp(n->type, "u") && strcmp(n->type, "b") &&
        strcmp(n->type, "p"))
        return tenon_error_set(err, TENON_E_INVALID, "%s: unknown type \"%s\"", n->path,
                               n->type);
    return 0;
}

static mode_t
type_bits(const struct node *n, const struct stat *st)
{
    switch (n->type[0]) {
    case 'c':
    case 'u':
        return S_IFCHR;
    case 'b':
        return S_IFBLK;
    case 'p':
        return S_IFIFO;
    default:
        return st->st_mode & S_IFMT;
    }
}

static int
add_node(struct edits *e, struct json_object *o, struct tenon_error *err)
{
    struct node n;
    struct stat st = {0};
    if (read_node(o, &n, err) < 0)
        return err->code;
    bool is_there = stat(n.host_path, &st) == 0;
    if (is_there && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISFIFO(st.st_mode))
        return tenon_error_set(err, TENON_E_INVALID, "%s is not a device", n.host_path);
    if (!is_there && (!*n.type || n.major < 0 || n.minor < 0))
        return tenon_error_set(err, TENON_E_NOT_FOUND, "no device node %s", n.host_path);

    bool same = is_there && type_bits(&n, &st) == (st.st_mode & S_IFMT) &&
                (n.major < 0 || n.major == (int64_t)major(st.st_rdev)) &&
                (n.minor < 0 || n.minor == (int64_t)minor(st.st_rdev)) &&
                (n.mode < 0 || (n.mode & 07777) == (int64_t)(st.st_mode & 07777)) &&
                (n.uid < 0 || n.uid == (int64_t)st.st_uid) &&
                (n.gid < 0 || n.gid == (int64_t)st.st_gid);
    /* The device can be written to, its owner and mode cannot be changed. */
    if (same || (is_there && e->s->engine->rootless))
        return add_mount(e->s, n.host_path, n.path, TENON_MOUNT_DEVICE | TENON_MOUNT_RDONLY, err);

    /* A node of our own, because the machine's differs from the description. */
    auto_free char *name = tenon_asprintf("n%u", e->s->names++);
    auto_free char *path = tenon_asprintf("%s/%s", e->s->dir, name);
    int dir = tenon_tempdir_fd(e->s->tempdir);
    mode_t mode = n.mode >= 0 ? (mode_t)n.mode & 07777 : is_there ? st.st_mode & 07777 : 0666;
    dev_t number = makedev((unsigned)(n.major >= 0 ? n.major : (int64_t)major(st.st_rdev)),
                           (unsigned)(n.minor >= 0 ? n.minor : (int64_t)minor(st.st_rdev)));
    if (mknodat(dir, name, type_bits(&n, &st) | mode, number) < 0 ||
        fchownat(dir, name, n.uid >= 0 ? (uid_t)n.uid : 0, n.gid >= 0 ? (gid_t)n.gid : 0,
                 AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(dir, name, mode, 0) < 0)
        return tenon_error_sys(err, "make the device node %s", n.path);
    return add_mount(e->s, path, n.path, TENON_MOUNT_DEVICE, err);
}

static int
add_bind(struct edits *e, struct json_object *o, struct tenon_error *err)
{
    const char *from = NULL, *to = NULL, *type = NULL;
    struct json_object *options = NULL;
    if (tenon_json_get_str(o, "hostPath", NULL, &from, err) < 0 ||
        tenon_json_get_str(o, "containerPath", NULL, &to, err) < 0 ||
        tenon_json_get_str(o, "type", "", &type, err) < 0 ||
        tenon_json_get_array(o, "options", &options, err) < 0)
        return err->code;
    if (!from || !to)
        return tenon_error_set(err, TENON_E_INVALID, "a mount has no hostPath or containerPath");
    if (*type && strcmp(type, "bind") && strcmp(type, "none"))
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "%s: mount of type \"%s\"", to, type);
    uint32_t flags = 0;
    unsigned safe = 0;
    for (size_t i = 0; options && i < json_object_array_length(options); i++) {
        const char *w = json_object_get_string(json_object_array_get_idx(options, i));
        if (!w)
            continue;
        flags |= !strcmp(w, "ro") ? TENON_MOUNT_RDONLY : 0;
        safe += !strcmp(w, "noexec") || !strcmp(w, "nosuid") || !strcmp(w, "nodev");
    }
    return add_mount(e->s, from, to, flags | (safe >= 3 ? TENON_MOUNT_NOEXEC : 0), err);
}

static int
add_variable(struct edits *e, struct json_object *o, struct tenon_error *err)
{
    const char *pair = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
    if (!pair || !strchr(pair, '=') || pair[0] == '=')
        return tenon_error_set(err, TENON_E_INVALID, "invalid variable");
    tenon_step_env_add(e->s, pair);
    return 0;
}

static int
add_group(struct edits *e, struct json_object *o, struct tenon_error *err)
{
    int64_t gid = json_object_is_type(o, json_type_int) ? json_object_get_int64(o) : -1;
    if (gid < 0 || gid >= UINT32_MAX)
        return tenon_error_set(err, TENON_E_INVALID, "invalid group");
    struct tenon_user *u = &e->s->user;
    errno = EINVAL;
    if (!tenon_ids_single() && !tenon_ids_have(u->uid, (uint32_t)gid))
        return tenon_error_owner(err, u->uid, (uint32_t)gid, "group of a device");
    tenon_user_add_group(u, (uint32_t)gid);
    return 0;
}

static int
each(struct edits *e, const char *key,
     int (*add)(struct edits *, struct json_object *, struct tenon_error *),
     struct tenon_error *err)
{
    struct json_object *list = NULL;
    if (tenon_json_get_array(e->o, key, &list, err) < 0)
        return err->code;
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (add(e, json_object_array_get_idx(list, i), err) < 0)
            return err->code;
    return 0;
}

/* of: the document of a file or of one of its devices. */
static int
apply(struct tenon_step *s, const char *device, struct json_object *of, struct tenon_error *err)
{
    static const char *const refused[] = { "hooks", "intelRdt", "netDevices" };
    struct edits e = { s, device, NULL };
    if (tenon_json_get_object(of, "containerEdits", &e.o, err) < 0)
        return tenon_error_context(err, "device \"%s\"", device);
    if (!e.o)
        return 0;
    for (size_t i = 0; i < tenon_countof(refused); i++) {
        struct json_object *o;
        if (!json_object_object_get_ex(e.o, refused[i], &o) || !o ||
            (json_object_is_type(o, json_type_array) && !json_object_array_length(o)))
            continue;
        tenon_error_set(err, TENON_E_UNSUPPORTED, "device \"%s\": %s are not supported", device,
                        refused[i]);
        return tenon_error_hint(err, "tenon runs none of the machine's programs for a step; "
                                     "describe the device with nodes and mounts alone");
    }
    if (each(&e, "env", add_variable, err) < 0 || each(&e, "deviceNodes", add_node, err) < 0 ||
        each(&e, "mounts", add_bind, err) < 0 || each(&e, "additionalGids", add_group, err) < 0)
        return tenon_error_context(err, "device \"%s\"", device);
    return 0;
}

/* ------------------------------------------------------------------------------------- */

static int
find_all(const struct tenon_step *s, const struct tenon_cdi *cdi, struct tenon_cdi_found *found,
         struct tenon_error *err)
{
    for (size_t i = 0; i < s->op->device_count; i++) {
        const struct tenon_pair *d = &s->op->devices[i];
        auto_free char *alias = tenon_entitlement_device(s->engine, d->key);
        if (tenon_cdi_find(cdi, alias ? alias : d->key, found, err) == 0)
            continue;
        if (err->code != TENON_E_NOT_FOUND || !*d->value)
            return err->code;
        tenon_error_release(err); /* optional */
    }
    return 0;
}

int
tenon_step_devices(struct tenon_step *s, struct tenon_error *err)
{
    if (!s->op->device_count)
        return 0;
    auto_cdi struct tenon_cdi cdi = {0};
    tenon_entitlement_load_cdi(s->engine, &cdi);
    struct tenon_cdi_found found = {0};
    int rc = find_all(s, &cdi, &found, err);
    for (size_t i = 0; rc == 0 && i < found.list.len; i++) {
        const struct tenon_cdi_device *d = found.list.items[i];
        bool first = true; /* of its file, whose own edits count once */
        for (size_t k = 0; k < i; k++)
            first = first && found.list.items[k]->spec != d->spec;
        if (first)
            rc = apply(s, d->name, d->spec, err);
        if (rc == 0)
            rc = apply(s, d->name, d->device, err);
    }
    tenon_vec_release(&found.list);
    return rc;
}
