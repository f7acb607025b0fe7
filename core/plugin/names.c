/* plugin/names.c - see names.h. */
#include "plugin/names.h"

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

const char *
tenon_names_wrong(const struct tenon_plugin *pl)
{
    if (pl->kind == TENON_KIND_SOURCE && has_bad_name(pl->ops.source->schemes, ":/ "))
        return "a scheme that it declares has \":\", \"/\" or a space in it, or is empty";
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
    return NULL;
}
