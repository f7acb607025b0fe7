/* cli/buildkitdkeys.c - the keys of buildkitd.toml, and what becomes of each. */
#include "buildkitd.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/alloc.h"
#include "tools/parse.h"

enum { PARALLEL_MAX = 1000 };

/* ---- values -------------------------------------------------------------- */

/* true, or "true" as a flag has it. */
static bool
is(struct json_object *value, bool wanted)
{
    bool b;

    if (json_object_is_type(value, json_type_boolean))
        return json_object_get_boolean(value) == wanted;
    return json_object_is_type(value, json_type_string) &&
           tenon_parse_bool(json_object_get_string(value), &b) && b == wanted;
}

static int
expected(const char *where, const char *what, struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_INVALID, "%s: expected %s", where, what);
}

static const char *
text_of(struct json_object *value, const char *where, struct tenon_error *err)
{
    if (!json_object_is_type(value, json_type_string) || !*json_object_get_string(value)) {
        expected(where, "a text", err);
        return NULL;
    }
    return json_object_get_string(value);
}

struct json_object *
buildkitd_object_in(struct json_object *o, const char *key)
{
    struct json_object *there = NULL;

    if (!json_object_object_get_ex(o, key, &there) ||
        !json_object_is_type(there, json_type_object)) {
        there = json_object_new_object();
        json_object_object_add(o, key, there);
    }
    return there;
}

void
buildkitd_add_argument(struct daemon *d, const char *flag, const char *value)
{
    tenon_vec_push(&d->args, tenon_asprintf("%s=%s", flag, value));
}

static void
drop_arguments(struct daemon *d, const char *flag)
{
    const size_t len = strlen(flag);
    size_t kept = 0;

    tenon_vec_foreach(arg, &d->args) {
        if (!strncmp(*arg, flag, len) && (*arg)[len] == '=')
            free(*arg);
        else
            d->args.items[kept++] = *arg;
    }
    d->args.len = kept;
}

/* In place of those of a list before: the flags' counts, not both. */
static int
add_arguments(struct daemon *d, const char *flag, struct json_object *list, const char *where,
              struct tenon_error *err)
{
    if (!json_object_is_type(list, json_type_array))
        return expected(where, "a list of texts", err);
    drop_arguments(d, flag);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *text = text_of(json_object_array_get_idx(list, i), where, err);
        if (!text)
            return err->code;
        buildkitd_add_argument(d, flag, text);
    }
    return 0;
}

/* ---- what is obeyed ------------------------------------------------------ */

typedef int take_fn(struct daemon *d, struct json_object *value, const char *where,
                    struct tenon_error *err);

static int
take_debug(struct daemon *d, struct json_object *value, const char *where,
           struct tenon_error *err)
{
    (void)where, (void)err;
    d->debug = is(value, true);
    return 0;
}

static int
take_trace(struct daemon *d, struct json_object *value, const char *where,
           struct tenon_error *err)
{
    (void)where, (void)err;
    d->trace = is(value, true);
    return 0;
}

static int
take_level(struct daemon *d, struct json_object *value, const char *where,
           struct tenon_error *err)
{
    (void)where, (void)err;
    d->verbose = tenon_streq(json_object_get_string(value), "debug") ||
                 tenon_streq(json_object_get_string(value), "trace");
    return 0;
}

static int
take_root(struct daemon *d, struct json_object *value, const char *where, struct tenon_error *err)
{
    const char *root = text_of(value, where, err);

    if (!root)
        return err->code;
    free(d->root);
    d->root = tenon_strdup(root);
    return 0;
}

static int
take_entitlements(struct daemon *d, struct json_object *value, const char *where,
                  struct tenon_error *err)
{
    return add_arguments(d, "--allow-insecure-entitlement", value, where, err);
}

static int
take_addresses(struct daemon *d, struct json_object *value, const char *where,
               struct tenon_error *err)
{
    return add_arguments(d, "--addr", value, where, err);
}

static int
take_group(struct daemon *d, struct json_object *value, const char *where,
           struct tenon_error *err)
{
    if (!json_object_is_type(value, json_type_int) && !text_of(value, where, err))
        return err->code;
    buildkitd_add_argument(d, "--group", json_object_get_string(value));
    return 0;
}

static int
take_user(struct daemon *d, struct json_object *value, const char *where, struct tenon_error *err)
{
    (void)d;
    if (json_object_get_int64(value) != (int64_t)geteuid())
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "%s: the socket is of the user that "
                               "serves", where);
    return 0;
}

static int
take_file(struct daemon *d, const char *flag, struct json_object *value, const char *where,
          struct tenon_error *err)
{
    const char *path = text_of(value, where, err);

    if (path)
        buildkitd_add_argument(d, flag, path);
    return err->code;
}

static int
take_ca(struct daemon *d, struct json_object *value, const char *where, struct tenon_error *err)
{
    return take_file(d, "--tlscacert", value, where, err);
}

static int
take_cert(struct daemon *d, struct json_object *value, const char *where, struct tenon_error *err)
{
    return take_file(d, "--tlscert", value, where, err);
}

static int
take_key(struct daemon *d, struct json_object *value, const char *where, struct tenon_error *err)
{
    return take_file(d, "--tlskey", value, where, err);
}

static int
take_enabled(struct daemon *d, struct json_object *value, const char *where,
             struct tenon_error *err)
{
    (void)d;
    return is(value, false)
               ? tenon_error_set(err, TENON_E_UNSUPPORTED, "%s: it is what there is", where) : 0;
}

static int
take_not_enabled(struct daemon *d, struct json_object *value, const char *where,
                 struct tenon_error *err)
{
    (void)d, (void)err;
    if (is(value, true))
        tenon_log(TENON_LOG_WARNING, "%s: there is none here", where);
    return 0;
}

static int
take_parallel(struct daemon *d, struct json_object *value, const char *where,
              struct tenon_error *err)
{
    int64_t n = -1;

    if (!tenon_parse_i64(json_object_get_string(value), &n) || n < 0 ||
        n > PARALLEL_MAX)
        return expected(where, "0 to 1000", err);
    if (n > 0) /* 0: as many as there is work for, which is our own way */
        json_object_object_add(d->config, "jobs", json_object_new_int64(n));
    return 0;
}

static int
take_network(struct daemon *d, struct json_object *value, const char *where,
             struct tenon_error *err)
{
    const char *mode = text_of(value, where, err);

    if (!mode)
        return err->code;
    if (!strcmp(mode, "host"))
        json_object_object_add(d->config, "network", json_object_new_string("host"));
    else if (strcmp(mode, "auto") != 0)
        tenon_log(TENON_LOG_WARNING, "%s: %s is not to be had: steps have tenon's network", where,
                  mode);
    return 0;
}

static int
take_devices(struct daemon *d, struct json_object *value, const char *where,
             struct tenon_error *err)
{
    if (!json_object_is_type(value, json_type_array))
        return expected(where, "a list", err);
    json_object_object_add(d->config, "cdi-dirs", json_object_get(value));
    return 0;
}

static int
take_no_devices(struct daemon *d, struct json_object *value, const char *where,
                struct tenon_error *err)
{
    (void)where, (void)err;
    d->no_devices = is(value, true);
    return 0;
}

/* Of that plugin, in the form of tenon.json. */
static struct json_object *
plugin_in(struct daemon *d, const char *name)
{
    return buildkitd_object_in(buildkitd_object_in(d->config, "plugins"), name);
}

static int
take_environment(struct daemon *d, struct json_object *value, const char *where,
                 struct tenon_error *err)
{
    const char *dir = text_of(value, where, err);

    if (dir)
        json_object_object_add(plugin_in(d, "attester-provenance"), "environment-dir",
                               json_object_get(value));
    return err->code;
}

/* Of frontends in images; an empty name allows none. */
static void
allow_frontends(struct daemon *d, struct json_object *list)
{
    json_object_object_add(plugin_in(d, "frontend-gateway"), "allowed", list);
}

static int
take_no_frontends(struct daemon *d, struct json_object *value, const char *where,
                  struct tenon_error *err)
{
    (void)where, (void)err;
    d->no_frontends = is(value, false);
    return 0;
}

static int
take_frontends(struct daemon *d, struct json_object *value, const char *where,
               struct tenon_error *err)
{
    if (!json_object_is_type(value, json_type_array))
        return expected(where, "a list of repositories", err);
    if (json_object_array_length(value) > 0)
        allow_frontends(d, json_object_get(value));
    return 0;
}

/* Where BuildKit looks; what tenon.json says goes before. */
static void
settle_environment(struct daemon *d)
{
    auto_free char *standard =
        geteuid() == 0 ? tenon_strdup("/etc/buildkit/provenance.d")
                       : cli_home_path("XDG_CONFIG_HOME", ".config", "buildkit/provenance.d");
    struct json_object *plugin = plugin_in(d, "attester-provenance");

    if (standard && !json_object_object_get_ex(plugin, "environment-dir", NULL))
        json_object_object_add(plugin, "environment-dir", json_object_new_string(standard));
}

void
buildkitd_settle(struct daemon *d)
{
    settle_environment(d);
    if (d->no_devices)
        json_object_object_add(d->config, "cdi-dirs", json_object_new_array());
    else /* whoever describes devices to BuildKit means its clients */
        buildkitd_add_argument(d, "--allow-insecure-entitlement", "device");
    if (d->no_frontends) {
        struct json_object *nobody = json_object_new_array();
        json_object_array_add(nobody, json_object_new_string(""));
        allow_frontends(d, nobody);
    }
}

bool
buildkitd_debugs(const struct daemon *d)
{
    return d->debug || d->trace || d->verbose;
}

static int
warn_of(struct daemon *d, struct json_object *value, const char *where, struct tenon_error *err)
{
    (void)d, (void)err;
    if (!is(value, false))
        tenon_log(TENON_LOG_WARNING, "%s: not understood, and not obeyed", where);
    return 0;
}

/* ---- keys ---------------------------------------------------------------- */

static const struct key {
    const char *name; /* "table.key"; a key with a dot is in quotes nowhere here */
    take_fn *take;    /* NULL: of no consequence here */
} keys[] = {
    {"debug", take_debug},
    {"trace", take_trace},
    {"root", take_root},
    {"insecure-entitlements", take_entitlements},
    {"proxyNetwork", warn_of},
    {"provenanceEnvDir", take_environment},
    {"log.level", take_level},
    {"log.format", NULL},
    {"grpc.address", take_addresses},
    {"grpc.debugAddress", NULL},
    {"grpc.uid", take_user},
    {"grpc.gid", take_group},
    {"grpc.securityDescriptor", NULL},
    {"grpc.tls.ca", take_ca},
    {"grpc.tls.cert", take_cert},
    {"grpc.tls.key", take_key},
    {"otel", NULL},
    {"cdi.disabled", take_no_devices},
    {"cdi.specDirs", take_devices},
    {"cdi.autoAllowed", warn_of},
    {"worker.oci.enabled", take_enabled},
    {"worker.oci.labels", NULL},
    {"worker.oci.platforms", warn_of},
    {"worker.oci.snapshotter", NULL},
    {"worker.oci.rootless", NULL},
    {"worker.oci.gc", NULL},
    {"worker.oci.gckeepstorage", NULL},
    {"worker.oci.noProcessSandbox", NULL},
    {"worker.oci.apparmor-profile", warn_of},
    {"worker.oci.binary", warn_of},
    {"worker.oci.cniBinaryPath", warn_of},
    {"worker.oci.cniConfigPath", warn_of},
    {"worker.oci.cniPoolSize", warn_of},
    {"worker.oci.selinux", warn_of},
    {"worker.oci.max-parallelism", take_parallel},
    {"worker.oci.networkMode", take_network},
    {"worker.containerd.enabled", take_not_enabled},
    {"worker.containerd", NULL},
    {"frontend.dockerfile.v0.enabled", take_enabled},
    {"frontend.gateway.v0.enabled", take_no_frontends},
    {"frontend.gateway.v0.allowedRepositories", take_frontends},
    {"dns", warn_of},
    {"history", warn_of},
    {"system", warn_of},
    {"cache", warn_of},
};

static const struct key *
find_key(const char *name)
{
    for (size_t i = 0; i < tenon_countof(keys); i++)
        if (!strcmp(keys[i].name, name))
            return &keys[i];
    return NULL;
}

/* Is there one of that table? */
static bool
is_table(const char *name)
{
    const size_t len = strlen(name);

    for (size_t i = 0; i < tenon_countof(keys); i++)
        if (!strncmp(keys[i].name, name, len) && keys[i].name[len] == '.')
            return true;
    return false;
}

static void
warn_unknown(const char *from, const char *name)
{
    const char *names[tenon_countof(keys) + 1] = {0};

    for (size_t i = 0; i < tenon_countof(keys); i++)
        names[i] = keys[i].name;
    auto_free char *meant = tenon_meant(name, names);
    tenon_log(TENON_LOG_WARNING, "%s: %s: not understood, and not obeyed%s", from, name, meant);
}

static int
take_key_value(struct daemon *d, const char *from, const char *name, struct json_object *value,
               struct tenon_error *err)
{
    const struct key *key = find_key(name);
    auto_free char *where = tenon_asprintf("%s: %s", from, name);

    if (key && !(is_table(name) && json_object_is_type(value, json_type_object)))
        return key->take && value ? key->take(d, value, where, err) : 0;
    if (!json_object_is_type(value, json_type_object) || !is_table(name)) {
        if (!key)
            warn_unknown(from, name);
        return 0;
    }
    json_object_object_foreach(value, below, one) {
        auto_free char *path = tenon_asprintf("%s.%s", name, below);
        /* In a table of no consequence so is what has no line of its own. */
        if (key && !find_key(path) && !is_table(path))
            continue;
        if (take_key_value(d, from, path, one, err) < 0)
            return err->code;
    }
    return 0;
}

/* ---- [registry."HOST"] --------------------------------------------------- */

static int
take_authorities(struct json_object *host, struct json_object *value, const char *where,
                 struct tenon_error *err)
{
    struct json_object *one = json_object_is_type(value, json_type_array)
                                  ? json_object_array_get_idx(value, 0) : NULL;

    if (!json_object_is_type(one, json_type_string) || json_object_array_length(value) != 1)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "%s: expected one file", where);
    json_object_object_add(host, "ca", json_object_get(one));
    return 0;
}

static int
take_registry(struct daemon *d, const char *from, const char *name, struct json_object *value,
              struct tenon_error *err)
{
    struct json_object *all = buildkitd_object_in(d->config, "registries");
    struct json_object *host = buildkitd_object_in(all, name);
    bool insecure = false, plain = false;

    if (!json_object_is_type(value, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "%s: registry.%s: expected a table", from,
                               name);
    json_object_object_foreach(value, key, one) {
        auto_free char *where = tenon_asprintf("%s: registry.%s.%s", from, name, key);
        if (!strcmp(key, "mirrors"))
            json_object_object_add(host, "mirrors", json_object_get(one));
        else if (!strcmp(key, "http"))
            plain = is(one, true);
        else if (!strcmp(key, "insecure"))
            insecure = is(one, true);
        else if (strcmp(key, "ca") != 0)
            warn_unknown(from, where + strlen(from) + 2);
        else if (take_authorities(host, one, where, err) < 0)
            return err->code;
    }
    if (plain)
        json_object_object_add(host, "plain-http", json_object_new_boolean(true));
    if (insecure)
        json_object_object_add(host, "insecure", json_object_new_boolean(true));
    return 0;
}

int
buildkitd_take(struct daemon *d, const char *from, struct json_object *o, struct tenon_error *err)
{
    json_object_object_foreach(o, name, value) {
        const bool registries = !strcmp(name, "registry") &&
                                json_object_is_type(value, json_type_object);
        if (!registries && take_key_value(d, from, name, value, err) < 0)
            return err->code;
        if (!registries)
            continue;
        json_object_object_foreach(value, host, own) {
            if (take_registry(d, from, host, own, err) < 0)
                return err->code;
        }
    }
    return 0;
}
