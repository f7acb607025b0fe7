/* cli/buildattest.c - which attesters and scanners a build has, and with which options. */
#include "buildattest.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli.h"
#include "knownword.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"

#define PROVENANCE "provenance"
#define SBOM "sbom"
#define SCANNER "packages" /* ours */

struct spec { /* one --attest, in words */
    char *type;
    char **attrs;
    bool disabled;
};

static void
spec_release(struct spec *s)
{
    free(s->type);
    tenon_strv_free(s->attrs);
}

static int
parse_spec(const char *text, struct spec *out, struct tenon_error *err)
{
    auto_strv char **fields = tenon_comma_fields(text, NULL);
    for (char **f = fields; f && *f && !err->code; f++) {
        const char *eq = strchr(*f, '=');
        if (!eq) {
            tenon_error_set(err, TENON_E_INVALID, "--attest: invalid value %s", *f);
        } else if (tenon_has_prefix(*f, "type=")) {
            free(out->type);
            out->type = tenon_strdup(eq + 1);
        } else if (tenon_has_prefix(*f, "disabled=")) {
            if (!tenon_parse_bool(eq + 1, &out->disabled))
                tenon_error_set(err, TENON_E_INVALID, "--attest: invalid value %s", *f);
        } else {
            tenon_strv_push(&out->attrs, tenon_strdup(*f));
        }
    }
    if (!err->code && (!out->type || !*out->type))
        tenon_error_set(err, TENON_E_INVALID, "--attest: attestation type not specified");
    return err->code;
}

/* "true", "mode=max": what --provenance and --sbom take. */
static char *
canonical(const char *type, const char *value)
{
    bool on;
    if (tenon_parse_bool(value, &on))
        return tenon_asprintf("type=%s,disabled=%s", type, on ? "false" : "true");
    return tenon_asprintf("type=%s,%s", type, value);
}

static int
add_one(struct tenon_attests *a, struct tenon_plugins *plugins, struct spec *s,
        struct tenon_error *err)
{
    static const char *const others[] = { SBOM, NULL }, *const none[] = { NULL };
    if (!strcmp(s->type, SBOM)) {
        const struct tenon_attest *sbom =
            tenon_attests_add_sbom(a, tenon_steal(&s->attrs), SCANNER);
        if (!sbom)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "--sbom: generator and scanner cannot be used together");
        return known_word_check(plugins, sbom->kind, "scanner", sbom->name, none, err) < 0
                   ? tenon_error_context(err, "--sbom") : TENON_OK;
    }
    if (known_word_check(plugins, TENON_KIND_ATTESTER, "attestation type", s->type, others,
                         err) < 0)
        return tenon_error_context(err, "--attest");
    tenon_attests_add(a, TENON_KIND_ATTESTER, s->type, tenon_steal(&s->attrs));
    return TENON_OK;
}

/* ---- without a flag ----------------------------------------------------------------------- */

/* buildx attests unless BUILDX_NO_DEFAULT_ATTESTATIONS is true; here that has to be asked for: by
 * the variable when it is false, or by the configuration. */
static int
attests_by_default(struct json_object *config, bool *on, struct tenon_error *err)
{
    static const char name[] = "BUILDX_NO_DEFAULT_ATTESTATIONS";
    struct json_object *o = NULL;
    const char *env = secure_getenv(name);
    bool no;
    if (env && *env) {
        if (!tenon_parse_bool(env, &no))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "invalid %s=\"%s\": expected true or false", name, env);
        *on = !no;
        return TENON_OK;
    }
    *on = config && json_object_object_get_ex(config, "default-attestations", &o) &&
          json_object_get_boolean(o);
    return TENON_OK;
}

/* "min", "max" or "disabled", as buildx reads its variable. */
static const char *
shown_in_metadata(const struct build_flags *f)
{
    const char *env = secure_getenv("BUILDX_METADATA_PROVENANCE");
    bool on = true;
    if (!f->metadata_file || tenon_streq(env, "disabled"))
        return "disabled";
    if (env && !strcmp(env, "max"))
        return "max";
    return env && tenon_parse_bool(env, &on) && !on ? "disabled" : "min";
}

/* The metadata file tells how the build went, whether an image holds that or not. */
static void
add_metadata(const struct build_flags *f, struct tenon_attests *a)
{
    const char *shown = shown_in_metadata(f);
    struct tenon_attest *provenance =
        tenon_attests_find(a, TENON_KIND_ATTESTER, PROVENANCE);
    if (!provenance && strcmp(shown, "disabled")) {
        char **attrs = NULL;
        tenon_strv_push(&attrs, tenon_strdup("store=false"));
        provenance = tenon_attests_add(a, TENON_KIND_ATTESTER, PROVENANCE, attrs);
    }
    if (provenance)
        tenon_strv_push(&provenance->pairs, tenon_asprintf("metadata=%s", shown));
}

static bool
is_installed(struct tenon_plugins *plugins, const char *name)
{
    static const char *const none[] = { NULL };
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    return known_word_check(plugins, TENON_KIND_ATTESTER, "", name, none, &ignored) == 0;
}

int
build_attests_parse(const struct build_flags *f, struct json_object *config,
                    struct tenon_plugins *plugins, struct tenon_attests *out,
                    struct tenon_error *err)
{
    auto_strv char **words = tenon_strv_dup((const char *const *)f->attests), **seen = NULL;
    bool provenance = false;
    if (f->provenance && *f->provenance)
        tenon_strv_push(&words, canonical(PROVENANCE, f->provenance));
    if (f->sbom && *f->sbom)
        tenon_strv_push(&words, canonical(SBOM, f->sbom));
    for (char **w = words; w && *w && !err->code; w++) {
        struct spec s = {0};
        bool repeated = false, on = true;
        if (tenon_parse_bool(*w, &on) && !on)
            continue; /* --attest=false: none by this */
        if (parse_spec(*w, &s, err) == 0) {
            for (char **t = seen; t && *t; t++)
                repeated = repeated || !strcmp(*t, s.type); /* the first counts, as with buildx */
            tenon_strv_push(&seen, tenon_strdup(s.type));
            provenance = provenance || !strcmp(s.type, PROVENANCE);
            if (!repeated && !s.disabled)
                add_one(out, plugins, &s, err);
        }
        spec_release(&s);
    }
    bool wanted = false;
    if (!err->code && !provenance && attests_by_default(config, &wanted, err) == 0 && wanted) {
        char **attrs = NULL;
        tenon_strv_push(&attrs, tenon_strdup("mode=min"));
        tenon_strv_push(&attrs, tenon_strdup("inline-only=true"));
        tenon_attests_add(out, TENON_KIND_ATTESTER, PROVENANCE, attrs);
    }
    if (!err->code && is_installed(plugins, PROVENANCE))
        add_metadata(f, out);
    return err->code;
}
