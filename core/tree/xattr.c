/* tree/xattr.c - extended attributes: which count, which are copied; see view.h. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
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

/* ---- of what is open, also as a path alone (O_PATH), as links and devices are ---- */

struct proc_path {
    char text[32];
};

static const char *
proc_path(struct proc_path *p, int fd)
{
    snprintf(p->text, sizeof p->text, "/proc/self/fd/%d", fd);
    return p->text;
}

static ssize_t
list_of(int fd, char *out, size_t size)
{
    struct proc_path p;
    const ssize_t n = flistxattr(fd, out, size);
    return n < 0 && errno == EBADF ? listxattr(proc_path(&p, fd), out, size) : n;
}

static ssize_t
value_of(int fd, const char *name, char *out)
{
    struct proc_path p;
    const ssize_t n = fgetxattr(fd, name, out, VALUE_MAX);
    return n < 0 && errno == EBADF ? getxattr(proc_path(&p, fd), name, out, VALUE_MAX) : n;
}

static int
give_value(int fd, const char *name, const char *value, size_t len)
{
    struct proc_path p;
    const int rc = fsetxattr(fd, name, value, len, 0);
    return rc < 0 && errno == EBADF ? setxattr(proc_path(&p, fd), name, value, len, 0) : rc;
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
    ssize_t n = list_of(fd, NULL, 0);
    if (n <= 0 || n > LIST_MAX)
        return;
    out->text = tenon_malloc(LIST_MAX + 1);
    n = list_of(fd, out->text, LIST_MAX);
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

static bool
read_those(const struct tenon_view *v, int fd, bool (*taken)(const char *name),
           struct tenon_buf *out)
{
    __attribute__((cleanup(tenon_auto_names))) struct names names = {0};
    bool others = false;
    list_names(fd, &names);
    if (!names.list.len)
        return false;
    auto_free char *value = tenon_malloc(VALUE_MAX);
    tenon_vec_foreach(name, &names.list)
    {
        if (!is_copied(*name) || is_taken(v, *name))
            continue;
        if (!taken(*name)) {
            others = true;
            continue;
        }
        ssize_t n = value_of(fd, *name, value);
        if (n < 0)
            continue; /* what we may not read is not copied either */
        add_framed(out, *name, strlen(*name));
        add_framed(out, value, (size_t)n);
    }
    return others;
}

bool
tenon_xattr_read(const struct tenon_view *v, int fd, struct tenon_buf *out)
{
    return read_those(v, fd, counts, out);
}

void
tenon_xattr_read_special(struct tenon_view *v, const struct tenon_entry *e, struct tenon_buf *out)
{
    auto_error struct tenon_error gone = TENON_ERROR_INIT; /* what it was is known */
    auto_close int fd = tenon_view_open_path(v, e, &gone);
    if (fd >= 0)
        tenon_xattr_read(v, fd, out);
}

void
tenon_xattr_read_copied(const struct tenon_view *v, int fd, struct tenon_buf *out)
{
    read_those(v, fd, is_copied, out);
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
        ssize_t n = value_of(from, *name, value);
        if (n < 0 || give_value(to, *name, value, (size_t)n) < 0)
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
