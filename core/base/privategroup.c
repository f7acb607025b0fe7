/* base/privategroup.c - see privategroup.h. */
#include "privategroup.h"

#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

/* The C library has one cursor through the users, one through the groups, and one answer of each
 * kind. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool
is_of_alone(const struct group *g, const char *user)
{
    if (strcmp(g->gr_name, user) != 0)
        return false;
    for (char **member = g->gr_mem; *member; member++)
        if (strcmp(*member, user) != 0)
            return false;
    return true;
}

/* One gid may have several entries: the kernel knows no names. */
static bool
is_alone_in(const char *user, gid_t gid)
{
    const struct group *g = getgrgid(gid);
    bool is = g && is_of_alone(g, user);

    setgrent();
    while (is && (g = getgrent()) != NULL)
        is = g->gr_gid != gid || is_of_alone(g, user);
    endgrent();
    return is;
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

static bool
is_in_passwd(const char *user, uid_t uid, gid_t gid)
{
    FILE *file = fopen("/etc/passwd", "re");
    const struct passwd *pw;
    bool found = false;

    while (file && !found && (pw = fgetpwent(file)) != NULL)
        found = pw->pw_uid == uid && pw->pw_gid == gid && !strcmp(pw->pw_name, user);
    if (file)
        fclose(file);
    return found;
}

static bool
is_in_group(const char *name, gid_t gid)
{
    FILE *file = fopen("/etc/group", "re");
    const struct group *g;
    bool found = false;

    while (file && !found && (g = fgetgrent(file)) != NULL)
        found = g->gr_gid == gid && !strcmp(g->gr_name, name);
    if (file)
        fclose(file);
    return found;
}

/* A directory in the network often tells of those alone whom it is asked for: who else is in a
 * group of its is not known. */
static bool
is_of_this_machine(const char *user, uid_t uid, gid_t gid)
{
    return is_in_passwd(user, uid, gid) && is_in_group(user, gid);
}

bool
tenon_is_private_group(uid_t uid, gid_t gid)
{
    pthread_mutex_lock(&lock);
    const struct passwd *pw = getpwuid(uid);
    bool is = pw && pw->pw_gid == gid;
    auto_free char *name = is ? tenon_strdup(pw->pw_name) : NULL;
    is = is && is_of_this_machine(name, uid, gid) && is_alone_in(name, gid) &&
         !is_own_of_another(uid, gid);
    pthread_mutex_unlock(&lock);
    return is;
}
