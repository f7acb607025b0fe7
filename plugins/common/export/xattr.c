/* common/export/xattr.c - see xattr.h. */
#include "xattr.h"

#include <stdbool.h>
#include <string.h>
#include <sys/xattr.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

enum { LIST_MAX = 65536, VALUE_MAX = 65536 }; /* the kernel's limits */

static bool
is_exported(const char *name)
{
    return !strncmp(name, "system.posix_acl_", 17) ||
           (!strncmp(name, "user.", 5) && strncmp(name, "user.overlay.", 13));
}

void
export_xattrs(int fd, export_xattr_visit *visit, void *data)
{
    /* Nearly all files have none: one call, no memory. */
    ssize_t n = flistxattr(fd, NULL, 0);
    if (n <= 0 || n > LIST_MAX)
        return;
    auto_free char *names = tenon_malloc(LIST_MAX);
    auto_free char *value = tenon_malloc(VALUE_MAX);
    n = flistxattr(fd, names, LIST_MAX);
    for (const char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
        if (!is_exported(name))
            continue;
        ssize_t len = fgetxattr(fd, name, value, VALUE_MAX);
        if (len >= 0)
            visit(data, name, value, (size_t)len);
    }
}
