/* registry/settings.c - see settings.h. */
#include "registry/settings.h"

#include "tools/alloc.h"
#include "tools/parse.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define LONGEST (24 * 3600 * SECOND)

static int
duration(struct json_object *o, const char *key, uint64_t *out, struct tenon_error *err)
{
    const char *text = NULL;
    int64_t ns;
    if (tenon_json_get_str(o, key, NULL, &text, err) < 0)
        return err->code;
    if (!text)
        return 0;
    if (!tenon_parse_duration(text, &ns) || ns <= 0 || (uint64_t)ns > LONGEST)
        return tenon_error_set(err, TENON_E_INVALID, "%s: expected a duration such as \"30s\"",
                               key);
    *out = (uint64_t)ns;
    return 0;
}

static int
read_all(struct json_object *o, struct tenon_http_settings *s, struct tenon_error *err)
{
    struct json_object *proxy = NULL;
    if (duration(o, "connect-timeout", &s->connect_ns, err) < 0 ||
        duration(o, "stall-timeout", &s->stall_ns, err) < 0 ||
        duration(o, "send-stall-timeout", &s->send_stall_ns, err) < 0 ||
        duration(o, "first-pause", &s->pause_ns, err) < 0 ||
        duration(o, "patience", &s->patience_ns, err) < 0 ||
        tenon_json_get_str(o, "cert-file", NULL, &s->cert_file, err) < 0 ||
        tenon_json_get_array(o, "cert-dirs", &s->cert_dirs, err) < 0 ||
        tenon_json_get_object(o, "proxy", &proxy, err) < 0)
        return err->code;
    for (size_t i = 0; s->cert_dirs && i < json_object_array_length(s->cert_dirs); i++)
        if (!json_object_is_type(json_object_array_get_idx(s->cert_dirs, i), json_type_string))
            return tenon_error_set(err, TENON_E_INVALID, "cert-dirs[%zu]: expected string", i);
    if (!proxy)
        return 0;
    if (tenon_json_get_str(proxy, "http", NULL, &s->proxy_http, err) < 0 ||
        tenon_json_get_str(proxy, "https", NULL, &s->proxy_https, err) < 0 ||
        tenon_json_get_str(proxy, "no", NULL, &s->no_proxy, err) < 0)
        return tenon_error_context(err, "proxy");
    return 0;
}

int
tenon_http_settings(struct json_object *config, struct tenon_http_settings *out,
                    struct tenon_error *err)
{
    *out = (struct tenon_http_settings){
        .connect_ns = 30 * SECOND,
        .stall_ns = 60 * SECOND,
        .send_stall_ns = 600 * SECOND,
        .pause_ns = 500 * MS,
        .patience_ns = 120 * SECOND,
    };
    struct json_object *o = NULL;
    if (!config)
        return 0;
    if (tenon_json_get_bool(config, "offline", false, &out->offline, err) < 0 ||
        tenon_json_get_object(config, "http", &o, err) < 0)
        return tenon_error_context(err, "configuration");
    return !o || read_all(o, out, err) == 0 ? 0 : tenon_error_context(err, "configuration: http");
}
