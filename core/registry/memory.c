/* registry/memory.c - what a build has learned of the servers it talks to. */
#include <string.h>

#include "tools/alloc.h"
#include "registry/private.h"

struct host {
    char *name;
    unsigned known; /* TENON_HOST_* */
    struct host *next;
};

/* A mirror of one path may be ill and another be well; both schemes are one server. */
static const char *
name_of(const struct tenon_endpoint *e)
{
    return strstr(e->base, "://") + 3;
}

static struct host *
find(const struct tenon_registry *r, const char *name)
{
    struct host *h = r->hosts;
    while (h && strcmp(h->name, name) != 0)
        h = h->next;
    return h;
}

bool
tenon_host_is(struct tenon_registry *r, const struct tenon_endpoint *e, unsigned what)
{
    pthread_mutex_lock(&r->lock);
    const struct host *h = find(r, name_of(e));
    bool is = h && (h->known & what);
    pthread_mutex_unlock(&r->lock);
    return is;
}

bool
tenon_host_set(struct tenon_registry *r, const struct tenon_endpoint *e, unsigned what, bool on)
{
    pthread_mutex_lock(&r->lock);
    struct host *h = find(r, name_of(e));
    if (!h && on) {
        h = tenon_new0(struct host);
        h->name = tenon_strdup(name_of(e));
        h->next = r->hosts;
        r->hosts = h;
    }
    unsigned before = h ? h->known : 0;
    if (h)
        h->known = on ? before | what : before & ~what;
    pthread_mutex_unlock(&r->lock);
    return !(before & what) == on;
}

void
tenon_hosts_free(struct tenon_registry *r)
{
    while (r->hosts) {
        struct host *h = r->hosts;
        r->hosts = h->next;
        free(h->name);
        free(h);
    }
}
