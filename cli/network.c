/* cli/network.c - what the environment and docker's configuration say of the network: which
 * certificates are believed, and which proxies there are, for us and for the steps of a
 * build. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "tools/alloc.h"

enum { CONFIG_MAX = 4 << 20 };

static struct json_object *
member(struct json_object *o, const char *key)
{
    struct json_object *there = NULL;
    if (json_object_object_get_ex(o, key, &there) && json_object_is_type(there, json_type_object))
        return there;
    there = json_object_new_object();
    json_object_object_add(o, key, there);
    return there;
}

/* Of several spellings the first that says something. */
static const char *
variable(const char *const *names)
{
    for (; *names; names++) {
        const char *value = secure_getenv(*names);
        if (value && *value)
            return value;
    }
    return NULL;
}

static void
add_certificates(struct json_object *http)
{
    const char *file = secure_getenv("SSL_CERT_FILE"), *dirs = secure_getenv("SSL_CERT_DIR");
    if (file && *file)
        json_object_object_add(http, "cert-file", json_object_new_string(file));
    if (!dirs || !*dirs)
        return;
    struct json_object *list = json_object_new_array();
    for (const char *p = dirs; *p;) {
        size_t len = strcspn(p, ":");
        if (len > 0)
            json_object_array_add(list, json_object_new_string_len(p, (int)len));
        p += len + (p[len] == ':');
    }
    json_object_object_add(http, "cert-dirs", list);
}

void
cli_network_environment(struct json_object *config)
{
    static const struct {
        const char *key;
        const char *names[5];
    } proxies[] = {
        {"http", {"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}},
        {"https", {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"}},
        {"no", {"NO_PROXY", "no_proxy"}},
    };
    struct json_object *there;
    if (json_object_object_get_ex(config, "http", &there) &&
        !json_object_is_type(there, json_type_object))
        return; /* for others to complain about */
    struct json_object *http = member(config, "http");
    add_certificates(http);
    for (size_t i = 0; i < tenon_countof(proxies); i++) {
        const char *value = variable(proxies[i].names);
        if (value)
            json_object_object_add(member(http, "proxy"), proxies[i].key,
                                   json_object_new_string(value));
    }
}

/* ---- proxies for steps --------------------------------------------------- */

static const struct {
    const char *key, *names[2];
} step_proxies[] = {
    {"httpProxy", {"HTTP_PROXY", "http_proxy"}}, {"httpsProxy", {"HTTPS_PROXY", "https_proxy"}},
    {"noProxy", {"NO_PROXY", "no_proxy"}},       {"ftpProxy", {"FTP_PROXY", "ftp_proxy"}},
    {"allProxy", {"ALL_PROXY", "all_proxy"}},
};

/* Those for the docker host of this user, else the default ones. */
static struct json_object *
choose(struct json_object *doc)
{
    struct json_object *all = NULL, *own = NULL;
    const char *host = secure_getenv("DOCKER_HOST");
    if (!host || !*host)
        host = "unix:///var/run/docker.sock";
    if (!json_object_object_get_ex(doc, "proxies", &all) ||
        !json_object_is_type(all, json_type_object))
        return NULL;
    if (!json_object_object_get_ex(all, host, &own))
        json_object_object_get_ex(all, "default", &own);
    return own && json_object_is_type(own, json_type_object) ? own : NULL;
}

int
cli_docker_proxies(void (*add)(void *data, const char *name, const char *value), void *data,
                   struct tenon_error *err)
{
    auto_free char *dir = cli_docker_config_dir();
    auto_free char *path = tenon_asprintf("%s/config.json", dir);
    auto_secret_buf struct tenon_buf text = TENON_BUF_INIT; /* passwords are in it */
    auto_json struct json_object *doc = NULL;
    auto_error struct tenon_error ill = TENON_ERROR_INIT;
    if (tenon_read_file(path, CONFIG_MAX, &text, &ill) < 0 || text.len == 0)
        return 0;
    if (tenon_json_parse(tenon_buf_str(&text), text.len, CONFIG_MAX, &doc, &ill) < 0) {
        tenon_log(TENON_LOG_WARNING, "%s: %s", path, ill.message); /* as by docker */
        return 0;
    }
    struct json_object *own = json_object_is_type(doc, json_type_object) ? choose(doc) : NULL;
    if (own && !cli_may_run(path, "proxies not taken"))
        return 0;
    for (size_t i = 0; own && i < tenon_countof(step_proxies); i++) {
        const char *value = NULL;
        if (tenon_json_get_str(own, step_proxies[i].key, "", &value, err) < 0)
            return tenon_error_context(err, "%s: proxies", path);
        for (size_t n = 0; *value && n < tenon_countof(step_proxies[i].names); n++)
            add(data, step_proxies[i].names[n], value);
    }
    return 0;
}
