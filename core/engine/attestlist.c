/* engine/attestlist.c - see attestlist.h. */
#include "engine/attestlist.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"

static const char *
find(char *const *attrs, const char *key)
{
    size_t len = strlen(key);
    for (; attrs && *attrs; attrs++)
        if (!strncmp(*attrs, key, len) && (*attrs)[len] == '=')
            return *attrs + len + 1;
    return NULL;
}

static void
drop(char **attrs, const char *key)
{
    size_t kept = 0, len = strlen(key);
    for (size_t i = 0; attrs && attrs[i]; i++) {
        if (strncmp(attrs[i], key, len) || attrs[i][len] != '=')
            attrs[kept++] = attrs[i];
        else
            free(attrs[i]);
    }
    if (attrs)
        attrs[kept] = NULL;
}

struct tenon_attest *
tenon_attests_add(struct tenon_attests *a, enum tenon_kind kind, const char *name, char **attrs)
{
    a->list = tenon_reallocarray(a->list, a->count + 1, sizeof *a->list);
    a->list[a->count] = (struct tenon_attest){ kind, tenon_strdup(name), attrs };
    return &a->list[a->count++];
}

/* All but the image are its program's own parameters, as with buildx. */
static void
rename_parameters(char **attrs)
{
    for (size_t i = 0; attrs && attrs[i]; i++) {
        if (tenon_has_prefix(attrs[i], "generator="))
            continue;
        auto_free char *plain = attrs[i];
        attrs[i] = tenon_asprintf("param.%s", plain);
    }
}

struct tenon_attest *
tenon_attests_add_sbom(struct tenon_attests *a, char **attrs, const char *other)
{
    const char *generator = find(attrs, "generator"), *scanner = find(attrs, "scanner");
    if (generator && scanner) {
        tenon_strv_free(attrs);
        return NULL;
    }
    auto_free char *name = tenon_strdup(generator ? "generator" : scanner ? scanner : other);
    if (generator)
        rename_parameters(attrs);
    drop(attrs, "scanner");
    return tenon_attests_add(a, TENON_KIND_SCANNER, name, attrs);
}

struct tenon_attest *
tenon_attests_find(const struct tenon_attests *a, enum tenon_kind kind, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].kind == kind && !strcmp(a->list[i].name, name))
            return &a->list[i];
    return NULL;
}

void
tenon_attests_release(struct tenon_attests *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->list[i].name);
        tenon_strv_free(a->list[i].pairs);
    }
    free(a->list);
}
