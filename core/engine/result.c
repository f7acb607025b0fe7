/* engine/result.c - a frontend's result: references and metadata by platform. */
#include "engine/result.h"

#include <stdlib.h>
#include <string.h>

#include "engine/attestation.h"
#include "image/image.h"

static void
release_value(struct tenon_result_value *v)
{
    free(v->key);
    free(v->data);
}

void
tenon_result_release(struct tenon_result *r)
{
    tenon_vec_foreach(p, &r->platforms)
        free(p->platform);
    tenon_vec_foreach(v, &r->meta)
        release_value(v);
    tenon_vec_foreach(v, &r->responses)
        release_value(v);
    tenon_vec_foreach(x, &r->attestations) {
        free(x->platform);
        tenon_attestation_release(&x->a);
    }
    tenon_vec_foreach(s, &r->scans) {
        free(s->platform);
        free(s->name);
    }
    tenon_vec_release(&r->scans);
    tenon_vec_release(&r->attestations);
    tenon_vec_release(&r->platforms);
    tenon_vec_release(&r->meta);
    tenon_vec_release(&r->responses);
}

const struct tenon_result_value *
tenon_result_meta(const struct tenon_result *r, const char *key)
{
    tenon_vec_foreach(v, &r->meta)
        if (!strcmp(v->key, key))
            return v;
    return NULL;
}

const struct tenon_result_value *
tenon_result_platform_meta(const struct tenon_result *r, const char *key,
                           const char *platform)
{
    auto_free char *suffixed = tenon_asprintf("%s/%s", key, platform);
    const struct tenon_result_value *v = tenon_result_meta(r, suffixed);
    return v ? v : tenon_result_meta(r, key);
}

const struct tenon_result_value *
tenon_result_response(const struct tenon_result *r, const char *key)
{
    tenon_vec_foreach(v, &r->responses)
        if (!strcmp(v->key, key))
            return v;
    return NULL;
}

int
tenon_result_add(struct tenon_result *r, const char *platform,
                 struct tenon_ref *ref, struct tenon_error *err)
{
    struct tenon_platform parsed;

    /* Exporters make names of files of it, and a frontend may come from anywhere. */
    if (*platform && tenon_platform_parse(platform, &parsed, err) < 0)
        return err->code;
    tenon_vec_foreach(p, &r->platforms)
        if (!strcmp(p->platform, platform))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "platform %s was given twice", platform);
    struct tenon_result_platform p = { .platform = tenon_strdup(platform), .ref = ref };
    tenon_vec_push(&r->platforms, p);
    return TENON_OK;
}

int
tenon_result_set(struct tenon_result *r, const char *key, const void *data,
                 size_t len, struct tenon_error *err)
{
    (void)err;
    tenon_vec_foreach(v, &r->meta)
        if (!strcmp(v->key, key)) {
            free(v->data);
            v->data = tenon_memdup(data, len);
            v->len = len;
            return TENON_OK;
        }
    struct tenon_result_value v = { tenon_strdup(key), tenon_memdup(data, len), len, false };
    tenon_vec_push(&r->meta, v);
    return TENON_OK;
}

int
tenon_result_respond(struct tenon_result *r, const char *key, const char *value,
                     bool is_json, struct tenon_error *err)
{
    (void)err;
    tenon_vec_foreach(v, &r->responses)
        if (!strcmp(v->key, key)) {
            free(v->data);
            v->data = tenon_strdup(value);
            v->len = strlen(value);
            v->is_json = is_json;
            return TENON_OK;
        }
    struct tenon_result_value v = { tenon_strdup(key), tenon_strdup(value), strlen(value),
                                    is_json };
    tenon_vec_push(&r->responses, v);
    return TENON_OK;
}

enum { SCAN_NAME_MAX = 128 };

/* It is in the path of a mount, and in names of files. */
static bool
is_scan_name(const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    const size_t len = strlen(name);
    return len > 0 && len <= SCAN_NAME_MAX && name[0] != '.' && strspn(name, plain) == len;
}

int
tenon_result_scan_add(struct tenon_result *r, const char *platform, const char *name,
                      struct tenon_ref *ref, struct tenon_error *err)
{
    if (!is_scan_name(name))
        return tenon_error_set(err, TENON_E_INVALID, "\"%s\" cannot be the name of what is scanned",
                               name);
    tenon_vec_foreach(s, &r->scans)
        if (!strcmp(s->platform, platform) && !strcmp(s->name, name)) {
            s->ref = ref; /* the last stage of a name is the one that is meant */
            return TENON_OK;
        }
    struct tenon_result_scan s = { tenon_strdup(platform), tenon_strdup(name), ref };
    tenon_vec_push(&r->scans, s);
    return TENON_OK;
}

const char *
tenon_result_scan(const struct tenon_result *r, const char *platform, size_t i,
                  struct tenon_ref **ref)
{
    tenon_vec_foreach(s, &r->scans)
        if (!strcmp(s->platform, platform) && i-- == 0) {
            *ref = s->ref;
            return s->name;
        }
    return NULL;
}
