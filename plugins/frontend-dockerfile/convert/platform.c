/* convert/platform.c - platforms as text and as parts (platform.h), and what is said of a text
 * that is not one. */
#include "platform.h"

#include <ctype.h>
#include <string.h>

#include "language/parser.h"
#include "tools/alloc.h"
#include "tools/platform.h"

#define PART_RE "^[A-Za-z0-9_.-]+$"
#define OS_RE "^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.-]*)((?:\\+[A-Za-z0-9_.-]+)*)\\))?$"

static const char *
normal_os(struct df_arena *a, const char *os, const struct df_platform *host)
{
    if (!*os)
        return host ? host->os : "linux";
    return tenon_platform_usual_os(df_lower(a, os));
}

static void
normal_arch(struct df_arena *a, struct df_platform *p)
{
    p->arch = df_lower(a, p->arch);
    p->variant = df_lower(a, p->variant);
    tenon_platform_usual_arch(&p->arch, &p->variant);
}

static bool
part_ok(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("_.-", *s))
            return false;
    return true;
}

/* "windows(10.0.17763+feature)": the features are not kept. */
static bool
split_os(struct df_arena *a, const char *part, struct df_platform *p)
{
    const char *open = strchr(part, '(');
    size_t n = open ? (size_t)(open - part) : strlen(part);
    p->os_version = "";
    p->os = df_arena_strndup(a, part, n);
    if (!part_ok(p->os) || strchr(p->os, '.'))
        return false;
    if (!open)
        return true;
    size_t len = strlen(open);
    if (open[len - 1] != ')')
        return false;
    char *version = df_arena_strndup(a, open + 1, len - 2);
    char *plus = strchr(version, '+');
    if (plus)
        *plus = '\0';
    if (*version && !part_ok(version))
        return false;
    p->os_version = version;
    return true;
}

const struct df_platform *
df_platform_parse(struct df_arena *a, const char *text,
                  const struct df_platform *host, const char **message)
{
    const char *parts[4] = {NULL};
    size_t n = 0;
    for (const char *p = text; n < 4;) {
        const char *slash = n < 3 ? strchr(p, '/') : NULL;
        parts[n++] = slash ? df_arena_strndup(a, p, (size_t)(slash - p)) : p;
        if (!slash)
            break;
        p = slash + 1;
    }

    struct df_platform *out = df_arena_new(a, struct df_platform);
    *out = (struct df_platform){"", "", "", ""};
    const char *invalid = "invalid argument";
    if (strchr(text, '*')) {
        *message = df_arena_printf(a, "%s: wildcards not yet supported: %s",
                                   df_quote(a, text), invalid);
        return NULL;
    }
    if (!split_os(a, parts[0], out)) {
        *message = df_arena_printf(
            a,
            "%s is an invalid OS component of %s: OSAndVersion specifier "
            "component must match %s: %s", df_quote(a, parts[0]),
            df_quote(a, text), df_quote(a, OS_RE), invalid);
        return NULL;
    }
    for (size_t i = 1; i < n; i++)
        if (!part_ok(parts[i])) {
            *message = df_arena_printf(
                a,
                "%s is an invalid component of %s: platform specifier component "
                "must match %s: %s", df_quote(a, parts[i]), df_quote(a, text),
                df_quote(a, PART_RE), invalid);
            return NULL;
        }
    out->os = normal_os(a, out->os, host);

    if (n == 1 && tenon_platform_is_os(out->os)) {
        out->arch = host->arch;
        if (strcmp(out->arch, "arm") == 0 && strcmp(host->variant, "v7") != 0)
            out->variant = host->variant;
        return out;
    }
    if (n == 1 || n == 2) {
        out->arch = parts[n - 1];
        normal_arch(a, out);
        if (strcmp(out->arch, "arm") == 0 && strcmp(out->variant, "v7") == 0)
            out->variant = "";
        if (n == 2)
            return out;
        if (tenon_platform_is_arch(out->arch)) {
            out->os = host->os;
            return out;
        }
        *message = df_arena_printf(a, "%s: unknown operating system or architecture: %s",
                                   df_quote(a, text), invalid);
        return NULL;
    }
    if (n == 3) {
        out->arch = parts[1];
        out->variant = parts[2];
        normal_arch(a, out);
        if (strcmp(out->arch, "arm64") == 0 && !*out->variant)
            out->variant = "v8";
        return out;
    }
    *message = df_arena_printf(a, "%s: cannot parse platform specifier: %s",
                               df_quote(a, text), invalid);
    return NULL;
}

const struct df_platform *
df_platform_normalize(struct df_arena *a, const struct df_platform *p)
{
    struct df_platform *out = df_arena_new(a, struct df_platform);
    *out = *p;
    out->os = normal_os(a, p->os, NULL);
    normal_arch(a, out);
    return out;
}

const char *
df_platform_format(struct df_arena *a, const struct df_platform *p, bool version)
{
    if (!*p->os)
        return "unknown";
    bool v = version && *p->os_version;
    const char *os = v ? df_arena_printf(a, "%s(%s)", p->os, p->os_version) : p->os;
    return df_arena_printf(a, "%s%s%s%s%s", os, *p->arch ? "/" : "", p->arch,
                           *p->variant ? "/" : "", p->variant);
}
