/* base/privategroup.h - groups that stand for one user, as useradd makes them. */
#ifndef TENON_BASE_PRIVATEGROUP_H
#define TENON_BASE_PRIVATEGROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* Is nobody but uid in the group gid?  It is uid's own, has uid's name, no members but that one, in
 * all entries of that gid, and is no other user's own.  What cannot be looked up is not, nor a user
 * or group that is not in this machine's own /etc/passwd and /etc/group.  Any thread. */
bool tenon_is_private_group(uid_t uid, gid_t gid);

#endif
