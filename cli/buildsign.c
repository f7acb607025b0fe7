/* cli/buildsign.c - see buildsign.h. */
#include "buildsign.h"

#include <string.h>
#include <time.h>

#include "engine/result.h"
#include "places/places.h"
#include "reach.h"
#include "signing/signimage.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"

/* ---- the flag --------------------------------------------------------------------------- */

/* FILE, or key=FILE,certificate=FILE,...: the options of `tenon sign`. */
static int
take_field(struct build_sign *s, const char *field, struct tenon_error *err)
{
    static const char *const words[] = { "key", "certificate", "each", "form", "name",
                                         "password-file", NULL };
    const char *eq = strchr(field, '=');
    auto_free char *word = eq ? tenon_strndup(field, (size_t)(eq - field)) : tenon_strdup("key");
    const char *value = eq ? eq + 1 : field;
    if (!*value)
        return tenon_error_set(err, TENON_E_INVALID, "%s of nothing", word);
    if (!strcmp(word, "key"))
        s->how.key = value;
    else if (!strcmp(word, "certificate"))
        s->how.certificate = value;
    else if (!strcmp(word, "name"))
        s->how.name = value;
    else if (!strcmp(word, "password-file"))
        s->how.password = value;
    else if (!strcmp(word, "form"))
        return sign_form_parse(value, &s->how.forms, err) < 0
                   ? tenon_error_context(err, "form") : 0;
    else if (strcmp(word, "each")) {
        auto_free char *meant = tenon_meant(word, words);
        return tenon_error_set(err, TENON_E_INVALID, "unknown option \"%s\"%s", word, meant);
    } else if (!tenon_parse_bool(value, &s->how.each))
        return tenon_error_set(err, TENON_E_INVALID, "each: true or false, not \"%s\"", value);
    return 0;
}

static int
take_fields(struct build_sign *s, const char *text, struct tenon_error *err)
{
    s->how.forms = TENON_FORM_SIMPLE | TENON_FORM_BUNDLE;
    s->fields = tenon_comma_fields(text, NULL);
    for (char **f = s->fields; f && *f; f++)
        if (take_field(s, *f, err) < 0)
            return err->code;
    return s->how.key ? 0 : tenon_error_set(err, TENON_E_INVALID, "with which key?");
}

/* ---- outputs ---------------------------------------------------------------------------- */

/* The last of a key counts; NULL: there is none. */
static const char *
pair(const struct tenon_export *x, const char *key)
{
    const char *found = NULL;
    const size_t len = strlen(key);
    for (char **p = x->pairs; p && *p; p++)
        if (!strncmp(*p, key, len) && (*p)[len] == '=')
            found = *p + len + 1;
    return found;
}

static bool
is_on(const struct tenon_export *x, const char *key, bool otherwise)
{
    const char *value = pair(x, key);
    bool on;
    return value && tenon_parse_bool(value, &on) ? on : otherwise;
}

static bool
is_pushed(const struct tenon_export *x)
{
    return !strcmp(x->type, "image") && is_on(x, "push", false);
}

static bool
is_layout(const struct tenon_export *x)
{
    return !strcmp(x->type, "oci");
}

static int
check_layout(const struct build_sign *s, const struct tenon_export *x, struct tenon_error *err)
{
    const char *dest = pair(x, "dest");
    if (!dest || !strcmp(dest, "-"))
        return tenon_error_set(err, TENON_E_INVALID, "an archive on standard output cannot be "
                               "signed");
    if (s->how.name || pair(x, "name"))
        return 0;
    tenon_error_set(err, TENON_E_INVALID, "what is the image in %s called?", dest);
    return tenon_error_hint(err, "-t NAME, or --sign key=FILE,name=NAME");
}

int
build_sign_parse(const struct build_flags *f, const struct build_outputs *outputs,
                 struct build_sign *out, struct tenon_error *err)
{
    bool any = false;
    if (!f->sign)
        return 0;
    if (take_fields(out, f->sign, err) < 0)
        return tenon_error_context(err, "--sign");
    for (size_t i = 0; i < outputs->count; i++) {
        const struct tenon_export *x = &outputs->exports[i];
        if (is_layout(x) && check_layout(out, x, err) < 0)
            return tenon_error_context(err, "--sign");
        any = any || is_layout(x) || is_pushed(x);
    }
    if (!any) {
        tenon_error_set(err, TENON_E_INVALID, "--sign: nothing is pushed, and no output is of "
                        "type=oci");
        return tenon_error_hint(err, "--push, or `tenon sign` for what is there");
    }
    if (sign_open_key(&out->how, &out->key, err) < 0 ||
        sign_open_certificate(&out->how, &out->certificate, err) < 0)
        return tenon_error_context(err, "--sign");
    return 0;
}

void
build_sign_release(struct build_sign *s)
{
    tenon_signing_key_free(s->key);
    tenon_certificate_free(s->certificate);
    tenon_strv_free(s->fields);
}

/* ---- what was exported ------------------------------------------------------------------ */

static int
sign_place(const struct build_sign *s, struct tenon_reach *reach, struct tenon_place *p,
           const char *name, struct tenon_error *err)
{
    p->itself = true; /* what is signed under a registry's name is the registry's */
    if (tenon_place_find(reach, p, err) < 0)
        return err->code;
    const struct tenon_sign_image x = {
        .reach = reach, .place = p, .key = s->key, .certificate = s->certificate, .name = name,
        .forms = s->how.forms, .each = s->how.each, .time_s = (int64_t)time(NULL),
    };
    return tenon_image_sign(&x, err);
}

/* name: as the image was pushed, or as the layout calls it. */
static int
sign_one(const struct build_sign *s, const struct tenon_export *x, const char *name,
         const char *digest, struct tenon_error *err)
{
    auto_place struct tenon_place p = TENON_PLACE_INIT;
    struct tenon_reach reach;
    cli_reach_with(s->cli, s->store, is_on(x, "registry.insecure", false), &reach);
    reach.call.cancel = s->cancel;
    int rc;
    if (is_pushed(x)) {
        auto_free char *text = tenon_asprintf(strchr(name, '@') ? "docker-image://%s"
                                                                : "docker-image://%s@%s",
                                              name, digest);
        rc = tenon_place_parse(text, &p, err) < 0 ? err->code
                                                  : sign_place(s, &reach, &p, s->how.name, err);
    } else {
        p.kind = is_on(x, "tar", true) ? TENON_PLACE_ARCHIVE : TENON_PLACE_LAYOUT;
        p.text = tenon_strdup(pair(x, "dest"));
        p.name = tenon_strdup(p.text);
        p.digest = tenon_strdup(digest);
        rc = sign_place(s, &reach, &p, s->how.name ? s->how.name : name, err);
    }
    tenon_registry_free(reach.registry);
    return rc;
}

static int
sign_all(const struct build_sign *s, const struct tenon_export *x, const struct tenon_result *r,
         struct tenon_error *err)
{
    const struct tenon_result_value *names = tenon_result_response(r, "image.name"),
                                    *digest = tenon_result_response(r, "containerimage.digest");
    auto_strv char **list = names ? tenon_comma_fields(names->data, NULL) : NULL;
    if (!digest)
        return tenon_error_set(err, TENON_E_BUG, "an export without a digest");
    if (!list || !*list)
        return sign_one(s, x, NULL, digest->data, err);
    for (char **name = list; *name; name++)
        if (sign_one(s, x, *name, digest->data, err) < 0)
            return err->code;
    return 0;
}

int
build_sign_export(void *sign, const struct tenon_export *x, const struct tenon_result *r,
                  struct tenon_error *err)
{
    struct build_sign *s = sign;
    char step[72];
    if (!is_pushed(x) && !is_layout(x))
        return 0;
    tenon_events_fresh_digest(step);
    const struct tenon_vertex_info info = { .digest = step, .name = "signing" };
    tenon_events_start(s->events, &info);
    const int rc = sign_all(s, x, r, err);
    tenon_events_done(s->events, step, false, rc < 0 ? err->message : NULL,
                      rc == TENON_E_CANCELLED);
    return rc;
}
