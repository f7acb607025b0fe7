/* cli/subids.c - see subids.h. */
#include "subids.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"

enum { ETC_MAX_BYTES = 4 << 20, RANGES_MAX = 300 };

/* ---- what the machine sets aside for the user --------------------------- */

static const char *
user_name(uid_t uid)
{
    struct passwd *pw = getpwuid(uid);
    return pw ? pw->pw_name : "";
}

/* The kernel refuses a map that has a range twice. */
static bool
overlaps(const struct subids *ids, uint64_t first, uint64_t count)
{
    uint64_t a, n;
    for (size_t i = 0; i < ids->ranges; i++)
        if (tenon_parse_u64(ids->args[3 * i + 1], 10, &a) &&
            tenon_parse_u64(ids->args[3 * i + 2], 10, &n) && first < a + n && a < first + count)
            return true;
    return false;
}

/* "NAME:FIRST:COUNT" or "UID:FIRST:COUNT"; adds to list as newuidmap's
 * arguments, from id `next` on. */
static void
add_range(struct subids *ids, char *line, const char *name, const char *number)
{
    char *owner = strsep(&line, ":");
    char *first = strsep(&line, ":");
    char *count = line;
    uint64_t a, n;
    if (!count || (strcmp(owner, name) && strcmp(owner, number)) ||
        !tenon_parse_u64(first, 10, &a) || !tenon_parse_u64(count, 10, &n) || !n ||
        a > UINT32_MAX || n > UINT32_MAX - a || ids->count + n >= UINT32_MAX ||
        ids->ranges >= RANGES_MAX || overlaps(ids, a, n))
        return;
    tenon_strv_push(&ids->args, tenon_asprintf("%llu", (unsigned long long)ids->count + 1));
    tenon_strv_push(&ids->args, tenon_strdup(first));
    tenon_strv_push(&ids->args, tenon_strdup(count));
    ids->count += n;
    ids->ranges++;
}

void
subids_read(struct subids *ids, const char *file, uid_t uid)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(file, ETC_MAX_BYTES, &text, &ignored) < 0)
        return;
    auto_free char *number = tenon_asprintf("%lu", (unsigned long)uid);
    auto_free char *name = tenon_strdup(user_name(uid));
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
        if (*line && *line != '#')
            add_range(ids, line, *name ? name : number, number);
}

void
subids_release(struct subids *ids)
{
    tenon_strv_free(ids->args);
    *ids = (struct subids){0};
}

/* Not by PATH: they run with root's privileges, so their location is fixed. */
char *
subids_mapper(const char *name)
{
    static const char *const dirs[] = {"/usr/bin", "/bin", "/usr/sbin", "/sbin",
                                       "/usr/local/bin"};
    for (size_t i = 0; i < tenon_countof(dirs); i++) {
        auto_free char *path = tenon_asprintf("%s/%s", dirs[i], name);
        if (access(path, X_OK) == 0)
            return tenon_steal(&path);
    }
    return NULL;
}

/* ---- what would get the user more ids ----------------------------------- */

enum { RANGE_FROM = 100000, RANGE_IDS = 65536 };

void
subids_lack_release(struct subids_lack *lack)
{
    free(lack->why);
    free(lack->advice);
    *lack = (struct subids_lack){0};
}

/* After everybody else's: users who share a range share files. */
static uint64_t
first_free(const char *file)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    uint64_t next = RANGE_FROM;
    if (tenon_read_file(file, ETC_MAX_BYTES, &text, &ignored) < 0)
        return next;
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        strsep(&line, ":");
        const char *first = strsep(&line, ":");
        uint64_t a, n;
        if (line && tenon_parse_u64(first, 10, &a) && tenon_parse_u64(line, 10, &n) &&
            a <= UINT32_MAX && n <= UINT32_MAX && a + n > next)
            next = a + n;
    }
    return next;
}

static const char *
install_uidmap(void)
{
    return access("/usr/bin/apt-get", X_OK) == 0 ? "sudo apt-get install uidmap"
           : access("/usr/bin/dnf", X_OK) == 0   ? "sudo dnf install shadow-utils"
                                                 : "install newuidmap and newgidmap";
}

/* "" when there is a range in both files. */
static char *
range_advice(uid_t uid, bool has_users, bool has_groups)
{
    uint64_t u = first_free("/etc/subuid"), g = first_free("/etc/subgid");
    uint64_t first = u > g ? u : g;
    if (has_users && has_groups)
        return tenon_strdup("");
    auto_free char *range = tenon_asprintf("%llu-%llu", (unsigned long long)first,
                                           (unsigned long long)first + RANGE_IDS - 1);
    const char *name = user_name(uid);
    return tenon_asprintf("sudo usermod%s%s%s%s %s", has_users ? "" : " --add-subuids ",
                          has_users ? "" : range, has_groups ? "" : " --add-subgids ",
                          has_groups ? "" : range, *name ? name : "$USER");
}

/* A set-user-id program may be denied root's privileges. */
static bool
is_powerless(const char *program)
{
    struct stat st;
    return stat(program, &st) == 0 && !(st.st_mode & S_ISUID) &&
           getxattr(program, "security.capability", NULL, 0) <= 0;
}

void
subids_look(struct subids_lack *lack, uid_t uid)
{
    static const char *const names[] = {"newuidmap", "newgidmap"};
    struct subids users = {0}, groups = {0};
    subids_read(&users, "/etc/subuid", uid);
    subids_read(&groups, "/etc/subgid", uid);
    lack->users = users.count;
    lack->groups = groups.count;
    auto_free char *range = range_advice(uid, users.count > 0, groups.count > 0);
    const char *install = NULL;
    for (int i = 0; i < 2; i++) {
        auto_free char *mapper = subids_mapper(names[i]);
        if (!mapper && !lack->why)
            lack->why = tenon_asprintf("%s is not installed", names[i]);
        if (!mapper)
            install = install_uidmap();
        else if (is_powerless(mapper) && !lack->why) {
            lack->why = tenon_asprintf("%s is not set-user-id", mapper);
            lack->advice = tenon_asprintf("sudo chmod u+s %s", mapper);
        }
    }
    if (*range) {
        free(lack->why);
        lack->why = tenon_strdup(users.count    ? "no ids are set aside in /etc/subgid"
                                 : groups.count ? "no ids are set aside in /etc/subuid"
                                                : "no ids are set aside in /etc/subuid and "
                                                  "/etc/subgid");
    } else if (!lack->why && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
        lack->why = tenon_strdup("this process may gain no privileges (no_new_privs), as "
                                 "newuidmap would have to");
    }
    if (install || *range) {
        free(lack->advice);
        lack->advice = tenon_asprintf("%s%s%s", install ? install : "",
                                      install && *range ? " && " : "", range);
    }
    subids_release(&users);
    subids_release(&groups);
}
