/* plugin/names.c - see names.h. */
#include "plugin/names.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>

/* The colon of a port is none of a tag. */
size_t
tenon_syntax_len(const char *syntax)
{
    const size_t digest = strcspn(syntax, "@");
    size_t n = digest;
    while (n > 0 && syntax[n - 1] != '/' && syntax[n - 1] != ':')
        n--;
    return n > 0 && syntax[n - 1] == ':' ? n - 1 : digest;
}

static bool
has_bad_name(const char *const *list, const char *bad)
{
    for (; list && *list; list++)
        if (!**list || strpbrk(*list, bad))
            return true;
    return false;
}

/* As build files write one before "://"; another would never be asked for. */
static bool
has_bad_scheme(const char *const *list)
{
    for (; list && *list; list++)
        if (**list < 'a' || **list > 'z' ||
            (*list)[strspn(*list, "abcdefghijklmnopqrstuvwxyz0123456789+.-")])
            return true;
    return false;
}

/* A name, or a pattern of nothing but such names, that is nobody else's than the Dockerfile's. */
static bool
has_dockerfile(const char *const *list)
{
    for (; list && *list; list++)
        if (strcmp(*list, "Dockerfile") == 0 || fnmatch("Dockerfile.*", *list, 0) == 0 ||
            fnmatch("*.Dockerfile", *list, 0) == 0)
            return true;
    return false;
}

const char *
tenon_names_wrong(const struct tenon_plugin *pl)
{
    if (pl->kind == TENON_KIND_SOURCE && has_bad_scheme(pl->ops.source->schemes))
        return "a scheme that it declares has more in it than small letters, digits and +.-";
    if (pl->kind != TENON_KIND_FRONTEND)
        return NULL;
    const struct tenon_frontend_ops *ops = pl->ops.frontend;
    if (has_bad_name(ops->syntaxes, "@ \t\r\n"))
        return "a syntax that it declares has a digest or a space in it, or is empty";
    for (const char *const *s = ops->syntaxes; s && *s; s++)
        if ((*s)[tenon_syntax_len(*s)])
            return "a syntax that it declares has a tag";
    const char *const own[] = {ops->default_file, NULL};
    if (has_bad_name(ops->files, "/[]") || has_bad_name(own, "/[]*?"))
        return "a build file that it declares has a directory or brackets in it, or is empty";
    if (has_dockerfile(ops->files) || has_dockerfile(own))
        return "a build file that it declares is \"Dockerfile\", \"Dockerfile.*\" or "
               "\"*.Dockerfile\", which are always read as Dockerfiles";
    return NULL;
}
