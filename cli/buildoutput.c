/* From flags to exports, and what the command writes about the result. */
#include "buildoutput.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/text.h"
#include "tools/vec.h"
#include "cli.h"
#include "engine/result.h"

/* ---- -o ----------------------------------------------------------------- */

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

static bool
makes_images(const char *type)
{
    return strcmp(type, "local") && strcmp(type, "tar");
}

/* One archive: without a destination it goes to standard output. */
static bool
is_stream(const char *type, char *const *pairs)
{
    if (!strcmp(type, "tar"))
        return true;
    bool tar = true;
    for (; !strcmp(type, "oci") && pairs && *pairs; pairs++)
        if (tenon_has_prefix(*pairs, "tar="))
            tenon_parse_bool(*pairs + 4, &tar);
    return tar && !strcmp(type, "oci");
}

static void
add_tags(const struct build_flags *f, const char *type, char ***pairs)
{
    if (!makes_images(type) || has_pair(*pairs, "name"))
        return;
    for (char **t = f->tags; t && *t; t++)
        tenon_strv_push(pairs, tenon_asprintf("name=%s", *t));
}

/* --annotation [TYPE[PLATFORM][,...]:]K=V to annotation-TYPE[PLATFORM].K=V */
static int
add_annotations(const struct build_flags *f, const char *type, char ***pairs,
                struct tenon_error *err)
{
    for (char **a = f->annotations; a && *a && makes_images(type); a++) {
        const char *eq = strchr(*a, '=');
        if (!eq)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "invalid annotation %s, expected KEY=VALUE", *a);
        static const char *const kinds[] = { "manifest-descriptor", "index-descriptor", "manifest",
                                             "index" };
        const char *colon = memchr(*a, ':', (size_t)(eq - *a));
        bool typed = false;
        for (size_t i = 0; colon && i < tenon_countof(kinds); i++)
            typed |= tenon_has_prefix(*a, kinds[i]);
        if (!typed) {
            tenon_strv_push(pairs, tenon_asprintf("annotation.%s", *a));
            continue;
        }
        auto_free char *types = tenon_strndup(*a, (size_t)(colon - *a));
        char *rest = types;
        for (char *t = strsep(&rest, ","); t; t = strsep(&rest, ","))
            tenon_strv_push(pairs, tenon_asprintf("annotation-%s.%s", t, colon + 1));
    }
    return TENON_OK;
}

static int
parse_one(const struct build_flags *f, const char *spec, struct build_outputs *o,
          struct tenon_error *err)
{
    char **fields = tenon_comma_fields(spec, NULL);
    char **pairs = NULL;
    char *type = NULL;
    if (!fields)
        return tenon_error_set(err, TENON_E_INVALID, "invalid output \"%s\"", spec);
    if (tenon_strv_len(fields) == 1 && !strchr(fields[0], '=')) { /* -o DIR, -o - */
        type = tenon_strdup(strcmp(spec, "-") ? "local" : "tar");
        tenon_strv_push(&pairs, tenon_asprintf("dest=%s", spec));
    } else {
        for (char **p = fields; *p; p++) {
            if (!strchr(*p, '=')) {
                tenon_error_set(err, TENON_E_INVALID, "invalid value %s in output \"%s\"", *p,
                                spec);
                break;
            }
            if (tenon_has_prefix(*p, "type=")) {
                free(type);
                type = tenon_strdup(*p + 5);
            } else {
                tenon_strv_push(&pairs, tenon_strdup(*p));
            }
        }
        if (!err->code && !type)
            tenon_error_set(err, TENON_E_INVALID, "type is required for output \"%s\"", spec);
    }
    tenon_strv_free(fields);
    if (!err->code && !strcmp(type, "registry")) { /* = image, pushed */
        free(type);
        type = tenon_strdup("image");
        if (!has_pair(pairs, "push"))
            tenon_strv_push(&pairs, tenon_strdup("push=true"));
    }
    if (!err->code && is_stream(type, pairs) && !has_pair(pairs, "dest"))
        tenon_strv_push(&pairs, tenon_strdup("dest=-"));
    if (!err->code && !strcmp(type, "docker") && !has_pair(pairs, "dest")) {
        tenon_error_set(err, TENON_E_UNSUPPORTED,
                        "loading into a docker engine is not supported yet");
        tenon_error_hint(err, "-o type=docker,dest=FILE, then docker load -i FILE");
    }
    if (!err->code && !strcmp(type, "cacheonly")) { /* nothing comes out */
        free(type);
        tenon_strv_free(pairs);
        return TENON_OK;
    }
    if (!err->code) {
        add_tags(f, type, &pairs);
        add_annotations(f, type, &pairs, err);
    }
    if (err->code) {
        free(type);
        tenon_strv_free(pairs);
        return err->code;
    }
    add_export(o, type, pairs);
    return TENON_OK;
}

int
build_outputs_parse(const struct build_flags *f, struct build_outputs *o, struct tenon_error *err)
{
    bool json;
    const char *request = build_call_request(f, &json, err);
    if (err->code || request)
        return err->code;
    for (char **s = f->outputs; s && *s; s++)
        if (parse_one(f, *s, o, err) < 0)
            return err->code;
    bool image = false;
    for (size_t i = 0; i < o->count; i++)
        if (!strcmp(o->exports[i].type, "image")) {
            image = true;
            if (f->push && !has_pair(o->exports[i].pairs, "push"))
                tenon_strv_push(&o->exports[i].pairs, tenon_strdup("push=true"));
        }
    if (f->push && !image && parse_one(f, "type=image,push=true", o, err) < 0)
        return err->code;
    /* Nothing asked: the image stays in the store, under its names. */
    if (!f->outputs && !f->push && parse_one(f, "type=image", o, err) < 0)
        return err->code;
    for (size_t i = 0; f->iidfile && i < o->count; i++)
        if (!makes_images(o->exports[i].type))
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

/* ---- --call ------------------------------------------------------------- */

const char *
build_call_request(const struct build_flags *f, bool *json, struct tenon_error *err)
{
    static const struct { const char *word, *request; } calls[] = {
        { "build", NULL }, { "check", "frontend.lint" }, { "lint", "frontend.lint" },
        { "outline", "frontend.outline" }, { "targets", "frontend.targets" },
        { "subrequests.describe", "frontend.subrequests.describe" },
    };
    *json = false;
    if (!f->call)
        return f->check ? "frontend.lint" : NULL;
    char **parts = tenon_comma_fields(f->call, NULL);
    const char *request = NULL;
    bool known = false;
    for (size_t i = 0; parts && parts[0] && i < tenon_countof(calls); i++)
        if (!strcmp(parts[0], calls[i].word)) {
            request = calls[i].request;
            known = true;
        }
    if (!known)
        tenon_error_set(err, TENON_E_INVALID, "unknown method \"%s\" for --call: expected build, "
                        "check, outline, targets or subrequests.describe", f->call);
    for (char **p = parts; known && p && *p && *++p;) {
        if (!strcmp(*p, "format=json"))
            *json = true;
        else if (strcmp(*p, "format=text") && !tenon_has_prefix(*p, "ignorestatus"))
            tenon_error_set(err, TENON_E_INVALID, "unknown option \"%s\" for --call", *p);
    }
    tenon_strv_free(parts);
    return request;
}

static bool
ignores_status(const struct build_flags *f)
{
    return f->call && strstr(f->call, ",ignorestatus") && !strstr(f->call, "ignorestatus=false");
}

/* What a check came to: warnings, or an error of the build file. */
struct verdict {
    size_t warnings;
    bool cannot_build;
};

static struct verdict
verdict_of(const struct tenon_result *r)
{
    const struct tenon_result_value *v = tenon_result_meta(r, "result.json");
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL, *failure = NULL;
    if (!v || tenon_json_parse(v->data, v->len, 64 << 20, &o, &ignored) < 0)
        return (struct verdict){0};
    tenon_json_get_array(o, "warnings", &list, &ignored);
    tenon_json_get_object(o, "buildError", &failure, &ignored);
    return (struct verdict){list ? json_object_array_length(list) : 0, failure != NULL};
}

static void
print_meta(FILE *to, const struct tenon_result_value *v, bool json)
{
    auto_buf struct tenon_buf plain = TENON_BUF_INIT;
    if (!v)
        return;
    (json ? tenon_text_add_json : tenon_text_add)(&plain, v->data, v->len);
    if (plain.len && plain.data[plain.len - 1] != '\n')
        tenon_buf_addc(&plain, '\n');
    fwrite(plain.data, 1, plain.len, to);
}

/* The answer is on standard output, why a file cannot be built on standard error. */
static int
print_call(const struct build_flags *f, const struct tenon_result *r, bool json, bool check)
{
    struct verdict v = check ? verdict_of(r) : (struct verdict){0};
    if (check && !json && v.warnings)
        printf("Check complete, %zu warning%s been found!\n", v.warnings,
               v.warnings == 1 ? " has" : "s have");
    else if (check && !json && !v.cannot_build)
        puts("Check complete, no warnings found.");
    print_meta(stdout, tenon_result_meta(r, json ? "result.json" : "result.txt"), json);
    if (v.cannot_build) {
        fflush(stdout);
        fputs("ERROR: ", stderr);
        print_meta(stderr, tenon_result_meta(r, "result.error"), false);
    }
    return (v.warnings || v.cannot_build) && !ignores_status(f) ? CLI_FAILED : CLI_OK;
}

/* ---- files and standard output ------------------------------------------ */

/* A file is replaced as a whole.  Devices, pipes and the targets of links are written
 * to: a new file must not take the place of /dev/stdout. */
static bool
is_replaced(const char *path)
{
    struct stat st;
    return lstat(path, &st) < 0 || S_ISREG(st.st_mode);
}

/* Our own descriptor of that file, or 0. */
static int
own_output(const struct stat *there)
{
    struct stat own;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &own) == 0 && own.st_dev == there->st_dev && own.st_ino == there->st_ino)
            return fd;
    return 0;
}

/* Our own standard output may be a file that others append to. */
static int
open_there(const char *path)
{
    struct stat there;
    int own = stat(path, &there) == 0 ? own_output(&there) : 0;
    if (own)
        return fcntl(own, F_DUPFD_CLOEXEC, 3);
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY,
                cli_result_mode(0666));
}

static int
put_file(const char *path, const char *text, struct tenon_error *err)
{
    if (is_replaced(path))
        return tenon_write_file_at(AT_FDCWD, path, text, strlen(text), cli_result_mode(0666),
                                   false, err);
    auto_close int fd = open_there(path);
    if (fd < 0)
        return tenon_error_sys(err, "open \"%s\"", path);
    if (tenon_write_all(fd, text, strlen(text), err) < 0)
        return err->code;
    return close(tenon_steal_fd(&fd)) < 0 ? tenon_error_sys(err, "close \"%s\"", path) : TENON_OK;
}

int
build_outputs_clear(const struct build_flags *f, struct tenon_error *err)
{
    struct stat st;
    if (f->iidfile && is_replaced(f->iidfile) && unlink(f->iidfile) < 0 && errno != ENOENT)
        return tenon_error_sys(err, "remove %s", f->iidfile);
    /* Through a link, too; but our own output must not be truncated. */
    if (f->iidfile && !is_replaced(f->iidfile) && stat(f->iidfile, &st) == 0 &&
        S_ISREG(st.st_mode) && !own_output(&st) && truncate(f->iidfile, 0) < 0)
        return tenon_error_sys(err, "empty %s", f->iidfile);
    return TENON_OK;
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
write_metadata(const char *path, const struct tenon_result *r, struct tenon_error *err)
{
    auto_json struct json_object *o = json_object_new_object();
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
                    struct tenon_error *err)
{
    const char *id = image_id(r);
    if (f->iidfile && id && put_file(f->iidfile, id, err) < 0)
        return tenon_error_context(err, "write %s", f->iidfile);
    if (f->metadata_file && write_metadata(f->metadata_file, r, err) < 0)
        return tenon_error_context(err, "write %s", f->metadata_file);
    return TENON_OK;
}

int
build_outputs_print(const struct build_flags *f, const struct tenon_result *r)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    bool json;
    const char *request = build_call_request(f, &json, &ignored);
    if (request)
        return print_call(f, r, json, !strcmp(request, "frontend.lint"));
    const char *id = image_id(r);
    if (f->quiet && id)
        puts(id);
    return CLI_OK;
}
