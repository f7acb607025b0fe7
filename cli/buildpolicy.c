/* cli/buildpolicy.c - source policies: found as buildx finds them, and read or refused. */
#include "buildpolicy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/path.h"

/* One --policy. */
struct spec {
    char **filenames;
    bool reset, disabled, others;
};

static bool
is_level(const char *value)
{
    static const char *const levels[] = { "panic", "fatal", "error", "warn", "warning", "info",
                                          "debug", "trace" };
    for (size_t i = 0; i < tenon_countof(levels); i++)
        if (!strcasecmp(value, levels[i]))
            return true;
    return false;
}

static bool
is_key(const char *field, size_t len, const char *key)
{
    while (len && (*field == ' ' || *field == '\t'))
        field++, len--;
    while (len && (field[len - 1] == ' ' || field[len - 1] == '\t'))
        len--;
    return strlen(key) == len && !strncasecmp(field, key, len);
}

/* One "key=value"; false: it means nothing. */
static bool
read_field(const char *field, struct spec *out)
{
    const char *eq = strchr(field, '=');
    if (!eq)
        return false;
    size_t len = (size_t)(eq - field);
    if (is_key(field, len, "filename")) {
        tenon_strv_push(&out->filenames, tenon_strdup(eq + 1));
        return eq[1] != '\0';
    }
    if (is_key(field, len, "reset"))
        return tenon_parse_bool(eq + 1, &out->reset);
    if (is_key(field, len, "disabled"))
        return tenon_parse_bool(eq + 1, &out->disabled);
    bool strict;
    out->others = true;
    if (is_key(field, len, "strict"))
        return tenon_parse_bool(eq + 1, &strict);
    return is_key(field, len, "log-level") && is_level(eq + 1);
}

static int
read_spec(char **fields, const char *text, struct spec *out, struct tenon_error *err)
{
    if (!fields)
        return tenon_error_set(err, TENON_E_INVALID, "--policy: invalid value \"%s\"", text);

    for (char **f = fields; *f; f++)
        if (!read_field(*f, out))
            return tenon_error_set(err, TENON_E_INVALID, "--policy: invalid value \"%s\"", *f);
    return TENON_OK;
}

static int
refuse(struct tenon_error *err, const char *what, const char *how)
{
    tenon_error_set(err, TENON_E_UNSUPPORTED, "%s: source policies in Rego are not supported yet, "
                    "and the build would not be held to this one", what);
    return tenon_error_hint(err, "%s", how);
}

/* what: how messages call it. */
static int
load(const char *path, const char *what, struct build_policies *out, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_policy *p;
    if (tenon_read_file(path, TENON_POLICY_MAX, &text, err) < 0)
        return tenon_error_context(err, "%s: failed to read policy file", what);
    if (tenon_policy_parse(tenon_buf_str(&text), text.len, &p, err) < 0)
        return tenon_error_context(err, "%s: failed to parse policy file", what);
    out->list = tenon_reallocarray(out->list, out->count + 1, sizeof(struct tenon_policy *));
    out->list[out->count++] = p;
    return TENON_OK;
}

void
build_policies_release(struct build_policies *p)
{
    for (size_t i = 0; i < p->count; i++)
        tenon_policy_free((struct tenon_policy *)p->list[i]);
    free(p->list);
    *p = (struct build_policies){0};
}

/* The files that no later flag takes back. */
static int
read_flags(const struct build_flags *f, char ***files, bool *beside, struct tenon_error *err)
{
    const size_t count = f->policies ? tenon_strv_len(f->policies) : 0;
    *beside = true;
    for (size_t i = 0; i < count; i++) {
        auto_strv char **fields = tenon_comma_fields(f->policies[i], NULL);
        struct spec spec = {0};
        auto_strv char **named = NULL;
        int rc = read_spec(fields, f->policies[i], &spec, err);
        named = spec.filenames;
        if (rc < 0)
            return rc;
        if (spec.disabled && (count > 1 || spec.reset || spec.others || named))
            return tenon_error_set(err, TENON_E_INVALID, "--policy: disabled policy cannot be "
                                   "combined with other policy flags");
        if (spec.disabled || spec.reset)
            *beside = false;
        if (spec.reset)
            tenon_strv_free(tenon_steal(files));
        for (char **n = named; n && *n; n++)
            tenon_strv_push(files, tenon_strdup(*n));
    }
    return TENON_OK;
}

int
build_policy_asked(const struct build_flags *f, struct build_policies *out, bool *beside,
                   struct tenon_error *err)
{
    auto_strv char **files = NULL;
    if (read_flags(f, &files, beside, err) < 0)
        return err->code;
    const char *env = secure_getenv("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY");
    if (env && *env) {
        auto_free char *what = tenon_asprintf("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=%s", env);
        if (load(env, what, out, err) < 0)
            return tenon_error_hint(err, "unset EXPERIMENTAL_BUILDKIT_SOURCE_POLICY to build "
                                    "without a policy");
    }
    for (char **file = files; file && *file; file++) {
        auto_free char *what = tenon_asprintf("--policy filename=%s", *file);
        if (!tenon_has_suffix(*file, ".json"))
            return refuse(err, what, "one in JSON (*.json) is obeyed; leave it out to build "
                                     "without a policy");
        if (load(*file, what, out, err) < 0)
            return err->code;
    }
    return TENON_OK;
}

int
build_policy_beside(const char *dir, const char *name, struct tenon_error *err)
{
    struct stat st;
    auto_free char *build_file = tenon_path_join(dir, name);
    if (!strcmp(name, "Dockerfile") && lstat(build_file, &st) < 0 && errno == ENOENT)
        name = "dockerfile"; /* what is read in its place */
    auto_free char *file = tenon_asprintf("%s.rego", name);
    auto_free char *path = tenon_path_join(dir, file);
    if (stat(path, &st) < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return TENON_OK;
        return tenon_error_sys(err, "failed to read policy file %s", path);
    }
    return refuse(err, path, "--policy disabled=true builds without it");
}
