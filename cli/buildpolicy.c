/* cli/buildpolicy.c - source policies: found as buildx finds them, and refused. */
#include "buildpolicy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/path.h"

/* One --policy. */
struct spec {
    const char *filename; /* the first */
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
        if (!out->filename)
            out->filename = eq + 1;
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
    tenon_error_set(err, TENON_E_UNSUPPORTED, "%s: source policies are not supported yet, and "
                    "the build would not be held to this one", what);
    return tenon_error_hint(err, "%s", how);
}

int
build_policy_asked(const struct build_flags *f, bool *beside, struct tenon_error *err)
{
    auto_free char *wanted = NULL; /* the first file that no later flag takes back */
    bool disabled = false, default_file = true;
    size_t count = f->policies ? tenon_strv_len(f->policies) : 0;
    for (size_t i = 0; i < count; i++) {
        auto_strv char **fields = tenon_comma_fields(f->policies[i], NULL);
        struct spec spec = {0};
        if (read_spec(fields, f->policies[i], &spec, err) < 0)
            return err->code;
        if (spec.disabled && (count > 1 || spec.reset || spec.others || spec.filename))
            return tenon_error_set(err, TENON_E_INVALID, "--policy: disabled policy cannot be "
                                   "combined with other policy flags");
        disabled |= spec.disabled;
        if (spec.reset) {
            default_file = false;
            free(tenon_steal(&wanted));
        }
        if (spec.filename && !wanted)
            wanted = tenon_asprintf("--policy filename=%s", spec.filename);
    }
    if (wanted)
        return refuse(err, wanted, "leave it out to build without a policy");
    const char *env = secure_getenv("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY");
    if (env && *env) {
        auto_free char *what = tenon_asprintf("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=%s", env);
        return refuse(err, what, "unset EXPERIMENTAL_BUILDKIT_SOURCE_POLICY to build without a "
                                 "policy");
    }
    *beside = default_file && !disabled;
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
