/* base/ids.c - which user and group ids this process can give to files. */
#include "ids.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "io.h"
#include "tools/parse.h"

enum { MAP_MAX_EXTENTS = 340 }; /* the kernel's */

struct id_map {
    struct {
        uint64_t first, count;
    } extents[MAP_MAX_EXTENTS];
    size_t len;
    uint64_t total;
    bool is_machines; /* every id is itself */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct id_map users, groups; /* immutable after `once` */
static char *advice;                /* immutable once there are threads */

/* The next word of *at as a number; blanks before it are passed. */
static bool
number(const char **at, uint64_t *out)
{
    *at += strspn(*at, " \t");
    size_t n = strcspn(*at, " \t\n");
    auto_free char *word = tenon_strndup(*at, n);
    *at += n;
    return tenon_parse_u64(word, 10, out);
}

static void
read_map(const char *path, struct id_map *m)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(path, 65536, &text, &ignored) == 0) {
        const char *p = tenon_buf_str(&text);
        uint64_t inside, outside, count;
        while (m->len < MAP_MAX_EXTENTS && number(&p, &inside) && number(&p, &outside) &&
               number(&p, &count)) {
            m->extents[m->len].first = inside;
            m->extents[m->len++].count = count;
            m->total += count;
            m->is_machines = m->len == 1 && !inside && !outside && count == UINT32_MAX;
            p += strspn(p, " \t\n");
        }
    }
    if (m->len)
        return;
    m->is_machines = true;
    m->extents[m->len++].count = UINT32_MAX; /* a kernel without namespaces, or no /proc */
    m->total = UINT32_MAX;
}

static void
read_maps(void)
{
    read_map("/proc/self/uid_map", &users);
    read_map("/proc/self/gid_map", &groups);
}

static bool
has(const struct id_map *m, uint32_t id)
{
    for (size_t i = 0; i < m->len; i++)
        if (id >= m->extents[i].first && id - m->extents[i].first < m->extents[i].count)
            return true;
    return false;
}

bool
tenon_ids_have(uint32_t uid, uint32_t gid)
{
    pthread_once(&once, read_maps);
    return has(&users, uid) && has(&groups, gid);
}

bool
tenon_ids_single(void)
{
    pthread_once(&once, read_maps);
    return users.total <= 1 || groups.total <= 1;
}

bool
tenon_ids_mapped(void)
{
    struct id_map now = {0};
    read_map("/proc/self/uid_map", &now);
    return !now.is_machines;
}

void
tenon_ids_totals(uint64_t *user_count, uint64_t *group_count)
{
    pthread_once(&once, read_maps);
    *user_count = users.total;
    *group_count = groups.total;
}

void
tenon_ids_advise(const char *command)
{
    free(advice);
    advice = tenon_strdup(command);
}

const char *
tenon_ids_advice(void)
{
    return advice;
}

int
tenon_error_owner(struct tenon_error *err, uint32_t uid, uint32_t gid, const char *fmt, ...)
{
    int sys = errno;
    va_list ap;
    va_start(ap, fmt);
    auto_free char *what = tenon_vasprintf(fmt, ap);
    va_end(ap);
    if (sys != EINVAL || tenon_ids_have(uid, gid))
        return tenon_error_errno(err, sys, "%s", what);
    if (tenon_ids_single()) {
        tenon_error_set(err, TENON_E_UNSUPPORTED,
                        "%s: no ids %u:%u: this user has one id to build with, which is "
                        "0:0 inside the image", what, uid, gid);
        return tenon_error_hint(err, "%s", advice ? advice : "have ids set aside in /etc/subuid "
                                                             "and /etc/subgid");
    }
    tenon_error_set(err, TENON_E_UNSUPPORTED,
                    "%s: no ids %u:%u among this user's %llu user ids and %llu group ids",
                    what, uid, gid, (unsigned long long)users.total,
                    (unsigned long long)groups.total);
    return tenon_error_hint(err, "have a larger range in /etc/subuid and /etc/subgid");
}

/* By system calls of the kernel's own, which are about this thread; libc's would be about the
 * process.  Another user's loses the capabilities about files with it. */
void
tenon_ids_act_as(uint32_t id)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct before[2];
    bool known = syscall(SYS_capget, &h, before) == 0;
    (void)syscall(SYS_setfsgid, id);
    (void)syscall(SYS_setfsuid, id);
    if (known)
        (void)syscall(SYS_capset, &h, before);
}
