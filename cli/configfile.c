/* cli/configfile.c - tenon.json: where it is, what it may contain, and how two are merged. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/ownership.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "registry/settings.h"

enum { CONFIG_MAX = 1 << 20, JOBS_MAX = 1000 };

static const struct {
    const char *key;
    enum json_type type;
} known[] = {
    {"cdi-dirs", json_type_array},    {"default-attestations", json_type_boolean},
    {"emulators", json_type_string},
    {"executor", json_type_string},   {"frontends", json_type_object},
    {"http", json_type_object},
    {"jobs", json_type_int},          {"keep", json_type_object},
    {"limits", json_type_object},
    {"network", json_type_string},    {"observers", json_type_array},
    {"offline", json_type_boolean},
    {"plugin-dirs", json_type_array}, {"plugins", json_type_object},
    {"progress", json_type_string},   {"registries", json_type_object},
    {"root", json_type_string},       {"serve", json_type_object},
};

static void
warn_unknown(const char *path, const char *where, const char *key, const char *const *names)
{
    const char *near = tenon_nearest(key, names);
    tenon_log(TENON_LOG_WARNING, "%s: %sunknown key \"%s\"%s%s%s", path, where, key,
              near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

/* Whoever reads a member of another type says what is wrong with it. */
static void
check_members(struct json_object *o, const char *path, const char *where,
              const char *const *names)
{
    if (!json_object_is_type(o, json_type_object))
        return;
    json_object_object_foreach(o, key, ignored) {
        size_t i = 0;
        (void)ignored;
        while (names[i] && strcmp(names[i], key))
            i++;
        if (!names[i])
            warn_unknown(path, where, key, names);
    }
}

static void
check_registries(struct json_object *all, const char *path)
{
    static const char *const names[] = {"ca", "insecure", "mirrors", "plain-http", NULL};
    json_object_object_foreach(all, registry, value) {
        auto_free char *where = tenon_asprintf("registries: %s: ", registry);
        check_members(value, path, where, names);
    }
}

static void
check_http(struct json_object *http, const char *path)
{
    static const char *const names[] = {"cert-dirs", "cert-file", "connect-timeout", "first-pause",
                                        "patience", "proxy", "send-stall-timeout",
                                        "stall-timeout", NULL};
    static const char *const proxies[] = {"http", "https", "no", NULL};
    struct json_object *proxy = NULL;
    check_members(http, path, "http: ", names);
    if (json_object_object_get_ex(http, "proxy", &proxy))
        check_members(proxy, path, "http: proxy: ", proxies);
}

static void
check_serve(struct json_object *serve, const char *path)
{
    static const char *const names[] = {"addresses", "group", "idle", "mode", "tls", NULL};
    static const char *const tls_names[] = {"ca", "cert", "key", NULL};
    struct json_object *tls = NULL;

    check_members(serve, path, "serve: ", names);
    if (json_object_object_get_ex(serve, "tls", &tls))
        check_members(tls, path, "serve: tls: ", tls_names);
}

/* Which there are is the executor's affair; it is asked when a step runs. */
static void
check_network(const char *value, const char *path)
{
    static const char *const words[] = {"host", "none", "sandbox", NULL};
    const char *near = tenon_nearest(value, words);
    if (near && strcmp(near, value))
        tenon_log(TENON_LOG_WARNING, "%s: network: \"%s\" (did you mean \"%s\"?)", path, value,
                  near);
}

static int
check_keys(struct json_object *o, const char *path, struct tenon_error *err)
{
    json_object_object_foreach(o, key, value) {
        size_t i = 0;
        while (i < tenon_countof(known) && strcmp(known[i].key, key) != 0)
            i++;
        if (i == tenon_countof(known)) {
            const char *names[tenon_countof(known) + 1] = {0};
            for (size_t n = 0; n < tenon_countof(known); n++)
                names[n] = known[n].key;
            warn_unknown(path, "", key, names);
        } else if (value && !json_object_is_type(value, known[i].type)) {
            return tenon_error_set(err, TENON_E_INVALID, "%s: %s: expected %s", path, key,
                                   json_type_to_name(known[i].type));
        } else if (!strcmp(key, "jobs") &&
                   (json_object_get_int(value) < 1 || json_object_get_int(value) > JOBS_MAX)) {
            return tenon_error_set(err, TENON_E_INVALID, "%s: jobs: expected 1 to %d", path,
                                   JOBS_MAX);
        } else if (value && !strcmp(key, "network")) {
            check_network(json_object_get_string(value), path);
        } else if (value && !strcmp(key, "registries")) {
            check_registries(value, path);
        } else if (value && !strcmp(key, "http")) {
            check_http(value, path);
        } else if (value && !strcmp(key, "serve")) {
            check_serve(value, path);
        }
    }
    return 0;
}

/* Objects are merged member by member, anything else is replaced. */
static void
merge(struct json_object *into, struct json_object *from)
{
    json_object_object_foreach(from, key, value) {
        struct json_object *there = NULL;
        if (json_object_object_get_ex(into, key, &there) &&
            json_object_is_type(there, json_type_object) &&
            json_object_is_type(value, json_type_object))
            merge(there, value);
        else
            json_object_object_add(into, key, json_object_get(value));
    }
}

/* What the configuration names is run, and root's environment often comes from an ordinary
 * user through sudo. What the caller opened for us, <(...), is the caller's. */
static bool
others_could_change(const char *path, struct tenon_error *why)
{
    static const char opened[] = "/dev/fd/"; /* and a number: /dev/fd/../cwd leads anywhere */
    const char *number = tenon_has_prefix(path, opened) ? path + sizeof opened - 1 : "";
    bool is_opened = *number && !number[strspn(number, "0123456789")];
    return geteuid() == 0 && !is_opened &&
           tenon_vet_path(path, "configuration refused", why) == TENON_E_DENIED;
}

static int
add_file(struct json_object *into, const char *path, bool must_exist, struct tenon_error *err)
{
    if (others_could_change(path, err)) {
        if (must_exist)
            return err->code;
        if (access(path, F_OK) == 0)
            tenon_log(TENON_LOG_WARNING, "%s is ignored as root: %s", path, err->message);
        tenon_error_release(err);
        return 0;
    }
    tenon_error_release(err); /* who reads it says what else is wrong */
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(path, CONFIG_MAX, &text, err) < 0) {
        if (must_exist || err->code != TENON_E_NOT_FOUND)
            return tenon_error_context(err, "configuration");
        tenon_error_release(err);
        return 0;
    }
    auto_json struct json_object *o = NULL;
    if (tenon_json_parse(tenon_buf_str(&text), text.len, CONFIG_MAX, &o, err) < 0)
        return tenon_error_context(err, "configuration %s", path);
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID,
                               "configuration %s: expected a JSON object", path);
    if (check_keys(o, path, err) < 0)
        return err->code;
    merge(into, o);
    return 0;
}

int
cli_config_load(struct json_object **out, struct tenon_error *err)
{
    auto_json struct json_object *all = json_object_new_object();
    const char *only = secure_getenv("TENON_CONFIG");
    if (only && *only) {
        if (add_file(all, only, true, err) < 0)
            return err->code;
    } else {
        auto_free char *mine = cli_home_path("XDG_CONFIG_HOME", ".config", "tenon/tenon.json");
        if (add_file(all, "/etc/tenon/tenon.json", false, err) < 0)
            return err->code;
        if (add_file(all, mine, false, err) < 0) {
            auto_free char *home = cli_home_dir();
            if (err->sys == EACCES) /* as after sudo -u or setpriv */
                tenon_error_hint(err, "set HOME (now %s) to a directory of this user", home);
            return err->code;
        }
    }
    struct tenon_http_settings checked;
    struct tenon_bounds bounds[TENON_LEFT_KINDS];
    struct tenon_limits limits;
    cli_network_environment(all);
    if (tenon_http_settings(all, &checked, err) < 0 || cli_keep_settings(all, bounds, err) < 0 ||
        cli_frontends_settings(all, err) < 0 || cli_limit_settings(all, &limits, err) < 0)
        return err->code;
    *out = tenon_steal(&all);
    return 0;
}

const char *
cli_config_string(struct json_object *config, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(config, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

bool
cli_may_run(const char *path, const char *what)
{
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    auto_free char *home = cli_home_dir();
    if (geteuid() != 0 || (tenon_vet_path(path, what, &why) != TENON_E_DENIED &&
                           tenon_vet_path(home, what, &why) != TENON_E_DENIED))
        return true;
    tenon_log(TENON_LOG_WARNING, "%s as root: %s", path, why.message);
    return false;
}

char *
cli_docker_config_dir(void)
{
    const char *dir = secure_getenv("DOCKER_CONFIG");
    if (dir && *dir)
        return tenon_strdup(dir);
    auto_free char *home = cli_home_dir();
    return tenon_asprintf("%s/.docker", home);
}
