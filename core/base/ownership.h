/* base/ownership.h - who could change a file that we are about to believe, or where we
 * are about to write. Any thread. */
#ifndef TENON_BASE_OWNERSHIP_H
#define TENON_BASE_OWNERSHIP_H

#include <stdbool.h>

#include "error.h"

/* DENIED unless only root or we can change what is at path, nor any directory or link on the
 * way; path's last component may be a link. Messages begin with `what`, "configuration
 * refused". A group that stands for this user alone is not others, where no access control list
 * (ACL) says who else may write. Inside a user namespace root's directories show the overflow uid
 * and are good. */
int tenon_vet_path(const char *path, const char *what, struct tenon_error *err);
/* The same of a regular file, or of a link and all that it leads through to one; file_of_root: also
 * the owner may be the overflow uid, of a link's target when that is beside it. */
int tenon_vet_file(const char *path, const char *what, bool file_of_root,
                   struct tenon_error *err);
/* Of a path that may lead where its owner likes but for one thing: in a directory where
 * everybody may make files (/tmp), a link or file that another user put there is not followed
 * nor written to, as with the kernel's fs.protected_symlinks and fs.protected_regular. What is
 * not there is fine. */
int tenon_vet_shared(const char *path, struct tenon_error *err);

#endif
