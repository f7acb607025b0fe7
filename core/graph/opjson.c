/* graph/opjson.c - from the wire to JSON by tables: for each message the number, name and type
 * of its fields.  message.h has the attributes; these names are others. */
#include "graph/opjson.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "graph/wire.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/vec.h"

enum type {
    STRING, STRINGS, BYTES, BOOL, INT, INTS, MESSAGE, MESSAGES,
    LONG,         /* of 64 bits: in protobuf's JSON a text */
    ENUM,         /* there a word */
    MAP,          /* of strings */
    MAP_MESSAGES, /* of messages */
    DEFS,         /* encoded operations, each with its digest */
    BLOBS,        /* those as bytes */
};

struct field {
    uint32_t number;
    enum type type;
    const char *name;
    const struct message *of;
    const char *in; /* a member of a oneof: the object that it is in */
    const char *const *words; /* of an ENUM */
};

struct message {
    const struct field *fields;
    size_t count;
    const char *always;      /* an object that is there without members, too */
    const char *const *zero; /* numbers that are there, too */
};

#define F(number, type, name) { number, type, name, NULL, NULL, NULL }
#define OF(number, type, name, of) { number, type, name, of, NULL, NULL }
#define ONE(number, type, name, of, in) { number, type, name, of, in, NULL }
#define WORDS(number, name, words) { number, ENUM, name, NULL, NULL, words }
#define FIELDS(f) .fields = (f), .count = tenon_countof(f)
enum { DEPTH_MAX = 32, OURS = 1000 /* numbers that only tenon knows, from here on */ };

/* Whose JSON it is, and how deep in it. */
struct way {
    bool proto; /* protobuf's, else Go's */
    unsigned depth;
};

static const struct field platform_fields[] = {
    F(1, STRING, "Architecture"), F(2, STRING, "OS"), F(3, STRING, "Variant"),
    F(4, STRING, "OSVersion"), F(5, STRINGS, "OSFeatures"),
};
static const struct message platform = { FIELDS(platform_fields) };

static const struct field input_fields[] = { F(1, STRING, "digest"), F(2, LONG, "index") };
static const struct message input = { FIELDS(input_fields) };

/* ---- exec ------------------------------------------------------------------------------- */

static const struct field proxy_fields[] = {
    F(1, STRING, "http_proxy"), F(2, STRING, "https_proxy"), F(3, STRING, "ftp_proxy"),
    F(4, STRING, "no_proxy"), F(5, STRING, "all_proxy"),
};
static const struct message proxy = { FIELDS(proxy_fields) };
static const struct field host_fields[] = { F(1, STRING, "Host"), F(2, STRING, "IP") };
static const struct message host = { FIELDS(host_fields) };
static const struct field ulimit_fields[] = {
    F(1, STRING, "Name"), F(2, LONG, "Soft"), F(3, LONG, "Hard"),
};
static const struct message ulimit = { FIELDS(ulimit_fields) };
static const struct field meta_fields[] = {
    F(1, STRINGS, "args"), F(2, STRINGS, "env"), F(3, STRING, "cwd"), F(4, STRING, "user"),
    OF(5, MESSAGE, "proxy_env", &proxy), OF(6, MESSAGES, "extraHosts", &host),
    F(7, STRING, "hostname"), OF(9, MESSAGES, "ulimit", &ulimit),
    F(10, STRING, "cgroupParent"), F(11, BOOL, "removeMountStubsRecursive"),
    F(12, INTS, "validExitCodes"),
};
static const struct message meta = { FIELDS(meta_fields) };
static const struct field tmpfs_fields[] = { F(1, LONG, "size") };
static const struct message tmpfs = { FIELDS(tmpfs_fields) };
static const char *const sharings[] = { "SHARED", "PRIVATE", "LOCKED", NULL };
static const struct field kept_fields[] = { F(1, STRING, "ID"), WORDS(2, "sharing", sharings) };
static const struct message kept = { FIELDS(kept_fields) };
static const struct field hidden_fields[] = { /* of a secret, or an agent */
    F(1, STRING, "ID"), F(2, INT, "uid"), F(3, INT, "gid"), F(4, INT, "mode"),
    F(5, BOOL, "optional"),
};
static const struct message hidden = { FIELDS(hidden_fields) };
static const struct field plugin_fields[] = { F(1, STRING, "type"), F(2, MAP, "options") };
static const struct message plugin = { FIELDS(plugin_fields) };
static const char *const mount_types[] = { "BIND", "SECRET", "SSH", "CACHE", "TMPFS", NULL };
static const char *const content_caches[] = { "DEFAULT", "ON", "OFF", NULL };
static const struct field mount_fields[] = {
    F(1, LONG, "input"), F(2, STRING, "selector"), F(3, STRING, "dest"), F(4, LONG, "output"),
    F(5, BOOL, "readonly"), WORDS(6, "mountType", mount_types), OF(19, MESSAGE, "TmpfsOpt", &tmpfs),
    OF(20, MESSAGE, "cacheOpt", &kept), OF(21, MESSAGE, "secretOpt", &hidden),
    OF(22, MESSAGE, "SSHOpt", &hidden), F(23, STRING, "resultID"),
    WORDS(24, "contentCache", content_caches), OF(OURS, MESSAGE, "plugin", &plugin),
};
static const struct message mount = { FIELDS(mount_fields) };
static const struct field secretenv_fields[] = {
    F(1, STRING, "ID"), F(2, STRING, "name"), F(3, BOOL, "optional"),
};
static const struct message secretenv = { FIELDS(secretenv_fields) };
static const struct field device_fields[] = { F(1, STRING, "name"), F(2, BOOL, "optional") };
static const struct message device = { FIELDS(device_fields) };
static const char *const networks[] = { "UNSET", "HOST", "NONE", NULL };
static const char *const securities[] = { "SANDBOX", "INSECURE", NULL };
static const struct field exec_fields[] = {
    OF(1, MESSAGE, "meta", &meta), OF(2, MESSAGES, "mounts", &mount),
    WORDS(3, "network", networks), WORDS(4, "security", securities),
    OF(5, MESSAGES, "secretenv", &secretenv), OF(6, MESSAGES, "cdiDevices", &device),
};
static const struct message exec = { FIELDS(exec_fields) };

/* ---- file ------------------------------------------------------------------------------- */

static const struct field named_fields[] = { F(1, STRING, "name"), F(2, LONG, "input") };
static const struct message named = { FIELDS(named_fields) };
static const struct field user_fields[] = {
    ONE(1, MESSAGE, "byName", &named, "User"), ONE(2, INT, "byId", NULL, "User"),
};
static const struct message user = { FIELDS(user_fields), .always = "User" };
static const struct field owner_fields[] = {
    OF(1, MESSAGE, "user", &user), OF(2, MESSAGE, "group", &user),
};
static const struct message owner = { FIELDS(owner_fields) };
static const struct field copy_fields[] = {
    F(1, STRING, "src"), F(2, STRING, "dest"), OF(3, MESSAGE, "owner", &owner),
    F(4, INT, "mode"), F(5, BOOL, "followSymlink"), F(6, BOOL, "dirCopyContents"),
    F(7, BOOL, "attemptUnpackDockerCompatibility"), F(8, BOOL, "createDestPath"),
    F(9, BOOL, "allowWildcard"), F(10, BOOL, "allowEmptyWildcard"), F(11, LONG, "timestamp"),
    F(12, STRINGS, "include_patterns"), F(13, STRINGS, "exclude_patterns"),
    F(14, BOOL, "alwaysReplaceExistingDestPaths"), F(15, STRING, "modeStr"),
    F(16, STRINGS, "required_paths"),
};
static const struct message copy_action = { FIELDS(copy_fields) };
static const struct field mkfile_fields[] = {
    F(1, STRING, "path"), F(2, INT, "mode"), F(3, BYTES, "data"),
    OF(4, MESSAGE, "owner", &owner), F(5, LONG, "timestamp"),
};
static const struct message mkfile_action = { FIELDS(mkfile_fields) };
static const struct field mkdir_fields[] = {
    F(1, STRING, "path"), F(2, INT, "mode"), F(3, BOOL, "makeParents"),
    OF(4, MESSAGE, "owner", &owner), F(5, LONG, "timestamp"),
};
static const struct message mkdir_action = { FIELDS(mkdir_fields) };
static const struct field rm_fields[] = {
    F(1, STRING, "path"), F(2, BOOL, "allowNotFound"), F(3, BOOL, "allowWildcard"),
};
static const struct message rm_action = { FIELDS(rm_fields) };
static const struct field symlink_fields[] = {
    F(1, STRING, "oldpath"), F(2, STRING, "newpath"), OF(3, MESSAGE, "owner", &owner),
    F(4, LONG, "timestamp"),
};
static const struct message symlink_action = { FIELDS(symlink_fields) };
static const char *const action_zero[] = { "input", "secondaryInput", "output", NULL };
static const struct field action_fields[] = {
    F(1, LONG, "input"), F(2, LONG, "secondaryInput"), F(3, LONG, "output"),
    ONE(4, MESSAGE, "copy", &copy_action, "Action"),
    ONE(5, MESSAGE, "mkfile", &mkfile_action, "Action"),
    ONE(6, MESSAGE, "mkdir", &mkdir_action, "Action"), ONE(7, MESSAGE, "rm", &rm_action, "Action"),
    ONE(8, MESSAGE, "symlink", &symlink_action, "Action"),
};
static const struct message action = { FIELDS(action_fields), .always = "Action",
                                       .zero = action_zero };
static const struct field file_fields[] = { OF(2, MESSAGES, "actions", &action) };
static const struct message file = { FIELDS(file_fields) };

/* ---- others ------------------------------------------------------------------------------ */

static const struct field source_fields[] = { F(1, STRING, "identifier"), F(2, MAP, "attrs") };
static const struct message source = { FIELDS(source_fields) };
static const struct field edge_fields[] = { F(1, LONG, "input") };
static const struct message edge = { FIELDS(edge_fields) };
static const struct field merge_fields[] = { OF(1, MESSAGES, "inputs", &edge) };
static const struct message merge = { FIELDS(merge_fields) };
static const struct field passthrough_fields[] = { F(1, STRING, "id"), F(2, INTS, "outputs") };
static const struct message passthrough = { FIELDS(passthrough_fields) };
static const struct field diff_fields[] = {
    OF(1, MESSAGE, "lower", &edge), OF(2, MESSAGE, "upper", &edge),
};
static const struct message diff = { FIELDS(diff_fields) };
static const struct field constraint_fields[] = { F(1, STRINGS, "filter") };
static const struct message constraints = { FIELDS(constraint_fields) };
static const struct field op_fields[] = {
    OF(1, MESSAGES, "inputs", &input),
    ONE(2, MESSAGE, "exec", &exec, "Op"), ONE(3, MESSAGE, "source", &source, "Op"),
    ONE(4, MESSAGE, "file", &file, "Op"), ONE(6, MESSAGE, "merge", &merge, "Op"),
    ONE(7, MESSAGE, "diff", &diff, "Op"), ONE(8, MESSAGE, "passthrough", &passthrough, "Op"),
    OF(10, MESSAGE, "platform", &platform),
    OF(11, MESSAGE, "constraints", &constraints),
};
static const struct message op = { FIELDS(op_fields), .always = "Op" };

static const struct field position_fields[] = { F(1, INT, "line"), F(2, INT, "character") };
static const struct message position = { FIELDS(position_fields) };
static const struct field range_fields[] = {
    OF(1, MESSAGE, "start", &position), OF(2, MESSAGE, "end", &position),
};
static const struct message range = { FIELDS(range_fields) };
static const struct field location_fields[] = {
    F(1, INT, "sourceIndex"), OF(2, MESSAGES, "ranges", &range),
};
static const struct message location = { FIELDS(location_fields) };
static const struct field locations_fields[] = { OF(1, MESSAGES, "locations", &location) };
static const struct message locations = { FIELDS(locations_fields) };
/* What a file was read from, without places of its own: they could be in one another for ever. */
static const struct field origin_fields[] = { F(1, DEFS, "def") };
static const struct message origin = { FIELDS(origin_fields) };
static const struct field info_fields[] = {
    F(1, STRING, "filename"), F(2, BYTES, "data"), OF(3, MESSAGE, "definition", &origin),
    F(4, STRING, "language"),
};
static const struct message info = { FIELDS(info_fields) };
static const struct field place_fields[] = {
    OF(1, MAP_MESSAGES, "locations", &locations), OF(2, MESSAGES, "infos", &info),
};
static const struct message place = { FIELDS(place_fields) };

/* The same where protobuf's JSON is wanted: a file knows what it was read from. */
static const struct field from_fields[] = { F(1, BLOBS, "def") };
static const struct message read_from = { FIELDS(from_fields) };
static const struct field proto_info_fields[] = {
    F(1, STRING, "filename"), F(2, BYTES, "data"), OF(3, MESSAGE, "definition", &read_from),
    F(4, STRING, "language"),
};
static const struct message proto_info = { FIELDS(proto_info_fields) };
static const struct field proto_place_fields[] = {
    OF(1, MAP_MESSAGES, "locations", &locations), OF(2, MESSAGES, "infos", &proto_info),
};
static const struct message proto_place = { FIELDS(proto_place_fields) };

/* What stands beside an operation, by the names of Go's encoder. */
static const struct field group_fields[] = {
    F(1, STRING, "id"), F(2, STRING, "name"), F(3, BOOL, "weak"),
};
static const struct message group = { FIELDS(group_fields) };
static const struct field limits_fields[] = {
    F(1, INT, "memory"), F(2, INT, "memorySwap"), F(3, INT, "cpuShares"), F(4, INT, "cpuPeriod"),
    F(5, INT, "cpuQuota"), F(6, STRING, "cpusetCpus"), F(7, STRING, "cpusetMems"),
};
static const struct message limits = { FIELDS(limits_fields) };
static const struct field beside_fields[] = {
    F(1, BOOL, "ignore_cache"), F(2, MAP, "description"),
    OF(6, MESSAGE, "progress_group", &group), OF(7, MESSAGE, "linux_resources", &limits),
};
static const struct message beside = { FIELDS(beside_fields) };
static const struct field metadata_fields[] = { OF(2, MAP_MESSAGES, "metadata", &beside) };
static const struct message metadata = { FIELDS(metadata_fields) };
static const struct field definition_fields[] = {
    F(1, DEFS, "def"), OF(3, MESSAGE, "Source", &place),
};
static const struct message definition = { FIELDS(definition_fields) };

/* ------------------------------------------------------------------------------------------ */

static struct json_object *convert(const struct message *m, const void *data, size_t len,
                                   struct way way, struct tenon_error *err);

static struct json_object *
text(const void *data, size_t len)
{
    return json_object_new_string_len(data ? data : "", (int)len);
}

/* "proxy_env" is "proxyEnv" in protobuf's. */
static char *
name_in(struct way way, const char *name)
{
    /* Go's has a word of its own for it. */
    char *out = tenon_strdup(way.proto && !strcmp(name, "byId") ? "byID" : name), *to = out;
    if (!way.proto)
        return out;
    for (const char *from = out; *from; from++) {
        if (*from == '_' && from[1] >= 'a' && from[1] <= 'z')
            *to++ = (char)(*++from - 'a' + 'A');
        else
            *to++ = *from;
    }
    *to = '\0';
    return out;
}

/* The member, made when it is not there. */
static struct json_object *
member(struct json_object *o, const char *name, bool list)
{
    struct json_object *v;
    if (!json_object_object_get_ex(o, name, &v)) {
        v = list ? json_object_new_array() : json_object_new_object();
        json_object_object_add(o, name, v);
    }
    return v;
}

static int
add_pair(struct json_object *map, const struct field *f, const struct tenon_wire *w,
         struct way way, struct tenon_error *err)
{
    struct tenon_wire entry;
    auto_free char *key = NULL;
    struct json_object *value = NULL;
    int rc;
    tenon_wire_init(&entry, w->data, w->len);
    while ((rc = tenon_wire_next(&entry, err)) > 0) {
        if (entry.field == 1) {
            free(key);
            key = tenon_strndup(entry.data, entry.len);
        } else if (entry.field == 2) {
            json_object_put(value);
            value = f->type == MAP ? text(entry.data, entry.len)
                                   : convert(f->of, entry.data, entry.len, way, err);
            if (!value)
                return err->code;
        }
    }
    if (!value)
        value = f->type == MAP ? text("", 0) : json_object_new_object();
    json_object_object_add(map, key ? key : "", value);
    return rc;
}

static int
add_numbers(struct json_object *list, const struct tenon_wire *w, struct tenon_error *err)
{
    if (w->type == TENON_WIRE_VARINT) {
        json_object_array_add(list, json_object_new_int64((int64_t)w->value));
        return TENON_OK;
    }
    const unsigned char *at = w->data, *end = at ? at + w->len : at;
    while (at < end) {
        uint64_t v = 0;
        for (unsigned shift = 0;; shift += 7) {
            if (at == end || shift > 63)
                return tenon_error_set(err, TENON_E_CORRUPT, "a list of numbers is cut");
            v |= (uint64_t)(*at & 0x7f) << shift;
            if (!(*at++ & 0x80))
                break;
        }
        json_object_array_add(list, json_object_new_int64((int64_t)v));
    }
    return TENON_OK;
}

/* A number as this JSON has it. */
static struct json_object *
number(const struct field *f, uint64_t value, bool proto)
{
    if (f->type == BOOL)
        return json_object_new_boolean(value != 0);
    if (proto && f->type == LONG) {
        auto_free char *digits = tenon_asprintf("%lld", (long long)value);
        return json_object_new_string(digits);
    }
    for (size_t i = 0; proto && f->type == ENUM && f->words[i]; i++)
        if (i == value)
            return json_object_new_string(f->words[i]);
    return json_object_new_int64((int64_t)value);
}

/* One operation of a definition. */
static int
add_op(struct json_object *list, const struct tenon_wire *w, struct way way,
       struct tenon_error *err)
{
    struct tenon_digest digest;
    struct json_object *one = convert(&op, w->data, w->len, way, err);
    if (!one)
        return err->code;
    tenon_digest_of(w->data, w->len, &digest);
    struct json_object *v = json_object_new_object();
    json_object_object_add(v, "digest", json_object_new_string(digest.str));
    json_object_object_add(v, "op", one);
    json_object_array_add(list, v);
    return TENON_OK;
}

/* Protobuf's JSON does not have what is as if it were not there. */
static bool
is_left_out(const struct field *f, const struct tenon_wire *w)
{
    switch (f->type) {
    case STRING:
    case BYTES:
        return w->len == 0;
    case BOOL:
    case INT:
    case LONG:
    case ENUM:
        return w->value == 0 && !f->in;
    case STRINGS:
    case INTS:
    case MESSAGE:
    case MESSAGES:
    case MAP:
    case MAP_MESSAGES:
    case DEFS:
    case BLOBS:
        break;
    }
    return false;
}

static int
add(struct json_object *o, const struct field *f, const struct tenon_wire *w, struct way way,
    struct tenon_error *err)
{
    const struct way inner = { way.proto, way.depth + 1 };
    auto_free char *name = name_in(way, f->name);
    struct json_object *to = f->in && !way.proto ? member(o, f->in, false) : o, *v = NULL;
    if (way.proto && (is_left_out(f, w) || f->number >= OURS))
        return TENON_OK;
    switch (f->type) {
    case STRING:
        v = text(w->data, w->len);
        break;
    case BYTES: {
        auto_free char *coded = tenon_base64(w->data, w->len);
        v = json_object_new_string(coded);
        break;
    }
    case BOOL:
    case INT:
    case LONG:
    case ENUM:
        v = number(f, w->value, way.proto);
        break;
    case STRINGS:
        json_object_array_add(member(to, name, true), text(w->data, w->len));
        return TENON_OK;
    case BLOBS: {
        auto_free char *coded = tenon_base64(w->data, w->len);
        json_object_array_add(member(to, name, true), json_object_new_string(coded));
        return TENON_OK;
    }
    case INTS:
        return add_numbers(member(to, name, true), w, err);
    case MAP:
    case MAP_MESSAGES:
        return add_pair(member(to, name, false), f, w, inner, err);
    case MESSAGE:
        v = convert(f->of, w->data, w->len, inner, err);
        break;
    case MESSAGES:
        v = convert(f->of, w->data, w->len, inner, err);
        if (v)
            json_object_array_add(member(to, name, true), v);
        return v ? TENON_OK : err->code;
    case DEFS:
        return add_op(member(to, name, true), w, inner, err);
    }
    if (v)
        json_object_object_add(to, name, v);
    return v ? TENON_OK : err->code;
}

static bool
is_number(enum type t)
{
    return t == BOOL || t == INT || t == LONG || t == ENUM;
}

static struct json_object *
convert(const struct message *m, const void *data, size_t len, struct way way,
        struct tenon_error *err)
{
    auto_json struct json_object *o = json_object_new_object();
    struct tenon_wire w;
    int rc;
    if (way.depth > DEPTH_MAX) {
        tenon_error_set(err, TENON_E_LIMIT, "messages are nested too deep");
        return NULL;
    }
    if (m->always && !way.proto)
        member(o, m->always, false);
    for (const char *const *z = m->zero; z && *z && !way.proto; z++)
        json_object_object_add(o, *z, json_object_new_int64(0));
    tenon_wire_init(&w, data, len);
    while ((rc = tenon_wire_next(&w, err)) > 0) {
        const struct field *f = NULL;
        for (size_t i = 0; i < m->count && !f; i++)
            if (m->fields[i].number == w.field)
                f = &m->fields[i];
        if (!f)
            continue; /* of a newer one */
        if ((w.type == TENON_WIRE_VARINT) != is_number(f->type) && f->type != INTS) {
            tenon_error_set(err, TENON_E_CORRUPT, "%s has the wrong type", f->name);
            return NULL;
        }
        if (add(o, f, &w, way, err) < 0)
            return NULL;
    }
    return rc < 0 ? NULL : tenon_steal(&o);
}

int
tenon_op_json(const void *bytes, size_t len, struct json_object **out, struct tenon_error *err)
{
    struct json_object *o = convert(&op, bytes, len, (struct way){0}, err);
    if (!o)
        return tenon_error_context(err, "operation");
    *out = o;
    return TENON_OK;
}

int
tenon_op_proto_json(const void *bytes, size_t len, struct json_object **out,
                    struct tenon_error *err)
{
    struct json_object *o = convert(&op, bytes, len, (struct way){ .proto = true }, err);
    if (!o)
        return tenon_error_context(err, "operation");
    *out = o;
    return TENON_OK;
}

int
tenon_definition_json(const void *def, size_t len, struct json_object **out,
                      struct tenon_error *err)
{
    struct json_object *o = convert(&definition, def, len, (struct way){0}, err);
    if (!o)
        return tenon_error_context(err, "definition");
    *out = o;
    return TENON_OK;
}

/* ---- for frontend.convertllb ---------------------------------------------- */

struct named_op {
    struct tenon_digest digest;
    struct json_object *op;
};

static int
by_digest(const void *a, const void *b)
{
    const struct named_op *p = a, *q = b;
    return strcmp(p->digest.str, q->digest.str);
}

/* Of a map in Go, which is sorted by its keys. */
static int
add_ops(struct json_object *to, const void *def, size_t len, struct tenon_error *err)
{
    TENON_VEC(struct named_op) ops = {0};
    struct tenon_wire w;
    int rc;

    tenon_wire_init(&w, def, len);
    while ((rc = tenon_wire_next(&w, err)) > 0) {
        struct named_op *one;
        if (w.field != 1 || w.type != TENON_WIRE_LEN)
            continue;
        one = tenon_vec_add(&ops);
        tenon_digest_of(w.data ? w.data : "", w.len, &one->digest);
        if ((rc = tenon_op_proto_json(w.data, w.len, &one->op, err)) < 0) {
            ops.len--;
            break;
        }
    }
    if (ops.len)
        qsort(ops.items, ops.len, sizeof *ops.items, by_digest);
    tenon_vec_foreach(one, &ops)
        json_object_object_add(to, one->digest.str, one->op);
    tenon_vec_release(&ops);
    return rc;
}

/* The places of a definition, which are its third field. */
static struct json_object *
places_of(const void *def, size_t len, struct tenon_error *err)
{
    const struct way way = { .proto = true };
    struct json_object *o = json_object_new_object();
    struct tenon_wire w;

    tenon_wire_init(&w, def, len);
    while (o && tenon_wire_next(&w, err) > 0) {
        if (w.field != 3 || w.type != TENON_WIRE_LEN)
            continue;
        json_object_put(o);
        o = convert(&proto_place, w.data, w.len, way, err);
    }
    return o;
}

int
tenon_definition_proto_json(const void *def, size_t len, struct json_object **out,
                            struct tenon_error *err)
{
    auto_json struct json_object *all = json_object_new_object();
    auto_json struct json_object *beside_ops = convert(&metadata, def, len, (struct way){0}, err);
    struct json_object *ops = json_object_new_object(), *places;

    json_object_object_add(all, "def", ops);
    if (!beside_ops || add_ops(ops, def, len, err) < 0)
        return tenon_error_context(err, "definition");
    json_object_object_add(all, "metadata", json_object_get(member(beside_ops, "metadata", false)));
    places = places_of(def, len, err);
    if (!places)
        return tenon_error_context(err, "definition");
    json_object_object_add(all, "source", places);
    *out = tenon_steal(&all);
    return TENON_OK;
}
