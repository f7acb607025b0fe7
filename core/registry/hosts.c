/* registry/hosts.c - where a reference's repository is, and how to talk to it:
 * tenon.json's "registries", docker's daemon.json and certs.d directories,
 * plain HTTP for loopback. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tools/vec.h"
#include "registry/trust.h"
#include "registry/url.h"
#include "registry/private.h"

#define HUB "docker.io"
#define HUB_HOST "registry-1.docker.io"
#define CA_MAX ((size_t)4 << 20)
#define DAEMON_JSON "/etc/docker/daemon.json"
#define MIRRORS_MAX 64

static const char *const cert_dirs[] = {"/etc/containers/certs.d",
                                        "/etc/docker/certs.d"};

struct host_options {
    bool has_plain, plain, insecure;
    const char *ca; /* file, or NULL */
    struct json_object *mirrors;
};

void
tenon_endpoint_release(struct tenon_endpoint *e)
{
    free(e->name);
    free(e->base);
    free(e->repo);
    free(e->scope_repo);
    free(e->ns);
    free(e->ca);
    free(e->cert);
    free(e->key);
    *e = (struct tenon_endpoint){0};
}

void
tenon_endpoints_release(struct tenon_endpoints *e)
{
    for (size_t i = 0; i < e->len; i++)
        tenon_endpoint_release(&e->items[i]);
    free(e->items);
    *e = (struct tenon_endpoints){0};
}

/* ---- configuration ------------------------------------------------------------ */

static int
host_options(struct tenon_registry *r, const char *host, struct host_options *out,
             struct tenon_error *err)
{
    *out = (struct host_options){0};
    struct json_object *all = NULL, *own = NULL;
    if (!r->o.config)
        return 0;
    if (tenon_json_get_object(r->o.config, "registries", &all, err) < 0 ||
        (all && tenon_json_get_object(all, host, &own, err) < 0))
        return tenon_error_context(err, "configuration");
    if (!own)
        return 0;
    out->has_plain = json_object_object_get_ex(own, "plain-http", NULL);
    if (tenon_json_get_bool(own, "plain-http", false, &out->plain, err) < 0 ||
        tenon_json_get_bool(own, "insecure", false, &out->insecure, err) < 0 ||
        tenon_json_get_str(own, "ca", NULL, &out->ca, err) < 0 ||
        tenon_json_get_array(own, "mirrors", &out->mirrors, err) < 0)
        return tenon_error_context(err, "configuration: registries: %s", host);
    return 0;
}

/* docker's daemon.json; when it is not valid JSON, docker complains about it. */
static struct json_object *
daemon_json(void)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct json_object *o = NULL;
    if (tenon_read_file(DAEMON_JSON, CA_MAX, &text, &none) < 0 ||
        tenon_json_parse(text.data, text.len, CA_MAX, &o, &none) < 0)
        return NULL;
    return o;
}

static bool
listed(struct json_object *o, const char *key, const char *host)
{
    struct json_object *list = NULL;
    if (!o || !json_object_object_get_ex(o, key, &list) ||
        json_object_get_type(list) != json_type_array)
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (tenon_streq(json_object_get_string(json_object_array_get_idx(list, i)), host))
            return true;
    return false;
}

/* ---- certs.d ------------------------------------------------------------------- */

static void
read_cert_dir(const char *dir, struct tenon_buf *ca, struct tenon_endpoint *e)
{
    auto_dir DIR *d = opendir(dir);
    if (!d)
        return;
    TENON_VEC(char *) names = {0};
    struct dirent *entry;
    while ((entry = readdir(d)))
        tenon_vec_push(&names, tenon_strdup(entry->d_name));
    /* authorities in any order; of client certificates the first by name */
    tenon_vec_foreach(n, &names) {
        auto_free char *path = tenon_path_join(dir, *n);
        if (tenon_has_suffix(*n, ".crt")) {
            tenon_trust_add_file(ca, path, false);
        } else if (tenon_has_suffix(*n, ".cert") &&
                   (!e->cert || strcmp(path, e->cert) < 0)) {
            free(e->cert);
            free(e->key);
            e->cert = tenon_strdup(path);
            e->key = tenon_asprintf("%.*s.key", (int)(strlen(path) - 5), path);
        }
        free(*n);
    }
    tenon_vec_release(&names);
}

static int
set_tls(struct tenon_endpoint *e, const struct host_options *o, const char *host,
        struct tenon_error *err)
{
    auto_buf struct tenon_buf ca = TENON_BUF_INIT;
    if (o->ca && tenon_read_file(o->ca, CA_MAX, &ca, err) < 0)
        return tenon_error_context(err, "configuration: registries: %s: ca", host);
    tenon_buf_addc(&ca, '\n');
    for (size_t i = 0; i < tenon_countof(cert_dirs); i++) {
        auto_free char *dir = tenon_path_join(cert_dirs[i], host);
        read_cert_dir(dir, &ca, e);
    }
    if (ca.len > 1)
        e->ca = tenon_buf_steal(&ca);
    e->tls = (struct tenon_http_tls){.ca = e->ca, .cert = e->cert, .key = e->key};
    return 0;
}

/* ---- endpoints ------------------------------------------------------------------ */

static int
add_endpoint(struct tenon_registry *r, struct tenon_endpoints *list, const char *host,
             const char *prefix, const struct tenon_reference *ref, const char *ns,
             bool insecure, struct tenon_error *err)
{
    struct host_options o;
    if (host_options(r, host, &o, err) < 0)
        return err->code;
    insecure = insecure || o.insecure;
    bool loopback = tenon_host_is_loopback(host);
    bool plain = o.has_plain ? o.plain : loopback && !insecure && !o.ca;
    const char *real = tenon_streq(host, HUB) ? HUB_HOST : host;

    bool only_plain = false; /* it is known not to speak TLS */
    /* an insecure one speaks TLS without verification, or none at all */
    for (int pass = 0; pass < (insecure && !o.has_plain ? 2 : 1); pass++) {
        bool http = plain || pass == 1;
        struct tenon_endpoint e = {
            .name = tenon_strdup(host),
            .base = tenon_asprintf("%s://%s/v2%s%s", http ? "http" : "https", real,
                                   *prefix ? "/" : "", prefix),
            .repo = tenon_strdup(ref->path),
            .scope_repo = tenon_asprintf("%s%s%s", prefix, *prefix ? "/" : "", ref->path),
            .ns = tenon_strdup(ns),
            .maybe_tls = http && pass == 0 && !o.has_plain,
            .fallback = pass == 1 && !only_plain,
        };
        if (insecure && !o.has_plain && pass == 0 && tenon_host_is(r, &e, TENON_HOST_PLAIN)) {
            tenon_endpoint_release(&e);
            only_plain = true;
            continue;
        }
        list->items = tenon_reallocarray(list->items, list->len + 1, sizeof e);
        list->items[list->len++] = e;
        struct tenon_endpoint *here = &list->items[list->len - 1];
        if (set_tls(here, &o, host, err) < 0)
            return err->code;
        here->tls.insecure = insecure;
    }
    return 0;
}

/* "HOST[:PORT][/PATH]", also as a URL. */
static int
add_mirror(struct tenon_registry *r, struct tenon_endpoints *list, const char *mirror,
           const struct tenon_reference *ref, struct tenon_error *err)
{
    const char *p = mirror;
    bool http = tenon_has_prefix(p, "http://");
    if (http || tenon_has_prefix(p, "https://"))
        p = strstr(p, "://") + 3;
    size_t len = strcspn(p, "/");
    auto_free char *host = tenon_strndup(p, len);
    auto_free char *prefix = tenon_strdup(p + len + strspn(p + len, "/"));
    size_t end = strlen(prefix);
    while (end > 0 && prefix[end - 1] == '/')
        prefix[--end] = '\0';
    if (!*host)
        return tenon_error_set(err, TENON_E_INVALID,
                               "configuration: invalid mirror \"%s\"", mirror);
    size_t before = list->len;
    if (add_endpoint(r, list, host, prefix, ref, ref->domain, false, err) < 0)
        return err->code;
    if (http && list->len > before && tenon_has_prefix(list->items[before].base, "https:")) {
        char *base = tenon_asprintf("http%s", list->items[before].base + 5);
        free(list->items[before].base);
        list->items[before].base = base;
    }
    return 0;
}

static int
add_mirrors(struct tenon_registry *r, struct tenon_endpoints *list,
            struct json_object *mirrors, const struct tenon_reference *ref,
            struct tenon_error *err)
{
    size_t count = mirrors ? json_object_array_length(mirrors) : 0;
    for (size_t i = 0; i < count && i < MIRRORS_MAX; i++) {
        struct json_object *m = json_object_array_get_idx(mirrors, i);
        if (json_object_get_type(m) != json_type_string)
            return tenon_error_set(err, TENON_E_INVALID, "configuration: registries: %s: "
                                   "mirrors[%zu] is not a string", ref->domain, i);
        if (add_mirror(r, list, json_object_get_string(m), ref, err) < 0)
            return err->code;
    }
    return 0;
}

int
tenon_endpoints_find(struct tenon_registry *r, const struct tenon_reference *ref,
                     bool push, bool insecure, struct tenon_endpoints *out,
                     struct tenon_error *err)
{
    auto_endpoints struct tenon_endpoints list = {0};
    auto_json struct json_object *daemon = daemon_json();
    if (!push) {
        struct host_options o;
        if (host_options(r, ref->domain, &o, err) < 0 ||
            add_mirrors(r, &list, o.mirrors, ref, err) < 0)
            return err->code;
        /* docker's mirrors are for its hub only */
        struct json_object *mirrors = NULL;
        if (daemon && tenon_streq(ref->domain, HUB) &&
            json_object_object_get_ex(daemon, "registry-mirrors", &mirrors) &&
            json_object_get_type(mirrors) == json_type_array &&
            add_mirrors(r, &list, mirrors, ref, err) < 0)
            return err->code;
    }
    insecure = insecure || listed(daemon, "insecure-registries", ref->domain);
    if (add_endpoint(r, &list, ref->domain, "", ref, NULL, insecure, err) < 0)
        return err->code;
    *out = list;
    list = (struct tenon_endpoints){0};
    return 0;
}

int
tenon_endpoint_elsewhere(struct tenon_registry *r, const struct tenon_endpoint *e,
                         const char *url, struct tenon_endpoint *out, struct tenon_error *err)
{
    struct host_options o;
    size_t len;
    const char *p = tenon_url_authority(url, &len);
    auto_free char *host = tenon_strndup(p, len);
    *out = (struct tenon_endpoint){0};
    if (host_options(r, host, &o, err) < 0 || set_tls(out, &o, host, err) < 0)
        return err->code;
    if (e->ca) {
        char *both = tenon_asprintf("%s%s", out->ca ? out->ca : "", e->ca);
        free(out->ca);
        out->tls.ca = out->ca = both;
    }
    out->tls.insecure = e->tls.insecure || o.insecure;
    return 0;
}

uint64_t
tenon_registry_connect_ns(const struct tenon_registry_call *call, const struct tenon_endpoint *e)
{
    return e->quick || call->hurry ? UINT64_C(5000000000) : 0;
}

char *
tenon_endpoint_url(const struct tenon_endpoint *e, const char *kind, const char *rest)
{
    return tenon_asprintf("%s/%s/%s/%s%s%s", e->base, e->repo, kind, rest,
                          e->ns ? "?ns=" : "", e->ns ? e->ns : "");
}

void
tenon_endpoint_use_tls(struct tenon_endpoint *e)
{
    char *base = tenon_asprintf("https%s", e->base + strlen("http"));
    free(e->base);
    e->base = base;
    e->maybe_tls = false;
}

size_t
tenon_endpoints_next(const struct tenon_endpoints *e, size_t i, int rc,
                     const struct tenon_error *err)
{
    if (rc == TENON_E_CANCELLED || err->sys)
        return e->len; /* our own trouble is the same everywhere */
    bool has_spoken = e->items[i].answered;
    i++;
    if (i < e->len && e->items[i].fallback && (rc != TENON_E_UNAVAILABLE || has_spoken))
        i++;
    return i;
}
