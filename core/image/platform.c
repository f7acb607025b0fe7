/* image/platform.c - "os/arch/variant" names, brought to one spelling and compared
 * as github.com/containerd/platforms does it. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "image/assemble.h"
#include "image/image.h"
#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/platform.h"

/* What kernels call machines, where it is not Go's word for them. */
static const struct {
    const char *machine, *arch, *variant;
} machines[] = {
    {"i486", "386", ""},       {"i586", "386", ""},       {"i686", "386", ""},
    {"armv5l", "arm", "v5"},   {"armv6l", "arm", "v6"},   {"armv7l", "arm", "v7"},
    {"armv8l", "arm", "v8"},   {"ppc64el", "ppc64le", ""}, {"mips64el", "mips64le", ""},
    {"loongarch64", "loong64", ""},
};

static void
set(char *to, size_t size, const char *from)
{
    if (from != to)
        snprintf(to, size, "%s", from);
}

static void
normalize(struct tenon_platform *p)
{
    tenon_lower(p->os);
    tenon_lower(p->arch);
    tenon_lower(p->variant);
    const char *arch = p->arch, *variant = p->variant;
    tenon_platform_usual_arch(&arch, &variant);
    if (tenon_streq(arch, "arm64") && (tenon_streq(variant, "9") || tenon_streq(variant, "9.0") ||
                                       tenon_streq(variant, "v9.0")))
        variant = "v9";
    set(p->os, sizeof p->os, tenon_platform_usual_os(p->os));
    set(p->arch, sizeof p->arch, arch);
    set(p->variant, sizeof p->variant, variant);
}

void
tenon_platform_host(struct tenon_platform *out)
{
    struct utsname u;
    *out = (struct tenon_platform){.os = "linux"};
    if (uname(&u) == 0)
        set(out->arch, sizeof out->arch, u.machine);
    for (size_t i = 0; i < tenon_countof(machines); i++)
        if (tenon_streq(out->arch, machines[i].machine)) {
            set(out->variant, sizeof out->variant, machines[i].variant);
            set(out->arch, sizeof out->arch, machines[i].arch);
            break;
        }
    normalize(out);
}

static bool
word_ok(const char *s)
{
    return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_.-")] == '\0';
}

static int
bad(struct tenon_error *err, const char *s, const char *why)
{
    return tenon_error_set(err, TENON_E_INVALID, "invalid platform \"%s\": %s",
                           s, why);
}

/* "linux(10.0)+feature": the version is kept, features are not used. */
static int
parse_os(char *word, const char *s, struct tenon_platform *p,
         struct tenon_error *err)
{
    char *plus = strchr(word, '+');
    if (plus)
        *plus = '\0';
    char *paren = strchr(word, '(');
    if (paren) {
        char *end = strchr(paren, ')');
        if (!end || end[1])
            return bad(err, s, "unbalanced parenthesis");
        *end = '\0';
        *paren = '\0';
        if (strlen(paren + 1) >= sizeof p->os_version)
            return bad(err, s, "too long");
        set(p->os_version, sizeof p->os_version, paren + 1);
    }
    if (!word_ok(word))
        return bad(err, s, "invalid component");
    set(p->os, sizeof p->os, word);
    return 0;
}

int
tenon_platform_parse(const char *s, struct tenon_platform *out,
                     struct tenon_error *err)
{
    struct tenon_platform p = {0};
    if (strchr(s, '*'))
        return bad(err, s, "wildcards are not supported");
    if (strlen(s) >= 128)
        return bad(err, s, "too long");

    auto_free char *copy = tenon_strdup(s);
    char *part[3] = {copy, NULL, NULL};
    size_t parts = 1;
    for (char *c = copy; *c; c++)
        if (*c == '/') {
            if (parts == 3)
                return bad(err, s, "too many components");
            *c = '\0';
            part[parts++] = c + 1;
        }
    for (size_t i = 0; i < parts; i++)
        if (strlen(part[i]) >= sizeof p.arch && i > 0)
            return bad(err, s, "too long");
    for (size_t i = 1; i < parts; i++)
        if (!word_ok(part[i]))
            return bad(err, s, "invalid component");

    int rc = parse_os(part[0], s, &p, err);
    if (rc < 0)
        return rc;
    if (parts == 1) {
        /* one word: an operating system, or an architecture of this one */
        struct tenon_platform host;
        tenon_platform_host(&host);
        normalize(&p);
        if (tenon_platform_is_os(p.os)) {
            set(p.arch, sizeof p.arch, host.arch);
            set(p.variant, sizeof p.variant, host.variant);
        } else {
            set(p.arch, sizeof p.arch, p.os);
            set(p.os, sizeof p.os, host.os);
            p.os_version[0] = '\0';
            normalize(&p);
            if (!tenon_platform_is_arch(p.arch))
                return bad(err, s, "unknown operating system or architecture");
        }
    } else {
        set(p.arch, sizeof p.arch, part[1]);
        if (parts == 3)
            set(p.variant, sizeof p.variant, part[2]);
    }
    normalize(&p);
    *out = p;
    return 0;
}

void
tenon_platform_format(const struct tenon_platform *p, char out[200])
{
    snprintf(out, 200, "%s%s%s%s/%s%s%s", p->os, p->os_version[0] ? "(" : "",
             p->os_version, p->os_version[0] ? ")" : "", p->arch,
             p->variant[0] ? "/" : "", p->variant);
}

/* The number in "v7"; 0 for none. */
static int
variant_number(const char *v)
{
    return v[0] == 'v' && v[1] >= '0' && v[1] <= '9' && !v[2] ? v[1] - '0' : 0;
}

int
tenon_platform_match(const struct tenon_platform *want_in,
                     const struct tenon_platform *have_in)
{
    struct tenon_platform want = *want_in, have = *have_in;
    normalize(&want);
    normalize(&have);
    if (!tenon_streq(want.os, have.os))
        return 0;
    if (want.os_version[0] && have.os_version[0] &&
        !tenon_streq(want.os_version, have.os_version))
        return 0;
    if (tenon_streq(want.arch, have.arch) &&
        tenon_streq(want.variant, have.variant))
        return 100;

    /* what a newer processor of the same family runs, best first */
    int w = variant_number(want.variant), h = variant_number(have.variant);
    if (tenon_streq(want.arch, "arm") && tenon_streq(have.arch, "arm"))
        return w > h && h >= 5 ? 100 - (w - h) : 0;
    if (tenon_streq(want.arch, "arm64")) {
        if (w == 0)
            w = 8;
        if (tenon_streq(have.arch, "arm64")) {
            if (h == 0)
                h = 8;
            return w > h && h >= 8 ? 100 - (w - h) : 0;
        }
        if (tenon_streq(have.arch, "arm"))
            return h >= 5 && h <= 8 ? 50 - (8 - h) : 0;
    }
    if (tenon_streq(want.arch, "amd64")) {
        if (w == 0)
            w = 1;
        if (tenon_streq(have.arch, "amd64")) {
            if (h == 0)
                h = 1;
            return w > h ? 100 - (w - h) : 0;
        }
        if (tenon_streq(have.arch, "386"))
            return 50;
    }
    return 0;
}

struct json_object *
tenon_platform_json(const struct tenon_platform *p)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "architecture", json_object_new_string(p->arch));
    json_object_object_add(o, "os", json_object_new_string(p->os));
    if (p->os_version[0])
        json_object_object_add(o, "os.version", json_object_new_string(p->os_version));
    if (p->variant[0])
        json_object_object_add(o, "variant", json_object_new_string(p->variant));
    return o;
}
