/* tree/xattr.c - extended attributes: which count, which are copied; see view.h. */
#include <stdint.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/log.h"
#include "tools/alloc.h"
#include "tree/view.h"

#define LIST_MAX 65536  /* XATTR_LIST_MAX */
#define VALUE_MAX 65536 /* XATTR_SIZE_MAX */

static bool
is_overlay(const char *name)
{
    return tenon_has_prefix(name, "trusted.overlay.") ||
           tenon_has_prefix(name, "user.overlay.");
}

static bool
counts(const char *name)
{
    if (tenon_has_prefix(name, "security."))
        return tenon_streq(name, "security.capability");
    return !tenon_has_prefix(name, "system.") && !is_overlay(name);
}

/* Labels of the host's security modules stay with the host. */
static bool
is_copied(const char *name)
{
    return counts(name) ||
           tenon_has_prefix(name, "system.posix_acl_");
}

struct names {
    char *text;
    TENON_VEC(const char *) list;
};

static void
names_release(struct names *n)
{
    free(n->text);
    tenon_vec_release(&n->list);
}
TENON_DEFINE_AUTO_STRUCT(names, struct names, names_release);

static void
list_names(int fd, struct names *out)
{
    /* Nearly all files have none: one call, no memory. */
    ssize_t n = flistxattr(fd, NULL, 0);
    if (n <= 0 || n > LIST_MAX)
        return;
    out->text = tenon_malloc(LIST_MAX + 1);
    n = flistxattr(fd, out->text, LIST_MAX);
    if (n <= 0)
        return;
    out->text[n] = '\0';
    for (const char *p = out->text; p < out->text + n; p += strlen(p) + 1)
        tenon_vec_push(&out->list, p);
    qsort(out->list.items, out->list.len, sizeof *out->list.items, tenon_by_text);
}

static void
add_framed(struct tenon_buf *out, const void *data, size_t len)
{
    uint32_t n = (uint32_t)len;
    uint8_t le[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
                     (uint8_t)(n >> 24)};
    tenon_buf_add(out, le, sizeof le);
    tenon_buf_add(out, data, len);
}

/* A client that sends a context sets owners last, and that takes a capability away: none of a
 * user's files has any in a build. */
static bool
is_taken(const struct tenon_view *v, const char *name)
{
    return v->owner_root && tenon_streq(name, "security.capability");
}

void
tenon_xattr_read(const struct tenon_view *v, int fd, struct tenon_buf *out)
{
    __attribute__((cleanup(tenon_auto_names))) struct names names = {0};
    list_names(fd, &names);
    if (!names.list.len)
        return;
    auto_free char *value = tenon_malloc(VALUE_MAX);
    tenon_vec_foreach(name, &names.list)
    {
        if (!counts(*name) || is_taken(v, *name))
            continue;
        ssize_t n = fgetxattr(fd, *name, value, VALUE_MAX);
        if (n < 0)
            continue; /* what we may not read is not copied either */
        add_framed(out, *name, strlen(*name));
        add_framed(out, value, (size_t)n);
    }
}

void
tenon_xattr_copy(const struct tenon_view *v, int from, int to)
{
    __attribute__((cleanup(tenon_auto_names))) struct names names = {0};
    list_names(from, &names);
    if (!names.list.len)
        return;
    auto_free char *value = tenon_malloc(VALUE_MAX);
    tenon_vec_foreach(name, &names.list)
    {
        if (!is_copied(*name) || is_taken(v, *name))
            continue;
        ssize_t n = fgetxattr(from, *name, value, VALUE_MAX);
        if (n < 0 || fsetxattr(to, *name, value, (size_t)n, 0) < 0)
            tenon_log(TENON_LOG_INFO, "extended attribute \"%s\" not copied: %s",
                      *name, strerror(errno));
    }
}

void
tenon_xattr_clear(int fd)
{
    __attribute__((cleanup(tenon_auto_names))) struct names names = {0};
    list_names(fd, &names);
    tenon_vec_foreach(name, &names.list)
        if (is_copied(*name) && fremovexattr(fd, *name) < 0)
            tenon_log(TENON_LOG_INFO, "extended attribute \"%s\" not removed: %s", *name,
                      strerror(errno));
}
