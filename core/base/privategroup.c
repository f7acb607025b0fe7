/* base/privategroup.c - see privategroup.h. */
#include "privategroup.h"

#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

/* The C library has one cursor through the users, and one answer of each kind. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool
is_alone_in(const char *user, gid_t gid)
{
    const struct group *g = getgrgid(gid);

    if (!g || strcmp(g->gr_name, user) != 0)
        return false;
    for (char **member = g->gr_mem; *member; member++)
        if (strcmp(*member, user) != 0)
            return false;
    return true;
}

static bool
is_own_of_another(uid_t uid, gid_t gid)
{
    const struct passwd *pw;
    bool found = false;

    setpwent();
    while (!found && (pw = getpwent()) != NULL)
        found = pw->pw_gid == gid && pw->pw_uid != uid;
    endpwent();
    return found;
}

bool
tenon_is_private_group(uid_t uid, gid_t gid)
{
    pthread_mutex_lock(&lock);
    const struct passwd *pw = getpwuid(uid);
    bool is = pw && pw->pw_gid == gid;
    auto_free char *name = is ? tenon_strdup(pw->pw_name) : NULL;
    is = is && is_alone_in(name, gid) && !is_own_of_another(uid, gid);
    pthread_mutex_unlock(&lock);
    return is;
}
