/* frontend-gateway/choose.c - which image it is: one that is allowed, or what the user gives in
 * its place (--build-context NAME=...). */
#include <json-c/json.h>
#include <string.h>
#include <tenon-graph.h>

#include "image.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/jsontext.h"
#include "tools/parse.h"

const char *
gateway_option(const struct gateway *gw, const char *name)
{
    const char *const *o = gw->request->options;
    const size_t len = strlen(name);

    for (; o && *o; o++) {
        if (strncmp(*o, name, len) == 0 && (*o)[len] == '=')
            return *o + len + 1;
    }
    return NULL;
}

/* Without tag and digest: "docker.io/library/x" of "docker.io/library/x:1@sha256:...". */
static char *
repository_of(const char *normal)
{
    const size_t digest = strcspn(normal, "@");
    size_t n = digest;

    while (n > 0 && normal[n - 1] != '/' && normal[n - 1] != ':')
        n--;
    return tenon_strndup(normal, n > 0 && normal[n - 1] == ':' ? n - 1 : digest);
}

/* The list has names as a user writes them, "docker/dockerfile"; with a "*" after the last slash
 * it is all that is below. */
static bool
is_entry(struct gateway *gw, const char *entry, const char *repository, struct tenon_error *err)
{
    const bool below = tenon_has_suffix(entry, "/*");
    auto_free char *name = below ? tenon_asprintf("%.*sx", (int)strlen(entry) - 1, entry)
                                 : tenon_strdup(entry);
    const char *normal = *entry ? gw->host->image->normalize(gw->ctx, name, err) : NULL;

    if (!normal) {
        gw->host->error->clear(err);
        return false;
    }
    auto_free char *known = repository_of(normal);
    if (!below)
        return strcmp(known, repository) == 0;
    const size_t prefix = strlen(known) - 1;
    return strncmp(known, repository, prefix) == 0 && repository[prefix];
}

/* What stands for an image is the user's to say, and not another frontend's, whom the list would
 * tell nothing then. */
static int
check_replacement(struct gateway *gw, const char *normal, const char *with, struct tenon_error *err)
{
    const bool is_users = (gw->request->flags & TENON_FRONTEND_USERS_CONTEXTS) &&
                          !tenon_has_prefix(with, "input:");

    if (is_users || !gw->config || !gw->host->values->given(gw->config, "allowed"))
        return TENON_OK;
    gw->host->error->set(err, TENON_E_DENIED, 0,
                         "%s in place of the frontend %s, by another frontend: "
                         "not allowed",
                         with, normal);
    gw->host->error->hint(err, "\"allowed\" of \"frontends\" in tenon.json says which may run: the "
                          "user may give another, --build-context");
    return TENON_E_DENIED;
}

static int
check_allowed(struct gateway *gw, const char *normal, struct tenon_error *err)
{
    const struct tenon_host *h = gw->host;
    auto_free char *repository = repository_of(normal);
    const char *entry;

    if (!gw->config || !h->values->given(gw->config, "allowed"))
        return TENON_OK;
    for (size_t i = 0; (entry = h->values->get_nth(gw->config, "allowed", i)) != NULL; i++) {
        if (is_entry(gw, entry, repository, err))
            return TENON_OK;
    }
    h->error->set(err, TENON_E_DENIED, 0, "frontends of the repository %s are not allowed",
                  repository);
    h->error->hint(err, "add \"%s\" to \"allowed\" of \"frontends\" in tenon.json", repository);
    return TENON_E_DENIED;
}

/* "x" of "docker.io/library/x:latest": what contexts are named after. */
static char *
familiar(const char *normal)
{
    static const char *const hidden[] = {"docker.io/library/", "docker.io/"};
    size_t len;

    for (size_t i = 0; i < tenon_countof(hidden); i++) {
        if (tenon_has_prefix(normal, hidden[i])) {
            normal += strlen(hidden[i]);
            break;
        }
    }
    len = strlen(normal);
    if (tenon_has_suffix(normal, ":latest"))
        len -= strlen(":latest");
    return tenon_strndup(normal, len);
}

static const char *
replacement(const struct gateway *gw, const char *plain)
{
    auto_free char *of_platform = tenon_asprintf("context:%s::%s", plain,
                                                 gw->request->host_platform);
    auto_free char *any = tenon_asprintf("context:%s", plain);
    const char *value = gateway_option(gw, of_platform);

    return value ? value : gateway_option(gw, any);
}

/* ---- what it is, and where from ------------------------------------------ */

static int
take_source(struct gateway *gw, struct gateway_image *image, const char *identifier,
            const char *platform, const char *attr, const char *value, struct tenon_error *err)
{
    image->tree = tenon_llb_source(gw->host, gw->graph, identifier, platform, err);
    if (image->tree && attr)
        tenon_llb_source_attr(gw->host, image->tree, attr, value, err);
    return gw->host->error->code(err);
}

/* An image by what it is called, in a registry or in a layout of the user's. */
static int
take_image(struct gateway *gw, struct gateway_image *image, const char *identifier,
           const char *attr, const char *value, struct tenon_error *err)
{
    auto_free char *log_name = tenon_asprintf("resolve image config for %s", identifier);
    auto_free char *pair = value ? tenon_asprintf("%s=%s", attr, value) : NULL;
    const char *const attrs[] = {pair, NULL};
    const struct tenon_source_query query = {
        .struct_size = sizeof query, .identifier = identifier, .log_name = log_name,
        .platform = gw->request->host_platform, .attrs = attrs,
    };
    struct tenon_source_meta meta = {.struct_size = sizeof meta};

    if (gw->bridge->resolve_source_meta(gw->ctx, gw->graph, &query, &meta, err) < 0)
        return gw->host->error->code(err);
    image->config = meta.config;
    image->config_len = meta.config_len;
    const bool of_layout = attr && strcmp(attr, "oci.store") == 0;
    return take_source(gw, image, meta.identifier, gw->request->host_platform,
                       of_layout ? attr : NULL, value, err);
}

static int
take_docker_image(struct gateway *gw, struct gateway_image *image, const char *normal,
                  struct tenon_error *err)
{
    auto_free char *identifier = tenon_asprintf("docker-image://%s", normal);

    if (check_allowed(gw, normal, err) < 0)
        return TENON_E_DENIED;
    return take_image(gw, image, identifier, "image.resolvemode",
                      gateway_option(gw, "image-resolve-mode"), err);
}

/* STORE@sha256:...  The name in messages is that of the image. */
static int
take_layout(struct gateway *gw, struct gateway_image *image, const char *normal, const char *spec,
            struct tenon_error *err)
{
    const char *at = strchr(spec, '@');

    if (!at || at == spec)
        return gw->host->error->set(err, TENON_E_INVALID, 0, "oci-layout://%s is no NAME@DIGEST",
                                    spec);
    auto_free char *name = repository_of(normal);
    auto_free char *identifier = tenon_asprintf("oci-layout://%s%s", name, at);
    auto_free char *store = tenon_strndup(spec, (size_t)(at - spec));
    return take_image(gw, image, identifier, "oci.store", store, err);
}

/* The configuration beside an input: an option whose value is JSON, {KEY: base64}. */
static void
input_config(struct gateway *gw, struct gateway_image *image, const char *input)
{
    auto_free char *option = tenon_asprintf("input-metadata:%s", input);
    const char *json = gateway_option(gw, option);
    struct json_object *all = json ? tenon_json_parse_modest(json) : NULL, *value = NULL;

    if (all && json_object_object_get_ex(all, "containerimage.config", &value)) {
        const char *base64 = json_object_get_string(value);
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        if (base64 && tenon_base64_decode(base64, strlen(base64), &text)) {
            image->config = gw->host->ctx->strdup(gw->ctx, tenon_buf_str(&text));
            image->config_len = strlen(image->config);
        }
    }
    json_object_put(all);
}

static int
take_input(struct gateway *gw, struct gateway_image *image, const char *name,
           struct tenon_error *err)
{
    const struct tenon_frontend_request *r = gw->request;

    for (size_t i = 0; i < r->input_count; i++) {
        if (strcmp(r->inputs[i].name, name) != 0)
            continue;
        image->tree = gw->host->graph->node_of_ref(gw->graph, r->inputs[i].ref, &image->output);
        if (!image->tree)
            return gw->host->error->set(err, TENON_E_INVALID, 0, "the input %s is empty", name);
        input_config(gw, image, name);
        return TENON_OK;
    }
    return gw->host->error->set(err, TENON_E_INVALID, 0, "there is no input %s", name);
}

static int
take_replacement(struct gateway *gw, struct gateway_image *image, const char *normal,
                 const char *with, struct tenon_error *err)
{
    static const char docker[] = "docker-image://", layout[] = "oci-layout://";
    static const char local[] = "local:", input[] = "input:";

    if (tenon_has_prefix(with, docker)) {
        const char *other = gw->host->image->normalize(gw->ctx, with + strlen(docker), err);
        return other ? take_docker_image(gw, image, other, err) : gw->host->error->code(err);
    }
    if (check_replacement(gw, normal, with, err) < 0)
        return TENON_E_DENIED;
    if (tenon_has_prefix(with, layout))
        return take_layout(gw, image, normal, with + strlen(layout), err);
    if (tenon_has_prefix(with, input))
        return take_input(gw, image, with + strlen(input), err);
    if (!tenon_has_prefix(with, local))
        return gw->host->error->set(err, TENON_E_UNSUPPORTED, 0, "%s in its place: a frontend is "
                                    "an image, a layout or a directory", with);
    auto_free char *identifier = tenon_asprintf("local://%s", with + strlen(local));
    return take_source(gw, image, identifier, NULL, NULL, NULL, err);
}

int
gateway_choose(struct gateway *gw, const char *name, struct gateway_image *image,
               struct tenon_error *err)
{
    const char *normal = gw->host->image->normalize(gw->ctx, name, err);

    *image = (struct gateway_image){0};
    if (!normal)
        return gw->host->error->code(err);
    auto_free char *plain = familiar(normal);
    const char *with = replacement(gw, plain);
    return with ? take_replacement(gw, image, normal, with, err)
                : take_docker_image(gw, image, normal, err);
}
