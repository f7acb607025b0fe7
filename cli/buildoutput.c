/* cli/buildoutput.c - from flags to exports, and what the command writes about the result. */
#include "buildoutput.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/text.h"
#include "tools/vec.h"
#include "buildcall.h"
#include "cli.h"
#include "destination.h"
#include "engine/result.h"
#include "image/image.h"
#include "knownword.h"

/* ---- -o ------------------------------------------------------------------ */

static void
add_export(struct build_outputs *o, char *type, char **pairs)
{
    o->exports = tenon_reallocarray(o->exports, o->count + 1, sizeof *o->exports);
    o->exports[o->count++] = (struct tenon_export){ type, pairs };
}

static bool
has_pair(char *const *pairs, const char *key)
{
    size_t len = strlen(key);
    for (; pairs && *pairs; pairs++)
        if (!strncmp(*pairs, key, len) && ((*pairs)[len] == '=' || !(*pairs)[len]))
            return true;
    return false;
}

/* What an exporter that is not there would do is not asked: it is missed soon enough. */
static const struct tenon_plugin *
exporter(struct tenon_plugins *plugins, const char *type)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    const struct tenon_plugin *p = NULL;
    tenon_plugins_peek(plugins, TENON_KIND_EXPORTER, type, &p, &ignored);
    return p;
}

static bool
makes_images(struct tenon_plugins *plugins, const char *type)
{
    const struct tenon_plugin *p = exporter(plugins, type);
    return !p || p->ops.exporter->flags & TENON_EXPORTER_IMAGE;
}

static bool
has_option(struct tenon_plugins *plugins, const char *type, const char *name)
{
    const struct tenon_plugin *p = exporter(plugins, type);
    return p && tenon_param_find(p->options, p->param_size, name, strlen(name));
}

static bool
is_archive(char *const *pairs)
{
    bool tar = true;
    for (; pairs && *pairs; pairs++)
        if (tenon_has_prefix(*pairs, "tar="))
            tenon_parse_bool(*pairs + 4, &tar);
    return tar;
}

/* One archive: without a destination it goes to standard output. */
static bool
is_stream(const char *type, char *const *pairs)
{
    return !strcmp(type, "tar") || (!strcmp(type, "oci") && is_archive(pairs));
}

/* Drops the pairs of one key, and names each: the user asked for it. */
static void
drop_pairs(char **pairs, const char *key, const char *flag)
{
    size_t len = strlen(key), kept = 0;
    for (size_t i = 0; pairs && pairs[i]; i++) {
        if (strncmp(pairs[i], key, len) || pairs[i][len] != '=') {
            pairs[kept++] = pairs[i];
            continue;
        }
        tenon_log(TENON_LOG_WARNING, "%s is used instead of \"%s\" of the output", flag, pairs[i]);
        free(pairs[i]);
    }
    if (pairs)
        pairs[kept] = NULL;
}

/* As with buildx, flags win over what an output says. */
static void
add_tags(const struct build_flags *f, struct tenon_plugins *plugins, const char *type,
         char ***pairs)
{
    if (!f->tags || !makes_images(plugins, type))
        return;
    if (!has_option(plugins, type, "name")) {
        tenon_log(TENON_LOG_WARNING, "--tag is not used by the output type %s, which has no names",
                  type);
        return;
    }
    drop_pairs(*pairs, "name", "--tag");
    for (char **t = f->tags; *t; t++)
        tenon_strv_push(pairs, tenon_asprintf("name=%s", *t));
}

static void
set_push(char ***pairs, const char *flag)
{
    bool push = false; /* the last one counts */
    for (char **p = *pairs; p && *p; p++)
        if (tenon_has_prefix(*p, "push="))
            tenon_parse_bool(*p + strlen("push="), &push);
    if (push)
        return;
    drop_pairs(*pairs, "push", flag);
    tenon_strv_push(pairs, tenon_strdup("push=true"));
}

static int
check_tags(const struct build_flags *f, struct tenon_error *err)
{
    for (char **t = f->tags; t && *t; t++) {
        struct tenon_reference ref = {0};
        if (tenon_reference_parse(*t, &ref, err) < 0)
            return tenon_error_context(err, "invalid tag \"%s\"", *t);
        tenon_reference_release(&ref);
    }
    return TENON_OK;
}

/* One TYPE[PLATFORM] in front of an annotation's key. */
static int
add_annotation(const char *type, const char *rest, char ***pairs, struct tenon_error *err)
{
    static const char *const kinds[] = { "index", "index-descriptor", "manifest",
                                         "manifest-descriptor", NULL };
    size_t len = strspn(type, "abcdefghijklmnopqrstuvwxyz-");
    const char *end = type + strlen(type);
    if (len == 0 || (type[len] && (type[len] != '[' || end[-1] != ']')))
        return tenon_error_set(err, TENON_E_INVALID, "invalid annotation type \"%s\", expected "
                               "type and optional platform in square brackets", type);
    auto_free char *word = tenon_strndup(type, len);
    const char *const *k = kinds;
    while (*k && strcmp(*k, word))
        k++;
    if (!*k)
        return tenon_error_set(err, TENON_E_INVALID, "unknown annotation type \"%s\"", word);
    tenon_strv_push(pairs, tenon_asprintf("annotation-%s.%s", type, rest));
    return TENON_OK;
}

/* --annotation [TYPE[PLATFORM][,...]:]K=V to annotation-TYPE[PLATFORM].K=V */
static int
add_annotations(const struct build_flags *f, struct tenon_plugins *plugins, const char *type,
                char ***pairs, struct tenon_error *err)
{
    const bool takes = f->annotations && makes_images(plugins, type) &&
                       has_option(plugins, type, "annotation");
    for (char **a = f->annotations; takes && *a; a++) {
        const char *eq = strchr(*a, '=');
        if (!eq)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "invalid annotation \"%s\", expected KEY=VALUE", *a);
        const char *colon = memchr(*a, ':', (size_t)(eq - *a));
        if (!colon) {
            tenon_strv_push(pairs, tenon_asprintf("annotation.%s", *a));
            continue;
        }
        auto_free char *types = tenon_strndup(*a, (size_t)(colon - *a));
        char *rest = types;
        for (char *t = strsep(&rest, ","); t; t = strsep(&rest, ","))
            if (add_annotation(t, colon + 1, pairs, err) < 0)
                return err->code;
    }
    return TENON_OK;
}

/* Keys are of any case and may have blanks around them, as in buildx; an annotation's
 * own key stays as it is. */
static void
add_field(const char *field, char ***pairs, char **type)
{
    size_t len = strcspn(field, "=");
    auto_free char *key = tenon_strndup(field, len);
    const char *given = key + strspn(key, " \t");
    auto_free char *name = tenon_strndup(given, strcspn(given, " \t"));
    size_t word = strcspn(name, ".[");
    tenon_lower(name);
    if (tenon_has_prefix(name, "annotation"))
        memcpy(name + word, given + word, strlen(name + word));
    const char *value = field + len + 1;
    if (!strcmp(name, "type")) {
        free(*type);
        *type = tenon_strdup(value);
    } else if (strcmp(name, "dest") || *value) { /* an empty one is none */
        tenon_strv_push(pairs, tenon_asprintf("%s=%s", name, value));
    }
}

/* -o DIR, -o -: also a directory with "=" in its name, unless it is an option that lacks
 * its type. */
static bool
is_place(const char *spec, char **fields)
{
    static const char *const words[] = { "compression", "dest", "mode", "name", "push", "tar",
                                         "type" };
    if (tenon_strv_len(fields) != 1 || strcmp(fields[0], spec))
        return false;
    size_t len = strcspn(spec, "=");
    for (size_t i = 0; spec[len] && i < tenon_countof(words); i++)
        if (strlen(words[i]) == len && !strncasecmp(spec, words[i], len))
            return false;
    return true;
}

static int
parse_one(const struct build_flags *f, struct tenon_plugins *plugins, const char *spec,
          struct build_outputs *o, struct tenon_error *err)
{
    char **fields = tenon_comma_fields(spec, NULL);
    char **pairs = NULL;
    char *type = NULL;
    if (!fields)
        return tenon_error_set(err, TENON_E_INVALID, "invalid output \"%s\"", spec);
    if (is_place(spec, fields)) {
        type = tenon_strdup(strcmp(spec, "-") ? "local" : "tar");
        tenon_strv_push(&pairs, tenon_asprintf("dest=%s", spec));
    } else {
        for (char **p = fields; *p; p++) {
            if (!strchr(*p, '=')) {
                cli_pair_expected("output", spec, *p, err);
                break;
            }
            add_field(*p, &pairs, &type);
        }
        if (!err->code && (!type || !*type))
            tenon_error_set(err, TENON_E_INVALID, "type is required for output \"%s\"", spec);
    }
    tenon_strv_free(fields);
    static const char *const others[] = { "cacheonly", "registry", NULL };
    if (!err->code)
        known_word_check(plugins, TENON_KIND_EXPORTER, "output type", type, others, err);
    if (!err->code && !strcmp(type, "registry")) { /* = image, pushed */
        free(type);
        type = tenon_strdup("image");
        set_push(&pairs, "type=registry");
    }
    if (!err->code && is_stream(type, pairs) && !has_pair(pairs, "dest"))
        tenon_strv_push(&pairs, tenon_strdup("dest=-"));
    if (!err->code && !strcmp(type, "cacheonly")) { /* nothing comes out */
        free(type);
        tenon_strv_free(pairs);
        return TENON_OK;
    }
    if (!err->code) {
        add_tags(f, plugins, type, &pairs);
        add_annotations(f, plugins, type, &pairs, err);
    }
    if (err->code) {
        free(type);
        tenon_strv_free(pairs);
        return err->code;
    }
    add_export(o, type, pairs);
    return TENON_OK;
}

/* What removes files of others comes before those others are written. */
static void
mirrors_first(struct build_outputs *o)
{
    size_t at = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct tenon_export x = o->exports[i];
        char **p = x.pairs;
        while (p && *p && strcmp(*p, "mode=delete"))
            p++;
        if (strcmp(x.type, "local") || !p || !*p)
            continue;
        memmove(&o->exports[at + 1], &o->exports[at], (i - at) * sizeof x);
        o->exports[at++] = x;
    }
}

bool
build_outputs_load(const struct build_outputs *o)
{
    for (size_t i = 0; i < o->count; i++)
        if (!strcmp(o->exports[i].type, "docker") && !has_pair(o->exports[i].pairs, "dest"))
            return true;
    return false;
}

int
build_outputs_parse(const struct build_flags *f, struct tenon_plugins *plugins,
                    struct build_outputs *o, struct tenon_error *err)
{
    struct build_call call;
    if (build_call_parse(f, &call, err) < 0 || call.request)
        return err->code;
    if (check_tags(f, err) < 0)
        return err->code;
    for (char **s = f->outputs; s && *s; s++)
        if (parse_one(f, plugins, *s, o, err) < 0)
            return err->code;
    bool image = false;
    for (size_t i = 0; i < o->count; i++)
        if (!strcmp(o->exports[i].type, "image")) {
            image = true;
            if (f->push)
                set_push(&o->exports[i].pairs, "--push");
        }
    if (f->load && !build_outputs_load(o) && parse_one(f, plugins, "type=docker", o, err) < 0)
        return err->code;
    if (f->push && !image && parse_one(f, plugins, "type=image,push=true", o, err) < 0)
        return err->code;
    /* Nothing asked: the image stays in the store, under its names. */
    if (!f->outputs && !f->push && !f->load && parse_one(f, plugins, "type=image", o, err) < 0)
        return err->code;
    mirrors_first(o);
    for (size_t i = 0; f->iidfile && i < o->count; i++)
        if (!makes_images(plugins, o->exports[i].type))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "cannot use --iidfile with the output type %s",
                                   o->exports[i].type);
    return TENON_OK;
}

void
build_outputs_release(struct build_outputs *o)
{
    for (size_t i = 0; i < o->count; i++) {
        free(o->exports[i].type);
        tenon_strv_free(o->exports[i].pairs);
    }
    free(o->exports);
}

/* ---- files --------------------------------------------------------------- */

static int
put_file(const char *path, const char *text, struct tenon_error *err)
{
    struct destination d;
    if (destination_open(path, &d, err) < 0)
        return err->code;
    if (tenon_write_all(d.fd, text, strlen(text), err) < 0) {
        destination_abort(&d);
        return err->code;
    }
    return destination_commit(&d, err);
}

int
build_outputs_clear(const struct build_flags *f, int out, struct tenon_error *err)
{
    if (!f->iidfile || destination_is_stdout(f->iidfile, out))
        return TENON_OK;
    return destination_clear(f->iidfile, err);
}

/* A directory that the output will have made before these files are written. */
static bool
will_be_made(const char *dir, const struct tenon_export *x)
{
    for (char **p = x->pairs; p && *p; p++) {
        if (!tenon_has_prefix(*p, "dest="))
            continue;
        /* An archive's own name does not become a directory, but nobody writes below it. */
        auto_free char *place = destination_name(*p + strlen("dest="));
        size_t len = strlen(dir);
        if (!strncmp(place, dir, len) && (place[len] == '/' || !place[len]))
            return true;
    }
    return false;
}

static int
check_file(const char *flag, const char *path, const struct build_outputs *o,
           const struct tenon_session *s, struct tenon_error *err)
{
    if (!path)
        return TENON_OK;
    if (!strcmp(path, "-"))
        path = "./-"; /* a file of this name, not standard output */
    auto_free char *name = destination_name(path);
    char *slash = strrchr(name, '/');
    *(slash == name ? slash + 1 : slash) = '\0';
    bool made = access(name, F_OK) == 0 || errno != ENOENT;
    for (size_t i = 0; i < o->count; i++)
        made = made || will_be_made(name, &o->exports[i]);
    if (!made) {
        tenon_error_set(err, TENON_E_INVALID, "%s %s: no such directory", flag, path);
        return tenon_error_hint(err, "mkdir -p %s", name);
    }
    return s->sink_check(s->data, path, TENON_SINK_FILE, err) < 0
               ? tenon_error_context(err, "%s", flag) : TENON_OK;
}

int
build_outputs_check(const struct build_flags *f, const struct build_outputs *o,
                    const struct tenon_session *s, struct tenon_error *err)
{
    if (check_file("--iidfile", f->iidfile, o, s, err) < 0)
        return err->code;
    return check_file("--metadata-file", f->metadata_file, o, s, err);
}

static const char *
image_id(const struct tenon_result *r)
{
    const struct tenon_result_value *v = tenon_result_response(r, "containerimage.config.digest");
    if (!v)
        v = tenon_result_response(r, "containerimage.digest");
    return v ? v->data : NULL;
}

static int
write_metadata(const char *path, const struct tenon_result *r, const char *id,
               struct tenon_error *err)
{
    auto_json struct json_object *o = json_object_new_object();
    auto_free char *ref = tenon_asprintf("default/default/%s", id); /* builder, node, build */
    json_object_object_add(o, "buildx.build.ref", json_object_new_string(ref));
    tenon_vec_foreach(v, &r->responses) {
        struct json_object *value = v->is_json ? json_tokener_parse(v->data) : NULL;
        json_object_object_add(o, v->key, value ? value : json_object_new_string(v->data));
    }
    const char *text = json_object_to_json_string_ext(
        o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    return put_file(path, text, err);
}

int
build_outputs_write(const struct build_flags *f, const struct tenon_result *r,
                    const char *build_id, struct tenon_error *err)
{
    const char *id = image_id(r);
    if (f->iidfile && id && put_file(f->iidfile, id, err) < 0)
        return tenon_error_context(err, "write %s", f->iidfile);
    if (f->metadata_file && write_metadata(f->metadata_file, r, build_id, err) < 0)
        return tenon_error_context(err, "write %s", f->metadata_file);
    return TENON_OK;
}

void
build_outputs_tell(const struct build_flags *f, const struct tenon_result *r)
{
    const char *id = image_id(r);
    if (id && !f->tags && !f->outputs && !f->push && !f->load)
        fprintf(stderr, "The result is %.*s in the store, and prune may remove it: -t NAME keeps "
                "it, -o writes it out.\n", (int)strlen("sha256:") + 12, id);
}

int
build_outputs_print(const struct build_flags *f, const struct tenon_result *r)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct build_call call;
    if (build_call_parse(f, &call, &ignored) == 0 && call.request)
        return build_call_print(f, &call, r);
    const char *id = image_id(r);
    if (f->quiet && id)
        puts(id);
    return CLI_OK;
}
