/* tools/platform.c - operating systems, architectures and variants, and their other names. */
#include "tools/platform.h"

#include <stddef.h>

#include "tools/alloc.h"

static const char *const systems[] = {
    "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js",
    "linux", "nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos",
};

static const char *const archs[] = {
    "386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "ppc64", "ppc64le",
    "loong64", "mips", "mipsle", "mips64", "mips64le", "mips64p32", "mips64p32le", "ppc",
    "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
};

/* Other names of architectures, and the variant that goes with one. */
static const struct {
    const char *name, *arch, *variant; /* variant NULL: stays */
} other_names[] = {
    { "i386", "386", "" },       { "x86_64", "amd64", NULL }, { "x86-64", "amd64", NULL },
    { "aarch64", "arm64", NULL }, { "armhf", "arm", "v7" },    { "armel", "arm", "v6" },
};

/* Then, of variants. */
static const struct {
    const char *arch, *name, *variant;
} variants[] = {
    { "amd64", "v1", "" }, { "arm64", "8", "" },  { "arm64", "v8", "" },
    { "arm", "", "v7" },   { "arm", "5", "v5" },  { "arm", "6", "v6" },
    { "arm", "7", "v7" },  { "arm", "8", "v8" },
};

static bool
is_in(const char *const *list, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (tenon_streq(list[i], word))
            return true;
    return false;
}

bool
tenon_platform_is_os(const char *word)
{
    return is_in(systems, tenon_countof(systems), word);
}

bool
tenon_platform_is_arch(const char *word)
{
    return is_in(archs, tenon_countof(archs), word);
}

const char *
tenon_platform_usual_os(const char *os)
{
    return tenon_streq(os, "macos") ? "darwin" : os;
}

void
tenon_platform_usual_arch(const char **arch, const char **variant)
{
    for (size_t i = 0; i < tenon_countof(other_names); i++) {
        if (!tenon_streq(*arch, other_names[i].name))
            continue;
        *arch = other_names[i].arch;
        if (other_names[i].variant)
            *variant = other_names[i].variant;
        break;
    }
    for (size_t i = 0; i < tenon_countof(variants); i++) {
        if (!tenon_streq(*arch, variants[i].arch) || !tenon_streq(*variant, variants[i].name))
            continue;
        *variant = variants[i].variant;
        break;
    }
}
