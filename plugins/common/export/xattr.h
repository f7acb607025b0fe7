/* common/export/xattr.h - the extended attributes of a file that go with it into an
 * output. */
#ifndef TENON_COMMON_EXPORT_XATTR_H
#define TENON_COMMON_EXPORT_XATTR_H

#include <stddef.h>

typedef void export_xattr_visit(void *data, const char *name, const void *value,
                                   size_t len);

/* The user's own (user.*, less what overlayfs keeps there) and ACLs of an open file or
 * directory. */
void export_xattrs(int fd, export_xattr_visit *visit, void *data);

#endif
